import type { Literal, PrimitiveType } from '../../iceberg/index.ts'

/** A literal as DuckDB prints it in a plan: `5`, `'2020-03-01'::DATE`, `true`. */
export interface LiteralText {
  readonly text: string
  readonly isQuoted: boolean
  /** The type after `::`, upper case; undefined where none was printed. */
  readonly type: string | undefined
}

/** Types that the literal may have for the column's comparison to be one of equal types. Undefined: no type is printed. */
const PRINTED: Readonly<Partial<Record<PrimitiveType['kind'], readonly string[]>>> = {
  date: ['DATE'],
  time: ['TIME'],
  timestamp: ['TIMESTAMP'],
  timestamptz: ['TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ'],
  timestamp_ns: ['TIMESTAMP_NS'],
  timestamptz_ns: ['TIMESTAMP_NS'],
  uuid: ['UUID'],
  binary: ['BLOB'],
  fixed: ['BLOB'],
}

/**
 * The value of a printed literal in the terms of the column's type; undefined where it cannot be read for certain
 * (infinity, years before 1, another type, a value that the column cannot hold).
 */
export function literalFromPlan(type: PrimitiveType, literal: LiteralText): Literal | undefined {
  const { text, isQuoted } = literal
  const printed = PRINTED[type.kind]
  if (printed !== undefined) {
    if (!isQuoted || literal.type === undefined || !printed.includes(literal.type)) return undefined
    return temporalOrBytes(type, text)
  }
  switch (type.kind) {
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined
    case 'int': {
      const value = isQuoted ? Number.NaN : Number(text)
      return /^-?\d+$/.test(text) && value === (value | 0) ? value : undefined
    }
    case 'long': {
      if (isQuoted || !/^-?\d+$/.test(text)) return undefined
      const value = BigInt(text)
      return BigInt.asIntN(64, value) === value ? value : undefined
    }
    case 'float':
    case 'double': {
      const value = floatOf(literal)
      return value === undefined ? undefined : type.kind === 'float' ? Math.fround(value) : value
    }
    case 'decimal':
      return isQuoted ? undefined : unscaled(text, type.scale)
    case 'string':
      return isQuoted && (literal.type === undefined || literal.type === 'VARCHAR') ? text : undefined
    default:
      return undefined
  }
}

function floatOf(literal: LiteralText): number | undefined {
  if (!literal.isQuoted) return /^-?[\d.]+(e[+-]?\d+)?$/i.test(literal.text) ? Number(literal.text) : undefined
  if (literal.type !== 'DOUBLE' && literal.type !== 'FLOAT') return undefined
  const special: Readonly<Record<string, number>> = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity }
  return special[literal.text.toLowerCase()]
}

/** The unscaled integer of a decimal; undefined where the text has more digits than the scale holds. */
function unscaled(text: string, scale: number): bigint | undefined {
  const match = /^(-?)(\d*)(?:\.(\d*))?$/.exec(text)
  const fraction = (match?.[3] ?? '').replace(/0+$/, '')
  if (match === null || fraction.length > scale) return undefined
  const magnitude = BigInt(`${match[2] === '' ? '0' : match[2]}${fraction.padEnd(scale, '0')}`)
  return match[1] === '-' ? -magnitude : magnitude
}

function temporalOrBytes(type: PrimitiveType, text: string): Literal | undefined {
  switch (type.kind) {
    case 'date':
      return daysOf(text)
    case 'time':
      return timeOf(text, 6)
    case 'timestamp':
    case 'timestamptz':
      return timestampOf(text, 6, type.kind === 'timestamptz')
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return timestampOf(text, 9, false)
    case 'uuid': {
      const hex = text.replaceAll('-', '')
      return /^[0-9a-fA-F]{32}$/.test(hex) ? Uint8Array.from(Buffer.from(hex, 'hex')) : undefined
    }
    case 'binary':
    case 'fixed':
      return blobOf(text)
    default:
      return undefined
  }
}

function daysOf(text: string): number | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text)
  if (match === null) return undefined
  const date = new Date(0)
  date.setUTCFullYear(Number(match[1]), Number(match[2]) - 1, Number(match[3]))
  return Math.round(date.getTime() / 86_400_000)
}

/** Units of 10^-digits seconds since midnight. */
function timeOf(text: string, digits: number): bigint | undefined {
  const match = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?$/.exec(text)
  const fraction = match?.[4] ?? ''
  if (match === null || fraction.length > digits) return undefined
  const seconds = (Number(match[1]) * 60 + Number(match[2])) * 60 + Number(match[3])
  return BigInt(seconds) * 10n ** BigInt(digits) + BigInt(fraction.padEnd(digits, '0') || '0')
}

function timestampOf(text: string, digits: number, hasZone: boolean): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?$/.exec(text)
  if (match === null || (match[3] !== undefined) !== hasZone) return undefined
  const days = daysOf(match[1] ?? '')
  const time = timeOf(match[2] ?? '', digits)
  if (days === undefined || time === undefined) return undefined
  const offset = (Number(match[4] ?? 0) * 60 + Number(match[5] ?? 0)) * 60 + Number(match[6] ?? 0)
  const seconds = BigInt(days) * 86_400n - BigInt(match[3] === '-' ? -offset : offset)
  return seconds * 10n ** BigInt(digits) + time
}

/** DuckDB's text of a blob: printable ASCII as it is, other bytes as `\xNN`. */
function blobOf(text: string): Uint8Array | undefined {
  const bytes: number[] = []
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code > 0x7e || code < 0x20) return undefined
    if (text[at] !== '\\') {
      bytes.push(code)
      continue
    }
    const hex = /^x([0-9a-fA-F]{2})/.exec(text.slice(at + 1, at + 4))
    if (hex === null) return undefined
    bytes.push(Number.parseInt(hex[1] ?? '', 16))
    at += 3
  }
  return Uint8Array.from(bytes)
}
