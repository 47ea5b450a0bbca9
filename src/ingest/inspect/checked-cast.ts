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
  /** Sufficient and cheap, given the SQL of the cast's result; undefined where every text is taken as it is. */
  readonly isPlainly: ((value: string) => string) | undefined
  /** Necessary and sufficient, for texts that the cast takes. */
  readonly isExact: string
}

export interface CastOptions {
  /** strptime's format of dates, instead of ISO 8601. */
  readonly format?: string | undefined
  /** A declared type takes leading zeros; for an inferred one they mean that it was no number. */
  readonly isDeclared: boolean
  /** Average length of the texts, where a sample showed it: what is tried first. */
  readonly usualLength?: number | undefined
}

/** Digits of a BIGINT. */
const MAX_DIGITS = 19
const USUAL_DIGITS = 6
/** Whole numbers below this in size are exact in a double; of larger ones only the text can tell. */
export const EXACT_IN_DOUBLE = '9007199254740992'

/**
 * A whole number without sign, leading zeros, fraction or exponent is at least 10 to the power of its length less one;
 * every other text that the cast takes is less (99.5 is 100 in four characters) or the same number (1e3).
 */
function isPlainInteger(text: string, value: string, usualLength = USUAL_DIGITS): string {
  // A CASE stops at the first length that fits: 4 ns a value where it is the first, 12 where it is the seventh.
  const lengths = Array.from({ length: MAX_DIGITS }, (_, at) => at + 1)
  const likelyFirst = lengths.toSorted((a, b) => Math.abs(a - usualLength) - Math.abs(b - usualLength) || b - a)
  const cases = likelyFirst.map((length) => `WHEN ${length} THEN ${length === 1 ? '0' : `1${'0'.repeat(length - 1)}`}`)
  return `${value} >= CASE strlen(${text}) ${cases.join(' ')} END`
}

/** `text` is SQL of type VARCHAR; `type` a primitive Iceberg type. */
export function checkedCast(type: Type, text: string, options: CastOptions): CheckedCast {
  const duckDbType = toDuckDbType(type)
  const value = `CAST(${text} AS ${duckDbType})`
  const matches = (pattern: string) => `regexp_full_match(${text}, '${pattern}')`
  const never = () => 'false'
  switch (type.kind) {
    case 'string':
      return { value: text, isPlainly: undefined, isExact: 'true' }
    case 'boolean': {
      const words = `'true', 'false'${options.isDeclared ? ", 't', 'f', '1', '0'" : ''}`
      return { value, isPlainly: never, isExact: `lower(${text}) IN (${words})` }
    }
    case 'int':
    case 'long': {
      const digits = options.isDeclared ? '[0-9]+' : '(0|[1-9][0-9]*)'
      return {
        value,
        isPlainly: (v) => isPlainInteger(text, v, options.usualLength),
        isExact: matches(` *[+-]?${digits}([.]0*)? *`),
      }
    }
    case 'decimal':
      return {
        value,
        isPlainly: never,
        isExact: matches(` *[+-]?[0-9]*([.][0-9]{0,${type.scale}}0*)? *`),
      }
    case 'float':
    case 'double':
      return {
        value,
        isPlainly: (v) => `abs(${v}) < ${EXACT_IN_DOUBLE}`,
        isExact: `CASE WHEN NOT isfinite(${value}) THEN ${matches('(?i) *[+-]?(inf|infinity|nan) *')} WHEN ${matches(' *[+-]?[0-9]+ *')} THEN TRY_CAST(${text} AS HUGEINT) IS NOT DISTINCT FROM TRY_CAST(${value} AS HUGEINT) ELSE true END`,
      }
    case 'date':
      return options.format === undefined
        ? {
            value,
            // A cast drops what stands behind the day, so both dashes and the last digit must be in their places; with
            // `strlen(…) = 10 AND … < ':'` (18 ns less) 1998-12-1x was the first of December.
            isPlainly: () => `${text} GLOB '????-??-?[0-9]'`,
            isExact: matches(' *[0-9]{1,6}([-/])[0-9]{1,2}[-/][0-9]{1,2} *'),
          }
        : {
            value: `CAST(strptime(${text}, ${quoteText(options.format)}) AS DATE)`,
            isPlainly: never,
            isExact: matches('[^ ]+'),
          }
    case 'timestamp':
      return options.format === undefined
        ? {
            value,
            isPlainly: () => `strlen(${text}) = 19 AND ${text}[17] = ':'`,
            isExact: matches(
              '[0-9]{4,6}-[0-9]{1,2}-[0-9]{1,2}([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6}0*)?)?)?',
            ),
          }
        : {
            value: `CAST(strptime(${text}, ${quoteText(options.format)}) AS TIMESTAMP)`,
            isPlainly: () => 'true',
            isExact: 'true',
          }
    case 'timestamptz':
      return {
        value,
        isPlainly: () => `strlen(${text}) = 20 AND ${text}[20] = 'Z'`,
        isExact: matches(
          '[0-9]{4,6}-[0-9]{1,2}-[0-9]{1,2}[ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6}0*)?)? ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)',
        ),
      }
    case 'time':
      return {
        value,
        isPlainly: never,
        isExact: matches('([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6}0*)?)?'),
      }
    case 'timestamp_ns':
      return {
        value,
        isPlainly: never,
        isExact: matches('[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?)?'),
      }
    case 'uuid':
      return { value, isPlainly: () => `strlen(${text}) = 36`, isExact: 'false' }
    default:
      return { value, isPlainly: () => 'true', isExact: 'true' }
  }
}

/** Marks our own errors in what the engine says, so that they are told from its own. */
export const CHECK_MARK = 'icebox-check'

/** The cast's result, or an error that names column and text. NULL stays NULL. `value` is SQL of the result, if it has a name. */
export function castOrFail(cast: CheckedCast, column: string, text: string, value = cast.value): string {
  if (cast.isPlainly === undefined) return cast.value
  const fail = `error(${quoteText(`${CHECK_MARK} ${column}: `)} || left(${text}, 200))`
  return `CASE WHEN ${cast.isPlainly(value)} THEN ${value} WHEN ${text} IS NULL THEN NULL WHEN ${cast.isExact} THEN ${value} ELSE ${fail} END`
}

/** True for texts that the cast takes; for finding the rows that it does not. */
export function acceptsText(cast: CheckedCast, text: string): string {
  if (cast.isPlainly === undefined) return 'true'
  const tryCast = cast.value.startsWith('CAST(strptime(')
    ? cast.value.replaceAll('strptime(', 'try_strptime(').replace(/^CAST/, 'TRY_CAST')
    : cast.value.replace(/^CAST/, 'TRY_CAST')
  const exact = cast.isExact.replaceAll(cast.value, tryCast)
  return `(${text} IS NULL OR (${tryCast} IS NOT NULL AND (coalesce(${cast.isPlainly(tryCast)}, false) OR coalesce(${exact}, false))))`
}
