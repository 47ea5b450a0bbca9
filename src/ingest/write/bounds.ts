import { IceboxError } from '../../base/index.ts'
import { type Literal, type PrimitiveType, typeToString } from '../../iceberg/index.ts'
import {
  fromHex,
  parseDate,
  parseDecimal,
  parseTime,
  parseTimestamp,
  parseUuid,
  truncateLowerBound,
  truncateUpperBound,
} from '../../iceberg/values/index.ts'

/**
 * The value of a minimum or maximum as DuckDB's `RETURN_STATS` prints it, or undefined where the text does not say the
 * value exactly (infinite dates, years before Christ, NaN, offsets other than UTC): such a bound is left out.
 */
export function parseStatistic(type: PrimitiveType, text: string): Literal | undefined {
  switch (type.kind) {
    case 'boolean':
      return text === '1' || text === 'true' ? true : text === '0' || text === 'false' ? false : undefined
    case 'int':
      return /^-?\d{1,10}$/.test(text) ? Number(text) : undefined
    case 'long':
      return /^-?\d{1,19}$/.test(text) ? BigInt(text) : undefined
    case 'float':
      return real(text, Math.fround)
    case 'double':
      return real(text, (value) => value)
    case 'decimal':
      return /^-?\d*\.?\d+$/.test(text) ? parseDecimal(text, type.precision, type.scale) : undefined
    case 'date':
      return parseDate(text)
    case 'time':
      return parseTime(text, 6)
    case 'timestamp':
      return parseTimestamp(text.replace(' ', 'T'), 6)
    case 'timestamptz':
      return text.endsWith('+00') ? parseTimestamp(text.slice(0, -3).replace(' ', 'T'), 6) : undefined
    case 'timestamp_ns':
      return parseTimestamp(text.replace(' ', 'T'), 9)
    case 'string':
      return text
    case 'uuid':
      return parseUuid(text)
    case 'binary':
      return fromHex(text)
    case 'fixed':
    case 'timestamptz_ns':
    case 'unknown':
      return undefined
  }
}

function real(text: string, round: (value: number) => number): number | undefined {
  if (text === 'inf') return Number.POSITIVE_INFINITY
  if (text === '-inf') return Number.NEGATIVE_INFINITY
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text)) return undefined
  return round(Number(text))
}

/** A lower bound that is stored: cut to 16 (invariant I11); zero as -0.0, which is below 0.0 and prints alike. */
export function lowerBound(type: PrimitiveType, value: Literal): Literal {
  return isZero(type, value) ? -0 : truncateLowerBound(type, value)
}

/** An upper bound that is stored; undefined where a cut one cannot be raised. */
export function upperBound(type: PrimitiveType, value: Literal): Literal | undefined {
  return isZero(type, value) ? 0 : truncateUpperBound(type, value)
}

function isZero(type: PrimitiveType, value: Literal): boolean {
  return (type.kind === 'float' || type.kind === 'double') && value === 0
}

/** The value that a key stands for. Rejects (throws) `ingest/partition`. */
export function exact(type: PrimitiveType, text: string): Literal {
  const value = parseStatistic(type, text)
  if (value === undefined) {
    throw new IceboxError('ingest/partition', {
      message: `the partition value '${text}' of the type ${typeToString(type)} cannot be read`,
      remedy: 'partition by another column',
      context: { value: text },
    })
  }
  return value
}
