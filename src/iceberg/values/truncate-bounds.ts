import type { Literal, PrimitiveType } from '../spec/types.ts'

/** `write.metadata.metrics.default` of the reference implementation: truncate(16). */
export const DEFAULT_BOUND_LENGTH = 16

/**
 * A lower bound no longer than `length` code points (string) or bytes (binary): a prefix sorts before what it is a prefix
 * of. Other types, fixed among them, stay whole.
 */
export function truncateLowerBound(type: PrimitiveType, value: Literal, length = DEFAULT_BOUND_LENGTH): Literal {
  if (type.kind === 'string' && typeof value === 'string') return codePointPrefix(value, length)
  if (type.kind === 'binary' && value instanceof Uint8Array) return value.subarray(0, length)
  return value
}

/**
 * An upper bound no longer than `length`: where something was cut off, the prefix is raised at its last code point (byte)
 * that can be raised and ends there. Undefined where none can be: then there is no bound (invariant I11).
 */
export function truncateUpperBound(
  type: PrimitiveType,
  value: Literal,
  length = DEFAULT_BOUND_LENGTH,
): Literal | undefined {
  if (type.kind === 'string' && typeof value === 'string') {
    const prefix = codePointPrefix(value, length)
    return prefix.length === value.length ? value : raiseString(prefix)
  }
  if (type.kind === 'binary' && value instanceof Uint8Array) {
    return value.length <= length ? value : raiseBytes(value.subarray(0, length))
  }
  return value
}

/** The first `length` code points. */
export function codePointPrefix(text: string, length: number): string {
  if (text.length <= length) return text
  let end = 0
  for (let count = 0; count < length && end < text.length; count++) {
    end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1
  }
  return text.slice(0, end)
}

function raiseString(prefix: string): string | undefined {
  const points = Array.from(prefix)
  for (let at = points.length - 1; at >= 0; at--) {
    const point = points[at]?.codePointAt(0) ?? 0
    // Surrogates are no characters: the one after U+D7FF is U+E000. A lone surrogate is written as U+FFFD in UTF-8.
    const raised = point >= 0xd7ff && point <= 0xdfff ? (point === 0xd7ff ? 0xe000 : 0xfffe) : point + 1
    if (raised <= 0x10ffff) return points.slice(0, at).join('') + String.fromCodePoint(raised)
  }
  return undefined
}

function raiseBytes(prefix: Uint8Array): Uint8Array | undefined {
  for (let at = prefix.length - 1; at >= 0; at--) {
    const byte = prefix[at] ?? 0xff
    if (byte < 0xff) {
      const raised = prefix.slice(0, at + 1)
      raised[at] = byte + 1
      return raised
    }
  }
  return undefined
}
