import type { Literal } from '../spec/types.ts'

/**
 * Order of two values of one column for filters: numbers and bigints mix (a column may have been widened), -0.0 equals 0.0,
 * NaN equals NaN and is above all numbers, strings go by code point (the order of UTF-8), bytes unsigned. `undefined` where
 * the two cannot be compared, which filters take as "may match".
 */
export function compareForFilter(a: Literal, b: Literal): number | undefined {
  if (typeof a === 'string') return typeof b === 'string' ? compareCodePoints(a, b) : undefined
  if (isNumeric(a) && isNumeric(b)) {
    const leftNan = Number.isNaN(a)
    const rightNan = Number.isNaN(b)
    if (leftNan || rightNan) return Number(leftNan) - Number(rightNan)
    return a < b ? -1 : a > b ? 1 : 0
  }
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b)
  return undefined
}

function isNumeric(value: Literal): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

export function isNan(value: Literal): boolean {
  return typeof value === 'number' && Number.isNaN(value)
}

/** JavaScript orders strings by UTF-16 unit, which differs from code points where a surrogate meets U+E000 to U+FFFF. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at)
    const right = b.charCodeAt(at)
    if (left === right) continue
    return rank(left) - rank(right)
  }
  return a.length - b.length
}

/** Units of surrogate pairs go above all other units, as the code points they make. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
