import type { SqlValue } from '../../lakehouse/api.ts'
import { doubleText } from './number-text.ts'
import { escapedText } from './text-width.ts'

/**
 * A value as JSON by the rules of Icebox: integers beyond 2^53 are strings (decimals and times come as text already), NaN
 * and infinities are strings, binary is base64. Lists are arrays, structs objects, maps arrays of [key, value].
 */
export function jsonText(value: SqlValue): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') return numberText(value)
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (typeof value === 'bigint') return isExact(value) ? String(value) : `"${value}"`
  return compoundText(value)
}

function compoundText(value: Uint8Array | readonly SqlValue[] | { readonly [name: string]: SqlValue }): string {
  if (value instanceof Uint8Array) return `"${base64Text(value)}"`
  if (isList(value)) return `[${value.map(jsonText).join(',')}]`
  const fields = Object.entries(value).map(([name, inner]) => `${JSON.stringify(name)}:${jsonText(inner)}`)
  return `{${fields.join(',')}}`
}

/** `Array.isArray` does not narrow readonly arrays. */
export function isList(
  value: readonly SqlValue[] | { readonly [name: string]: SqlValue },
): value is readonly SqlValue[] {
  return Array.isArray(value)
}

export function base64Text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

function isExact(value: bigint): boolean {
  return value <= 9007199254740991n && value >= -9007199254740991n
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`
  return doubleText(value)
}

/** A summary, plan or description as one line of JSON, by the same rules for numbers, that no terminal takes for orders. */
export function documentText(value: unknown): string {
  const text = JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === 'bigint') return isExact(inner) ? Number(inner) : String(inner)
    if (typeof inner === 'number' && !Number.isFinite(inner)) return String(inner)
    if (inner instanceof Map) return Object.fromEntries(inner)
    return inner
  })
  return escapedText(text)
}
