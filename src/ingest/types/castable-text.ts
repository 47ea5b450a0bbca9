import { formatLiteral, type Literal, type PrimitiveType } from '../../iceberg/index.ts'

/** A value as text that DuckDB casts to the column's type without loss. */
export function castableText(type: PrimitiveType, value: Literal): string {
  if (value instanceof Uint8Array && type.kind !== 'uuid') {
    return Array.from(value, (byte) => `\\x${byte.toString(16).padStart(2, '0').toUpperCase()}`).join('')
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  }
  if (typeof value === 'number' && type.kind !== 'date') return String(value)
  if (typeof value === 'string') return value
  return formatLiteral(type, value)
}
