import type { Type } from '../../iceberg/index.ts'
import { toDuckDbType } from '../types/mapping.ts'
import { quoteText } from '../sql.ts'

/**
 * A cast from text that keeps every value. DuckDB's own casts round 1.5 to 2 for BIGINT, cut times off dates, apply
 * offsets and turn 1e400 into infinity. Almost every value is told to be right by a comparison of a few nanoseconds
 * (`isPlainly`); the rest is looked at closely (`isExact`). Figures: docs/decisions/0010-checked-casts.md.
 */
export interface CheckedCast {
  /** The cast. */
  readonly value: string
  /** The cast, NULL where it cannot. */
  readonly tried: string
  /** Sufficient and cheap, given the SQL of the cast's result; undefined where every text is taken as it is. */
  readonly isPlainly: ((value: string) => string) | undefined
  /** Necessary and sufficient, for texts that the cast takes, given the SQL of its result. */
  readonly isExact: (value: string) => string
  /** A cheaper pair of a cast and its check, for those who compute a cast once and look at its result twice. */
  readonly quick?: QuickCast
}

/** Together sufficient: what it takes, the cast and `isExact` of {@link CheckedCast} take with the same result. */
export interface QuickCast {
  /** NULL where it cannot. */
  readonly value: string
  readonly isPlainly: (value: string) => string
}

export interface CastOptions {
  /** strptime's format of dates, instead of ISO 8601. */
  readonly format?: string | undefined
  /** A declared type takes leading zeros, a plus and blanks; for an inferred one they mean that it was no number. */
  readonly isDeclared: boolean
  /** Average length of the texts, where a sample showed it: what is tried first. */
  readonly usualLength?: number | undefined
  /** Numbers are those of JSON, of which DuckDB prints the double: 1.6424466900005683e17 comes as 164244669000056830.0. */
  readonly isJson?: boolean
}

/** Digits of a BIGINT. */
const MAX_DIGITS = 19
const USUAL_DIGITS = 6
/** Characters of 0xF4240. */
const LEAST_HEXADECIMAL = 7
/** Whole numbers below this in size are exact in a double; of larger ones only the text can tell. */
export const EXACT_IN_DOUBLE = '9007199254740992'

const EXACT_IN_FLOAT = '16777216'
/** Characters of 1e-46, the shortest that is closer to 0 than to any other float. */
const LEAST_TINY = 5

/** Whether a floating point number is the whole number that stands at the beginning of a text, however long that is. */
function isWholeNumber(text: string, value: string): string {
  return `TRY_CAST(regexp_extract(${text}, '[+-]?[0-9]+') AS BIGNUM) = TRY_CAST(CAST(${value} AS DOUBLE) AS BIGNUM)`
}

/** What no number begins with, though DuckDB (1.5.5) takes the minus for its sign. */
function hasTwoSigns(text: string): string {
  return `starts_with(ltrim(${text}), '+-')`
}

/**
 * A whole number without sign, leading zeros, fraction or exponent is at least 10 to the power of its length less one;
 * every other text that the cast takes is less (99.5 is 100 in four characters) or the same number (1e3), but for
 * hexadecimal digits: 0xF4240 is 1000000 in as many characters, the shortest that is not less.
 */
function isPlainInteger(text: string, value: string, usualLength = USUAL_DIGITS): string {
  // A CASE stops at the first length that fits: 4 ns a value where it is the first, 12 where it is the seventh.
  const lengths = Array.from({ length: MAX_DIGITS }, (_, at) => at + 1)
  const likelyFirst = lengths.toSorted((a, b) => Math.abs(a - usualLength) - Math.abs(b - usualLength) || b - a)
  const leastOf = (length: number) => (length === 1 ? '0' : `1${'0'.repeat(length - 1)}`)
  const cases = likelyFirst.map(
    (length) =>
      `WHEN ${length} THEN ${length < LEAST_HEXADECIMAL ? leastOf(length) : `CASE WHEN ${text} >= '1' THEN ${leastOf(length)} END`}`,
  )
  return `${value} >= CASE strlen(${text}) ${cases.join(' ')} END`
}

/** Whether a text with a format of strptime becomes this type: where an offset stands, it is one with a time zone. */
function isReadBy(type: Type, format: string): boolean {
  return type.kind === 'date' || type.kind === 'timestamp' || (type.kind === 'timestamptz' && hasOffset(format))
}

/** `%z` and `%Z`. */
export function hasOffset(format: string): boolean {
  return /%[zZ]/.test(format.replaceAll('%%', ''))
}

/**
 * Whether texts of the same digits read in several ways: numbers that stand next to each other (2023111 by %Y%m%d is the
 * 11th of January or the first of November), or nothing but one number.
 */
function isOnlyDigits(format: string): boolean {
  const plain = format.replaceAll('%%', '')
  return /%-?[dmyYHIMSgfnjUWVG]%-?[dmyYHIMSgfnjUWVG]/.test(plain) || /^%-?[a-zA-Z]$/.test(plain)
}

/**
 * strptime (1.5.5) takes `epoch` and `infinity` whatever the format is, and try_strptime makes both the first of January
 * 1900; a cast to DATE cuts the time off, one of nanoseconds the last three digits, and an offset that is applied is not in
 * the value any more.
 */
function formattedCast(type: Type, text: string, format: string): CheckedCast {
  const duckDbType = toDuckDbType(type)
  const parsed = `strptime(${text}, ${quoteText(format)})`
  const plain = format.replaceAll('%%', '')
  const isCut = /%-?[nzZ]/.test(plain) || (type.kind === 'date' && /%-?[HIMSfgpcX]/.test(plain))
  const isRefused = hasOffset(format) && type.kind !== 'timestamptz'
  const conditions = (value: string) => [
    `NOT regexp_full_match(${text}, '(?i) *(epoch|-?infinity) *')`,
    ...(isCut ? [`try_${parsed} = ${value}`] : []),
    // A year of two digits, which %Y takes, is not one of the first century.
    `(year(${value}) >= 1000 OR contains(${text}, printf('%04d', year(${value}))))`,
    ...(isOnlyDigits(format) ? [`lower(strftime(${value}, ${quoteText(format)})) = lower(${text})`] : []),
  ]
  return {
    value: `CAST(${parsed} AS ${duckDbType})`,
    tried: `TRY_CAST(try_${parsed} AS ${duckDbType})`,
    isPlainly: (value) =>
      isRefused || isCut || isOnlyDigits(format)
        ? 'false'
        : `${value} >= '1000-01-01' AND isfinite(${value}) AND ${value} NOT IN (${duckDbType} '1970-01-01', ${duckDbType} '1900-01-01')`,
    isExact: (value) => (isRefused ? 'false' : conditions(value).join(' AND ')),
  }
}

/** `text` is SQL of type VARCHAR; `type` a primitive Iceberg type. */
export function checkedCast(type: Type, text: string, options: CastOptions): CheckedCast {
  const duckDbType = toDuckDbType(type)
  const value = `CAST(${text} AS ${duckDbType})`
  const tried = `TRY_${value}`
  const matches = (pattern: string) => `regexp_full_match(${text}, '${pattern}')`
  const never = () => 'false'
  if (options.format !== undefined && isReadBy(type, options.format)) return formattedCast(type, text, options.format)
  switch (type.kind) {
    case 'string':
      return { value: text, tried: text, isPlainly: undefined, isExact: () => 'true' }
    case 'boolean': {
      const words = `'true', 'false'${options.isDeclared ? ", 't', 'f', '1', '0'" : ''}`
      return { value, tried, isPlainly: never, isExact: () => `lower(${text}) IN (${words})` }
    }
    case 'int':
    case 'long': {
      const digits = options.isDeclared ? ' *[+-]?[0-9]+([.]0*)? *' : '-?(0|[1-9][0-9]*)([.]0*)?'
      return {
        value,
        tried,
        isPlainly: (v) => isPlainInteger(text, v, options.usualLength),
        isExact: () => matches(digits),
      }
    }
    case 'decimal': {
      const fraction = `([.][0-9]{0,${type.scale}}0*)?`
      const digits = options.isDeclared ? ` *[+-]?[0-9]*${fraction} *` : `-?(0|[1-9][0-9]*)?${fraction}`
      return { value, tried, isPlainly: never, isExact: () => matches(digits) }
    }
    case 'float':
    case 'double': {
      const isFloat = type.kind === 'float'
      const isSmall = (v: string) => `abs(${v}) < ${isFloat ? EXACT_IN_FLOAT : EXACT_IN_DOUBLE}`
      const printed = options.isJson === true ? `WHEN ${matches('-?[0-9]{16,}[.]0')} THEN true` : ''
      // 1e-50 is not 0 in a float; of a double, which the reader may have parsed, that is not looked at.
      const tiny = (v: string) => (isFloat ? `WHEN ${v} = 0 THEN ${matches(' *[+-]?[0._]*([eE].*)? *')}` : '')
      return {
        value,
        tried,
        // The cast takes +-1 for -1.
        isPlainly: (v) =>
          `${isSmall(v)} AND ${text} >= ','${isFloat ? ` AND (${v} <> 0 OR strlen(${text}) < ${LEAST_TINY})` : ''}`,
        isExact: (v) =>
          `CASE WHEN ${hasTwoSigns(text)} THEN false ${tiny(v)} WHEN ${isSmall(v)} THEN true WHEN NOT isfinite(${v}) THEN ${matches('(?i) *[+-]?(inf|infinity|nan) *')} ${printed} WHEN ${matches(' *[+-]?[0-9]+([.]0*)? *')} THEN ${isWholeNumber(text, v)} ELSE true END`,
      }
    }
    case 'date':
      return {
        value,
        tried,
        // A cast drops what stands behind the day, so both dashes and the last digit must be in their places; with
        // `strlen(…) = 10 AND … < ':'` (18 ns less) 1998-12-1x was the first of December.
        isPlainly: () => `${text} GLOB '[0-9]???-??-?[0-9]'`,
        // A year of two digits is not one of the first century.
        isExact: () => matches(' *[0-9]{4,6}[-/ \\\\][0-9]{1,2}[-/ \\\\][0-9]{1,2} *'),
        // A cast to TIMESTAMP takes no rest behind the day, and ten characters have no room for a time beside a year of
        // four; what is left are words and years before Christ.
        quick: {
          value: `CAST(TRY_CAST(${text} AS TIMESTAMP) AS DATE)`,
          isPlainly: (v) => `strlen(${text}) = 10 AND ${text} BETWEEN '0' AND ':' AND ${v} >= DATE '1000-01-01'`,
        },
      }
    case 'timestamp':
      return {
        value,
        tried,
        // As cheap as a length and one character in its place, which `998-1-1T3:4:5+01:00` has, too.
        isPlainly: () => `${text} GLOB '[0-9]???-??-??[ T]??:??:?[0-9]'`,
        isExact: () =>
          matches('[0-9]{4,6}[-/][0-9]{1,2}[-/][0-9]{1,2}([ T] ?[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6}0*)?)?)?'),
      }
    case 'timestamptz':
      return {
        value,
        tried,
        isPlainly: () => `${text} GLOB '[0-9]???-??-??[ T]??:??:?[0-9]Z'`,
        isExact: () =>
          matches(
            '[0-9]{4,6}-[0-9]{1,2}-[0-9]{1,2}[ T] ?[0-9]{1,2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6}0*)?(Z|[+-][01][0-9](:?[0-5][0-9])?)',
          ),
      }
    case 'time':
      return {
        value,
        tried,
        isPlainly: never,
        isExact: () => matches('([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6}0*)?)?'),
      }
    case 'timestamp_ns':
      return {
        value,
        tried,
        isPlainly: never,
        isExact: () => matches('[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?)?'),
      }
    case 'uuid':
      return { value, tried, isPlainly: () => `strlen(${text}) = 36`, isExact: never }
    case 'binary': {
      // A cast would make the four characters of the text \x41 one byte, and refuse é.
      const bytes = `encode(${text})`
      return { value: bytes, tried: bytes, isPlainly: () => 'true', isExact: () => 'true' }
    }
    default:
      return { value, tried, isPlainly: () => 'true', isExact: () => 'true' }
  }
}

/** Marks our own errors in what the engine says, so that they are told from its own. */
export const CHECK_MARK = 'icebox-check'

/** What is to be computed once, and have a name. */
export function computedCast({ value, quick }: CheckedCast): string {
  return quick?.value ?? value
}

/** The cast's result, or an error that names column and text. NULL stays NULL. `computed` names what {@link computedCast} said. */
export function castOrFail(cast: CheckedCast, column: string, text: string, computed?: string): string {
  const quick = computed === undefined ? undefined : cast.quick
  const exact = quick === undefined ? (computed ?? cast.value) : cast.value
  const value = computed ?? exact
  const isPlainly = quick?.isPlainly ?? cast.isPlainly
  if (isPlainly === undefined) return cast.value
  const fail = `error(${quoteText(`${CHECK_MARK} ${column}: `)} || left(${text}, 200))`
  return `CASE WHEN ${isPlainly(value)} THEN ${value} WHEN ${text} IS NULL THEN NULL WHEN ${cast.isExact(exact)} THEN ${exact} ELSE ${fail} END`
}

/**
 * True for texts that the cast takes; for finding the rows that it does not. A CASE, since AND and OR compute all that they
 * join: each regular expression looked at each value (a fifth of the time of a sample's inspection).
 */
export function acceptsText(cast: CheckedCast, text: string): string {
  if (cast.isPlainly === undefined) return 'true'
  const { tried } = cast
  return `(CASE WHEN ${text} IS NULL THEN true WHEN ${tried} IS NULL THEN false WHEN ${cast.isPlainly(tried)} THEN true ELSE coalesce(${cast.isExact(tried)}, false) END)`
}
