import { halfPairAt } from '../../base/index.ts'
import {
  type ListType,
  type MapType,
  parseDate,
  parseDecimal,
  parseTime,
  parseTimestamp,
  parseUuid,
  type PrimitiveType,
  type StructType,
  type Type,
} from '../../iceberg/index.ts'
import { formatDecimal } from '../../iceberg/values/index.ts'
import { INHERITED, isPlain, isRecord, RecordName, unknownName } from './record.ts'

/** Why a value is not one of its type. */
export class Misfit {
  /** The place inside a nested value: `.street`, `[3]`. */
  readonly path: string
  readonly value: unknown
  readonly rule: string

  constructor(value: unknown, rule: string, path = '') {
    this.value = value
    this.rule = rule
    this.path = path
  }

  below(step: string): Misfit {
    return new Misfit(this.value, this.rule, step + this.path)
  }
}

/** JSON text of a value, or why there is none. */
export type EncodeValue = (value: unknown) => string | Misfit

/** `exact` keeps what was given; in `compared`, values that the engine takes for equal have one text. */
type Form = 'exact' | 'compared'

/**
 * How values of a type are written into the spool, read back by `rowsSelect`: numbers as JSON numbers,
 * decimals and what JSON has no number for as text, dates as days and times as microseconds from 1970, bytes as base64,
 * members of structs by field id. Nothing is rounded, cut or guessed: a value that its type does not hold is a
 * {@link Misfit}. A missing (undefined) value is NULL.
 */
export function encoderOf(type: Type, form: Form = 'exact'): EncodeValue {
  switch (type.kind) {
    case 'struct':
      return structEncoder(type, form)
    case 'list':
      return listEncoder(type, form)
    case 'map':
      return mapEncoder(type, form)
    default:
      return primitiveEncoder(type, form)
  }
}

function primitiveEncoder(type: PrimitiveType, form: Form): EncodeValue {
  switch (type.kind) {
    case 'boolean':
      return (value) => (typeof value === 'boolean' ? String(value) : fail(value, 'is not true or false'))
    case 'int':
      return wholeNumber(-(2n ** 31n), 2n ** 31n - 1n, 'int')
    case 'long':
      return wholeNumber(-(2n ** 63n), 2n ** 63n - 1n, 'long')
    case 'float':
      return (value) => real(value, Math.fround, 'float', form)
    case 'double':
      return (value) => real(value, (number) => number, 'double', form)
    case 'decimal':
      return (value) => decimal(value, type.precision, type.scale)
    case 'string':
      return string
    case 'uuid':
      return (value) =>
        typeof value === 'string' && parseUuid(value) !== undefined
          ? `"${form === 'compared' ? value.toLowerCase() : value}"`
          : fail(value, 'is not a uuid')
    case 'binary':
      return (value) =>
        value instanceof Uint8Array
          ? `"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}"`
          : fail(value, 'is not binary: give a Uint8Array')
    case 'date':
      return date
    case 'time':
      return time
    case 'timestamp':
      return timestamp
    case 'timestamp_ns':
      return timestampNs
    case 'timestamptz':
      return timestampTz
    case 'fixed':
    case 'timestamptz_ns':
    case 'unknown':
      return (value) => fail(value, `cannot be written: columns of the type ${type.kind} are not supported`)
  }
}

function fail(value: unknown, rule: string): Misfit {
  return new Misfit(value, rule)
}

function wholeNumber(least: bigint, most: bigint, name: string): EncodeValue {
  const leastNumber = Number(least)
  const mostNumber = Number(most)
  return (value) => {
    if (typeof value === 'number') {
      if (!Number.isInteger(value)) return fail(value, `is not ${name}: its fraction would be lost`)
      if (!Number.isSafeInteger(value)) return fail(value, `is beyond 2^53, where numbers are not exact: give a bigint`)
      if (value < leastNumber || value > mostNumber) return fail(value, `does not fit into ${name}`)
      // -0 is written as 0.
      return String(value)
    }
    const exact =
      typeof value === 'bigint'
        ? value
        : typeof value === 'string' && /^-?\d{1,20}$/.test(value)
          ? BigInt(value)
          : undefined
    if (exact === undefined) return fail(value, `is not ${name}`)
    return exact >= least && exact <= most ? exact.toString() : fail(value, `does not fit into ${name}`)
  }
}

const NOT_FINITE = new Set(['NaN', 'Infinity', '-Infinity'])

/** The nearest value of the type, as any reader of text takes it; what would become infinite or 0 is refused. */
function real(value: unknown, round: (value: number) => number, name: string, form: Form): string | Misfit {
  if (typeof value === 'string' && NOT_FINITE.has(value)) return `"${value}"`
  if (typeof value === 'bigint') {
    const number = round(Number(value))
    if (!Number.isFinite(number)) return fail(value, `does not fit into ${name}`)
    return BigInt(number) === value ? String(number) : fail(value, `has more digits than ${name} holds`)
  }
  if (typeof value !== 'number') return fail(value, `is not ${name}`)
  const rounded = round(value)
  if (Number.isFinite(value) && !Number.isFinite(rounded)) return fail(value, `does not fit into ${name}`)
  if (rounded === 0 && value !== 0) return fail(value, `is closer to 0 than to any other ${name}`)
  if (!Number.isFinite(rounded)) return `"${rounded}"`
  return Object.is(rounded, -0) && form === 'exact' ? '-0.0' : String(rounded)
}

/** More digits are no decimal: they would be read and divided for seconds before that is told. */
const MOST_DECIMAL_CHARACTERS = 1_000
const DECIMAL_LIMIT = 10n ** 38n

function decimal(value: unknown, precision: number, scale: number): string | Misfit {
  const type = `decimal(${precision}, ${scale})`
  if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'string')
    return fail(value, `is not ${type}`)
  const isLong =
    typeof value === 'string'
      ? value.length > MOST_DECIMAL_CHARACTERS
      : value >= DECIMAL_LIMIT || value <= -DECIMAL_LIMIT
  if (isLong) return fail(value, `does not fit into ${type} without rounding`)
  const text = String(value)
  const unscaled = parseDecimal(text, precision, scale)
  if (unscaled !== undefined) return `"${formatDecimal(unscaled, scale)}"`
  return /^[+-]?\d*\.?\d*(e[+-]?\d+)?$/i.test(text)
    ? fail(value, `does not fit into ${type} without rounding`)
    : fail(value, `is not ${type}`)
}

function string(value: unknown): string | Misfit {
  if (typeof value !== 'string') return fail(value, 'is not a string')
  // Half a surrogate pair has no UTF-8.
  return halfPairAt(value) >= 0 ? fail(value, 'holds half of a surrogate pair') : JSON.stringify(value)
}

const DAY_MS = 86_400_000
/** Years 1 to 9999: what every reader of Iceberg takes, and far from where the engine's dates end. */
const FIRST_DAY = -719_162
const LAST_DAY = 2_932_896
const FIRST_MICROS = BigInt(FIRST_DAY) * 86_400_000_000n
const END_MICROS = BigInt(LAST_DAY + 1) * 86_400_000_000n

function date(value: unknown): string | Misfit {
  const days =
    value instanceof Date ? value.getTime() / DAY_MS : typeof value === 'string' ? parseDate(value) : undefined
  if (days === undefined || Number.isNaN(days)) return fail(value, 'is not a date: write YYYY-MM-DD')
  if (!Number.isInteger(days)) return fail(value, 'is not a date: a Date must be midnight in UTC')
  return days >= FIRST_DAY && days <= LAST_DAY ? String(days) : fail(value, 'is not within the years 1 to 9999')
}

function time(value: unknown): string | Misfit {
  const micros = typeof value === 'string' ? parseTime(value, 6) : undefined
  return micros === undefined
    ? fail(value, 'is not a time: write HH:MM:SS, with up to six digits after a point')
    : String(micros)
}

function timestamp(value: unknown): string | Misfit {
  const micros = value instanceof Date ? instant(value) : localTime(value, 6)
  return micros === undefined
    ? fail(value, 'is not a timestamp: write YYYY-MM-DDTHH:MM:SS without an offset, up to six digits after a point')
    : withinYears(value, micros)
}

function timestampTz(value: unknown): string | Misfit {
  const micros = value instanceof Date ? instant(value) : zonedTime(value)
  return micros === undefined
    ? fail(value, 'is not a timestamptz: write YYYY-MM-DDTHH:MM:SS and Z or an offset, up to six digits after a point')
    : withinYears(value, micros)
}

function timestampNs(value: unknown): string | Misfit {
  const nanos = localTime(value, 9)
  if (nanos === undefined)
    return fail(value, 'is not a timestamp_ns: write YYYY-MM-DDTHH:MM:SS without an offset, up to nine digits')
  // The outermost values are the engine's infinities.
  return nanos > -(2n ** 63n) + 1n && nanos < 2n ** 63n - 1n ? String(nanos) : fail(value, 'is beyond timestamp_ns')
}

function withinYears(value: unknown, micros: bigint): string | Misfit {
  return micros >= FIRST_MICROS && micros < END_MICROS
    ? String(micros)
    : fail(value, 'is not within the years 1 to 9999')
}

function instant(value: Date): bigint | undefined {
  const ms = value.getTime()
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1000n
}

function localTime(value: unknown, digits: 6 | 9): bigint | undefined {
  return typeof value === 'string' ? parseTimestamp(value.replace(' ', 'T'), digits) : undefined
}

const ZONED = /^(.*?) ?(?:Z|([+-])(\d\d):?(\d\d)?)$/

function zonedTime(value: unknown): bigint | undefined {
  const match = typeof value === 'string' ? ZONED.exec(value) : null
  if (match === null) return undefined
  const [, local, sign, hours = '0', minutes = '0'] = match
  const micros = localTime(local, 6)
  if (micros === undefined || Number(hours) > 18 || Number(minutes) > 59) return undefined
  const offset = BigInt(Number(hours) * 60 + Number(minutes)) * 60_000_000n
  return sign === '-' ? micros + offset : micros - offset
}

function listEncoder(type: ListType, form: Form): EncodeValue {
  const element = memberEncoder(type.element, type.elementRequired, form)
  return (value) => {
    if (!Array.isArray(value)) return fail(value, 'is not a list: give an array')
    const items: readonly unknown[] = value
    const parts: string[] = []
    for (const [at, item] of items.entries()) {
      const part = element(item)
      if (typeof part !== 'string') return part.below(`[${at}]`)
      parts.push(part)
    }
    return `[${parts.join(',')}]`
  }
}

function mapEncoder(type: MapType, form: Form): EncodeValue {
  const key = memberEncoder(type.key, true, form)
  const item = memberEncoder(type.value, type.valueRequired, form)
  const compared = isSpelledOnce(type.key) ? undefined : memberEncoder(type.key, true, 'compared')
  return (value) => {
    const entries: unknown = value instanceof Map ? [...value] : value
    if (!Array.isArray(entries)) return fail(value, 'is not a map: give a Map, or an array of [key, value]')
    const pairs: readonly unknown[] = entries
    const seen = new Set<unknown>()
    const parts: string[] = []
    for (const [at, pair] of pairs.entries()) {
      if (!Array.isArray(pair) || pair.length !== 2) return fail(pair, 'is not a [key, value]').below(`[${at}]`)
      const [k, v] = [key(pair[0]), item(pair[1])]
      if (typeof k !== 'string') return k.below(`[${at}].key`)
      if (typeof v !== 'string') return v.below(`[${at}].value`)
      const same = compared === undefined ? k : compared(pair[0])
      if (seen.has(same)) return fail(pair[0], 'is twice among the keys of a map').below(`[${at}].key`)
      seen.add(same)
      parts.push(`{"k":${k},"v":${v}}`)
    }
    return `[${parts.join(',')}]`
  }
}

/** Whether values that the engine takes for equal have one text in any form: keys of maps are compared by it. */
function isSpelledOnce(type: Type): boolean {
  switch (type.kind) {
    case 'float':
    case 'double':
    case 'uuid':
      return false
    case 'list':
      return isSpelledOnce(type.element)
    case 'map':
      return isSpelledOnce(type.key) && isSpelledOnce(type.value)
    case 'struct':
      return type.fields.every((field) => isSpelledOnce(field.type))
    default:
      return true
  }
}

function structEncoder(type: StructType, form: Form): EncodeValue {
  const members = type.fields.map((field) => ({
    start: `"${field.id}":`,
    name: new RecordName(field.name),
    required: field.required,
    encode: encoderOf(field.type, form),
  }))
  const names = new Set(type.fields.map((field) => field.name))
  return (value) => {
    if (!isRecord(value)) return fail(value, 'is not a struct: give an object')
    const unknown = unknownName(value, Object.keys(value), names)
    if (unknown !== undefined) return fail(unknown, 'is no field of the struct')
    const isPlainValue = isPlain(value)
    const parts: string[] = []
    for (const { start, name, required, encode } of members) {
      const member = name.read(value, isPlainValue)
      if (isMissing(member)) {
        if (required) return missing(member).below(`.${name.text}`)
        continue
      }
      if (member === INHERITED)
        return fail(value, 'has it from its class: give an object that owns it').below(`.${name.text}`)
      const part = encode(member)
      if (typeof part !== 'string') return part.below(`.${name.text}`)
      parts.push(start + part)
    }
    return `{${parts.join(',')}}`
  }
}

function memberEncoder(type: Type, isRequired: boolean, form: Form): EncodeValue {
  const encode = encoderOf(type, form)
  return (value) => (isMissing(value) ? (isRequired ? missing(value) : 'null') : encode(value))
}

function missing(value: unknown): Misfit {
  return fail(value, 'is missing, and required')
}

export function isMissing(value: unknown): value is null | undefined {
  return value === undefined || value === null
}
