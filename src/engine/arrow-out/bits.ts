import type { Validity } from '../validity.ts'

/** Some rows of a validity mask: `all` have a value, `none` has, or as the bits say from bit `from` on. */
export interface ValidityRange {
  readonly bits: Validity | 'none'
  readonly from: number
  readonly count: number
}

/** Bits that are 0 among `count` from bit `from` on. */
export function countZeros(bits: Uint8Array, from: number, count: number): number {
  let zeros = 0
  let at = from
  const end = from + count
  for (; at < end && (at & 7) !== 0; at++) zeros += 1 - bitAt(bits, at)
  for (; at + 8 <= end; at += 8) {
    const byte = bits[at >> 3] ?? 0
    if (byte !== 0xff) zeros += 8 - (ONES[byte] ?? 0)
  }
  for (; at < end; at++) zeros += 1 - bitAt(bits, at)
  return zeros
}

const ONES = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length)

export function bitAt(bits: Uint8Array, at: number): 0 | 1 {
  return (((bits[at >> 3] ?? 0) >> (at & 7)) & 1) === 1 ? 1 : 0
}

/** Writes masks one after the other as Arrow has them, which is the bit order that DuckDB has. */
export function writeValidity(target: Uint8Array, ranges: readonly ValidityRange[]): void {
  target.fill(0)
  let at = 0
  for (const { bits, from, count } of ranges) {
    if (bits === null) setBits(target, at, count)
    else if (bits !== 'none') copyBits(target, at, bits, from, count)
    at += count
  }
}

/** Sets `count` bits from bit `at` on. */
function setBits(target: Uint8Array, at: number, count: number): void {
  const end = at + count
  let bit = at
  for (; bit < end && (bit & 7) !== 0; bit++) setBit(target, bit)
  const bytes = (end - bit) >> 3
  if (bytes > 0) target.fill(0xff, bit >> 3, (bit >> 3) + bytes)
  for (bit += Math.max(0, bytes) * 8; bit < end; bit++) setBit(target, bit)
}

/** Copies bits over zeros; whole bytes where both begin at one. */
function copyBits(target: Uint8Array, at: number, source: Uint8Array, from: number, count: number): void {
  let done = 0
  if ((at & 7) === 0 && (from & 7) === 0) {
    const bytes = count >> 3
    target.set(source.subarray(from >> 3, (from >> 3) + bytes), at >> 3)
    done = bytes * 8
  }
  for (; done < count; done++) if (bitAt(source, from + done) === 1) setBit(target, at + done)
}

export function setBit(target: Uint8Array, at: number): void {
  target[at >> 3] = (target[at >> 3] ?? 0) | (1 << (at & 7))
}
