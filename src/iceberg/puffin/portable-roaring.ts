/** Roaring's portable format (RoaringFormatSpec): cookie, keys and cardinalities, offsets, containers. */
const COOKIE_WITH_RUNS = 12_347
const COOKIE_WITHOUT_RUNS = 12_346
const NO_OFFSETS_BELOW = 4
const MAX_CONTAINERS = 65_536
const MAX_ARRAY = 4096
const BITMAP_BYTES = 8192

/**
 * How many bytes the 32-bit bitmap at `start` takes, or undefined where it is cut off or no bitmap. Nothing else says
 * where the next one of a 64-bit vector starts, and it keeps damaged bytes out of the native code.
 */
export function portableLength(bytes: Uint8Array, start: number): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const fits = (at: number, length: number) => at + length <= bytes.length
  if (!fits(start, 4)) return undefined
  const cookie = view.getUint32(start, true)
  let at = start + 4
  let containers: number
  let runFlags: Uint8Array | undefined
  if ((cookie & 0xffff) === COOKIE_WITH_RUNS) {
    containers = (cookie >>> 16) + 1
    const flagBytes = Math.ceil(containers / 8)
    if (!fits(at, flagBytes)) return undefined
    runFlags = bytes.subarray(at, at + flagBytes)
    at += flagBytes
  } else if (cookie === COOKIE_WITHOUT_RUNS && fits(at, 4)) {
    containers = view.getUint32(at, true)
    at += 4
  } else return undefined
  if (containers > MAX_CONTAINERS) return undefined
  const header = at
  at += containers * 4
  if (runFlags === undefined || containers >= NO_OFFSETS_BELOW) at += containers * 4
  if (!fits(at, 0)) return undefined
  let lastKey = -1
  for (let index = 0; index < containers; index++) {
    const key = view.getUint16(header + index * 4, true)
    if (key <= lastKey) return undefined
    lastKey = key
    const cardinality = view.getUint16(header + index * 4 + 2, true) + 1
    const isRun = runFlags !== undefined && (((runFlags[index >>> 3] ?? 0) >>> (index & 7)) & 1) === 1
    if (isRun) {
      if (!fits(at, 2)) return undefined
      at += 2 + view.getUint16(at, true) * 4
    } else at += cardinality <= MAX_ARRAY ? cardinality * 2 : BITMAP_BYTES
    if (!fits(at, 0)) return undefined
  }
  return at - start
}
