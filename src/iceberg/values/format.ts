import { unreachable } from '../../base/index.ts'
import type { Literal, PrimitiveType } from '../spec/types.ts'
import { formatDate, formatTime, formatTimestamp } from './calendar.ts'
import { mismatch } from './mismatch.ts'

/** Plain text of a decimal: `14.20`, `-0.05`, `0`. */
export function formatDecimal(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return unscaled < 0n ? `-${text}` : text
}

/** The unscaled value of a decimal's text at a scale, or undefined where it does not fit exactly. */
export function parseDecimal(text: string, precision: number, scale: number): bigint | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/.exec(text)
  const whole = match?.[2] ?? ''
  const fraction = match?.[3] ?? ''
  if (match === null || whole + fraction === '') return undefined
  const shift = scale - fraction.length + Number(match[4] ?? 0)
  const digits = BigInt(whole + fraction)
  const divisor = shift < 0 ? 10n ** BigInt(-shift) : 1n
  if (digits % divisor !== 0n) return undefined
  const unscaled = shift < 0 ? digits / divisor : digits * 10n ** BigInt(shift)
  if (unscaled >= 10n ** BigInt(precision)) return undefined
  return match[1] === '-' ? -unscaled : unscaled
}

/** `f79c3e09-677c-4bbd-a479-3f349cb785e7` */
export function formatUuid(bytes: Uint8Array): string {
  const hex = toHex(bytes)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

export function parseUuid(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)) return undefined
  return fromHex(text.replaceAll('-', ''))
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

export function fromHex(text: string): Uint8Array | undefined {
  return text.length % 2 === 0 && /^[0-9a-f]*$/i.test(text) ? new Uint8Array(Buffer.from(text, 'hex')) : undefined
}

/**
 * A value for people: dates and times as ISO 8601 (timestamptz in UTC with `+00:00`), decimals with their scale, uuid in
 * its usual form, fixed and binary as base64. Used in partition paths (as Java does) and in messages.
 */
export function formatLiteral(type: PrimitiveType, value: Literal): string {
  switch (type.kind) {
    case 'boolean':
    case 'int':
    case 'long':
    case 'float':
    case 'double':
    case 'string':
      return typeof value === 'object' ? mismatch(type, value) : String(value)
    case 'date':
      return typeof value === 'number' ? formatDate(value) : mismatch(type, value)
    case 'time':
      return typeof value === 'bigint' ? formatTime(value, 6) : mismatch(type, value)
    case 'timestamp':
      return typeof value === 'bigint' ? formatTimestamp(value, 6) : mismatch(type, value)
    case 'timestamptz':
      return typeof value === 'bigint' ? `${formatTimestamp(value, 6)}+00:00` : mismatch(type, value)
    case 'timestamp_ns':
      return typeof value === 'bigint' ? formatTimestamp(value, 9) : mismatch(type, value)
    case 'timestamptz_ns':
      return typeof value === 'bigint' ? `${formatTimestamp(value, 9)}+00:00` : mismatch(type, value)
    case 'decimal':
      return typeof value === 'bigint' ? formatDecimal(value, type.scale) : mismatch(type, value)
    case 'uuid':
      return value instanceof Uint8Array && value.length === 16 ? formatUuid(value) : mismatch(type, value)
    case 'fixed':
    case 'binary':
      return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : mismatch(type, value)
    case 'unknown':
      return mismatch(type, value)
    default:
      return unreachable(type)
  }
}
