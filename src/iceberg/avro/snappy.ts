import { invalidAvro } from './invalid.ts'

/** Unpacks raw snappy (google/snappy, format_description.txt): a length, then literals and copies of what came before. */
export function decompressSnappy(input: Uint8Array, maxBytes: number): Uint8Array {
  const { size, headerBytes } = snappyLength(input, maxBytes)
  let at = headerBytes
  const next = () => {
    const byte = input[at++]
    if (byte === undefined) throw invalidAvro('a snappy block ends in the middle')
    return byte
  }
  const littleEndian = (bytes: number) => {
    let value = 0
    for (let index = 0; index < bytes; index++) value += next() * 2 ** (8 * index)
    return value
  }
  const output = new Uint8Array(size)
  let end = 0
  const checkRoom = (length: number) => {
    if (end + length > size) throw invalidAvro('a snappy block unpacks to more than it says')
  }
  while (at < input.length) {
    const tag = next()
    const kind = tag & 3
    if (kind === 0) {
      const short = tag >>> 2
      const length = (short < 60 ? short : littleEndian(short - 59)) + 1
      checkRoom(length)
      if (at + length > input.length) throw invalidAvro('a snappy block ends in the middle')
      output.set(input.subarray(at, at + length), end)
      at += length
      end += length
      continue
    }
    const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1
    const offset = kind === 1 ? ((tag >>> 5) << 8) | next() : littleEndian(kind === 2 ? 2 : 4)
    checkRoom(length)
    if (offset === 0 || offset > end) throw invalidAvro('a snappy block copies from before its start')
    // A copy may overlap what it writes: byte by byte.
    for (let index = 0; index < length; index++) output[end + index] = output[end + index - offset] ?? 0
    end += length
  }
  if (end !== size) throw invalidAvro(`a snappy block unpacks to ${end} bytes, not ${size}`)
  return output
}

/** How long the text in front says that it is unpacked, and how many bytes say so. */
export function snappyLength(input: Uint8Array, maxBytes: number): { size: number; headerBytes: number } {
  let size = 0
  let at = 0
  for (let scale = 1; ; scale *= 0x80) {
    const byte = input[at++]
    if (byte === undefined) throw invalidAvro('a snappy block ends in the middle')
    size += (byte & 0x7f) * scale
    if (byte < 0x80) break
    if (scale > 2 ** 28) throw invalidAvro('a snappy block has no valid length')
  }
  if (size > maxBytes) throw invalidAvro(`a snappy block unpacks to ${size} bytes; at most ${maxBytes} are taken`)
  return { size, headerBytes: at }
}
