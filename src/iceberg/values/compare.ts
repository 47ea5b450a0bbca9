import type { Literal, PrimitiveType } from '../spec/types.ts'
import { mismatch } from './mismatch.ts'

/**
 * The order of two values of a type, as bounds use it: negative, zero or positive. Strings go by code points (UTF-8
 * bytes), not by UTF-16 units; floats by IEEE 754 totalOrder, so -0 before 0 and NaN last; bytes and uuid unsigned.
 */
export function compareLiterals(type: PrimitiveType, a: Literal, b: Literal): number {
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b)
  if (typeof a === 'number' && typeof b === 'number') return compareNumbers(a, b)
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b ? -1 : a > b ? 1 : 0
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b)
  return mismatch(type, typeof a === typeof b ? a : b)
}

function compareNumbers(a: number, b: number): number {
  if (a < b) return -1
  if (a > b) return 1
  if (a === b) return a === 0 ? Number(Object.is(b, -0)) - Number(Object.is(a, -0)) : 0
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
}

/** Code point order. UTF-16 order differs only where a surrogate meets a unit from U+E000 on. */
function compareStrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const x = a.charCodeAt(at)
    const y = b.charCodeAt(at)
    if (x !== y) {
      const fixX = x >= 0xd800 && x <= 0xdfff ? x + 0x10000 : x
      const fixY = y >= 0xd800 && y <= 0xdfff ? y + 0x10000 : y
      return fixX - fixY
    }
  }
  return a.length - b.length
}
