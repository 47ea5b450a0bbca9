import { IceboxError, type Json, printJson, unreachable } from '../../base/index.ts'
import { typeToString } from '../spec/type-text.ts'
import type { Literal, PrimitiveType } from '../spec/types.ts'
import { parseDate, parseTime, parseTimestamp } from './calendar.ts'
import { formatDecimal, formatLiteral, formatUuid, fromHex, parseDecimal, parseUuid, toHex } from './format.ts'
import { mismatch } from './mismatch.ts'

/** The JSON form of a value (Iceberg spec, Appendix D, "JSON single-value serialization"). */
export function literalToJson(type: PrimitiveType, value: Literal): Json {
  switch (type.kind) {
    case 'boolean':
      return typeof value === 'boolean' ? value : mismatch(type, value)
    case 'int':
    case 'float':
    case 'double':
      return typeof value === 'number' && Number.isFinite(value) ? value : mismatch(type, value)
    case 'long':
      return typeof value === 'bigint' ? value : mismatch(type, value)
    case 'string':
      return typeof value === 'string' ? value : mismatch(type, value)
    case 'decimal':
      return typeof value === 'bigint' ? formatDecimal(value, type.scale) : mismatch(type, value)
    case 'uuid':
      return value instanceof Uint8Array && value.length === 16 ? formatUuid(value) : mismatch(type, value)
    case 'fixed':
    case 'binary':
      return value instanceof Uint8Array ? toHex(value) : mismatch(type, value)
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return formatLiteral(type, value)
    case 'unknown':
      return mismatch(type, value)
    default:
      return unreachable(type)
  }
}

/** The value of its JSON form. Rejects `iceberg/invalid-metadata` naming type and value. */
export function literalFromJson(type: PrimitiveType, json: Json): Literal {
  const value = parse(type, json)
  if (value !== undefined) return value
  throw new IceboxError('iceberg/invalid-metadata', {
    message: `${printJson(json)} is not the JSON form of a value of the type ${typeToString(type)}`,
  })
}

function parse(type: PrimitiveType, json: Json): Literal | undefined {
  const text = typeof json === 'string' ? json : ''
  switch (type.kind) {
    case 'boolean':
      return typeof json === 'boolean' ? json : undefined
    case 'int':
      return typeof json === 'number' && json === (json | 0) ? json : undefined
    case 'float':
    case 'double':
      return typeof json === 'number' || typeof json === 'bigint' ? Number(json) : undefined
    case 'long': {
      const long = typeof json === 'bigint' ? json : Number.isSafeInteger(json) ? BigInt(Number(json)) : undefined
      return long !== undefined && BigInt.asIntN(64, long) === long ? long : undefined
    }
    case 'string':
      return typeof json === 'string' ? json : undefined
    case 'decimal':
      return parseDecimal(text, type.precision, type.scale)
    case 'uuid':
      return parseUuid(text)
    case 'binary':
      return typeof json === 'string' ? fromHex(json) : undefined
    case 'fixed': {
      const bytes = fromHex(text)
      return bytes?.length === type.length ? bytes : undefined
    }
    case 'date':
      return parseDate(text)
    case 'time':
      return parseTime(text, 6)
    case 'timestamp':
      return parseTimestamp(text, 6)
    case 'timestamp_ns':
      return parseTimestamp(text, 9)
    case 'timestamptz':
      return parseTimestamp(withoutUtc(text), 6)
    case 'timestamptz_ns':
      return parseTimestamp(withoutUtc(text), 9)
    case 'unknown':
      return undefined
    default:
      return unreachable(type)
  }
}

function withoutUtc(text: string): string {
  return /^(.*)(?:\+00:00|Z)$/.exec(text)?.[1] ?? ''
}
