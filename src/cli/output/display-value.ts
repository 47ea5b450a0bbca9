import { type DuckDbType, isIceboxError, parseDuckDbType } from '../../base/index.ts'
import type { SqlValue } from '../../lakehouse/api.ts'
import { isList } from './json-value.ts'
import { shortestFloat } from './number-text.ts'
import { visibleText } from './text-width.ts'

/** How a column's values are shown to people: maps `{k: v}`, rows `(1, 2)`, floats as short as they are. */
export function displayer(type: string): (value: SqlValue, limit: number) => string {
  const parsed = typeOf(type)
  return (value, limit) => cut(rawText(value, limit, parsed), limit)
}

/** A text as people read it in a table, at most about `limit` characters. */
export function displayText(text: string, limit: number): string {
  return cut(text, limit)
}

function cut(text: string, limit: number): string {
  return visibleText(text.length > limit ? `${text.slice(0, limit)}…` : text)
}

/** Undefined for a type that has no text of its own: values are shown by what they are. */
function typeOf(type: string): DuckDbType | undefined {
  try {
    return parseDuckDbType(type)
  } catch (error) {
    if (isIceboxError(error)) return undefined
    throw error
  }
}

/** Nothing longer than the limit is built, however large the value. */
function rawText(value: SqlValue, limit: number, type: DuckDbType | undefined): string {
  if (value === null) return 'NULL'
  if (typeof value === 'object') return compound(value, limit, type)
  if (typeof value !== 'number') return String(value)
  const shown = type?.kind === 'scalar' && type.name === 'FLOAT' ? shortestFloat(value) : value
  return Object.is(shown, -0) ? '-0' : String(shown)
}

function compound(
  value: Uint8Array | readonly SqlValue[] | { readonly [name: string]: SqlValue },
  limit: number,
  type: DuckDbType | undefined,
): string {
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value.subarray(0, limit)).toString('hex')}`
  if (isList(value)) return listText(value, limit, type)
  const types = new Map(type?.kind === 'struct' ? type.fields.map((field) => [field.name, field.type]) : [])
  const field = ([name, inner]: [string, SqlValue]) => `${name}: ${rawText(inner, limit, types.get(name))}`
  return gathered('{', Object.entries(value), field, '}', limit)
}

/** Maps and structs without names come as lists too; only the type tells them apart. */
function listText(values: readonly SqlValue[], limit: number, type: DuckDbType | undefined): string {
  if (type?.kind === 'map') {
    const sides = [type.key, type.value]
    const pair = (entry: SqlValue) =>
      Array.isArray(entry)
        ? entry.map((side: SqlValue, at) => rawText(side, limit, sides[at])).join(': ')
        : rawText(entry, limit, undefined)
    return gathered('{', values, pair, '}', limit)
  }
  if (type?.kind === 'struct')
    return gathered('(', values, (value, at) => rawText(value, limit, type.fields[at]?.type), ')', limit)
  const element = type?.kind === 'list' ? type.element : undefined
  return gathered('[', values, (value) => rawText(value, limit, element), ']', limit)
}

/** Joins pieces until the limit is passed; the cut itself is the caller's. */
function gathered<T>(
  open: string,
  items: readonly T[],
  show: (item: T, at: number) => string,
  close: string,
  limit: number,
): string {
  let text = open
  for (const [at, item] of items.entries()) {
    text += at === 0 ? show(item, at) : `, ${show(item, at)}`
    if (text.length > limit) return text
  }
  return text + close
}
