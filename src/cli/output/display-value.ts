import type { SqlValue } from '../../lakehouse/api.ts'
import { isList } from './json-value.ts'
import { visibleText } from './text-width.ts'

/** A value as people read it in a table, at most about `limit` characters: nothing longer is built, however large the value. */
export function displayText(value: SqlValue, limit: number, type = ''): string {
  const text = isMap(value, type) ? mapText(value, limit) : rawText(value, limit)
  return visibleText(text.length > limit ? `${text.slice(0, limit)}…` : text)
}

function rawText(value: SqlValue, limit: number): string {
  if (value === null) return 'NULL'
  if (typeof value === 'object') return compound(value, limit)
  return Object.is(value, -0) ? '-0' : String(value)
}

/** Maps come as lists of pairs; only the type tells them apart. */
function isMap(value: SqlValue, type: string): value is readonly SqlValue[] {
  return type.startsWith('MAP(') && Array.isArray(value)
}

function mapText(pairs: readonly SqlValue[], limit: number): string {
  const show = (pair: SqlValue) =>
    Array.isArray(pair) ? pair.map((side: SqlValue) => rawText(side, limit)).join(': ') : rawText(pair, limit)
  return gathered('{', pairs, show, '}', limit)
}

function compound(
  value: Uint8Array | readonly SqlValue[] | { readonly [name: string]: SqlValue },
  limit: number,
): string {
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value.subarray(0, limit)).toString('hex')}`
  return isList(value)
    ? gathered('[', value, (inner) => rawText(inner, limit), ']', limit)
    : gathered('{', Object.entries(value), ([name, inner]) => `${name}: ${rawText(inner, limit)}`, '}', limit)
}

/** Joins pieces until the limit is passed; the cut itself is the caller's. */
function gathered<T>(
  open: string,
  items: readonly T[],
  show: (item: T) => string,
  close: string,
  limit: number,
): string {
  let text = open
  for (const [index, item] of items.entries()) {
    text += index === 0 ? show(item) : `, ${show(item)}`
    if (text.length > limit) return text
  }
  return text + close
}
