import type { PrimitiveType } from '../../iceberg/index.ts'
import { quoteText } from '../text/names.ts'

/** How errors begin that name a data file whose values are not of the column's type. */
export const MISFIT = /^column '.*' does not fit its data file /s

/** From a value as the file stores it to a value of the column: `column` is its name, `file` the file's path, both for errors. */
export type StoredConversion = (expression: string, column: string, file: string) => string

/**
 * The conversion of a value that DuckDB takes for `stored` by itself; undefined where the reader's own cast gives the same
 * value. That cast depends on the session's time zone between timestamps of both kinds (INT96 is one without), and writes
 * or reads escapes (`\xC3`) between bytes and text: string columns of Hive, Impala and old Spark lack the annotation UTF8.
 * Where it only adds digits, DuckDB 1.5.5 rounds a filter's constant to what the file stores: noon is then equal to its date,
 * and 0.1 to 0.1::FLOAT. A cast outside of the reader does not.
 */
export function storedConversion(type: PrimitiveType, stored: string): StoredConversion | undefined {
  switch (type.kind) {
    case 'timestamptz':
      if (stored === 'TIMESTAMP') return instant
      if (stored === 'TIMESTAMP_NS') return (expression, column, file) => wholeMicros(expression, instant, column, file)
      return stored === 'DATE' ? (expression) => instant(plain(expression)) : undefined
    case 'timestamp':
      if (stored === 'TIMESTAMP WITH TIME ZONE') return local
      if (stored === 'TIMESTAMP_NS') return (expression, column, file) => wholeMicros(expression, plain, column, file)
      return stored === 'DATE' ? plain : undefined
    case 'timestamp_ns':
      if (stored === 'TIMESTAMP WITH TIME ZONE') return (expression) => nanos(local(expression))
      return stored === 'TIMESTAMP' || stored === 'DATE' ? nanos : undefined
    case 'int':
    case 'long':
      return /^(FLOAT|DOUBLE|DECIMAL)/.test(stored)
        ? exact(type.kind === 'int' ? 'INTEGER' : 'BIGINT', stored)
        : undefined
    case 'float':
      return /^(DOUBLE|DECIMAL)/.test(stored) ? exact('FLOAT', stored) : undefined
    case 'decimal':
      return /^(FLOAT|DOUBLE)/.test(stored) || Number(/^DECIMAL\(\d+,(\d+)\)/.exec(stored)?.[1]) > type.scale
        ? exact(`DECIMAL(${type.precision},${type.scale})`, stored)
        : undefined
    case 'date':
      return stored === 'TIMESTAMP' || stored === 'TIMESTAMP_NS' ? exact('DATE', stored) : undefined
    case 'double':
      return stored === 'FLOAT' ? (expression) => `CAST(${expression} AS DOUBLE)` : undefined
    case 'string':
      return stored === 'BLOB' ? decoded : undefined
    case 'binary':
    case 'fixed':
      return stored === 'VARCHAR' ? (expression) => `encode(${expression})` : undefined
    default:
      return undefined
  }
}

/**
 * Between timestamps with and without zone, in UTC: by their number, since `timezone('UTC', …)` reads years by the session's
 * `Calendar`. Infinite ones have no number.
 */
function instant(expression: string): string {
  return `CASE WHEN isfinite(${expression}) THEN make_timestamptz(epoch_us(${expression})) ELSE CAST(${expression} AS TIMESTAMPTZ) END`
}

function local(expression: string): string {
  return `CASE WHEN isfinite(${expression}) THEN make_timestamp(epoch_us(${expression})) ELSE CAST(${expression} AS TIMESTAMP) END`
}

function plain(expression: string): string {
  return `CAST(${expression} AS TIMESTAMP)`
}

function nanos(expression: string): string {
  return `CAST(${expression} AS TIMESTAMP_NS)`
}

/** A cast that would round or cut, refused where it does: no promotion of the format, but of a table that was rolled back. */
function exact(target: string, stored: string): StoredConversion {
  return (expression, column, file) => {
    const cast = `CAST(${expression} AS ${target})`
    const fault = misfit(expression, column, file, `is no ${target}`)
    return `CASE WHEN CAST(${cast} AS ${stored}) IS DISTINCT FROM ${expression} THEN ${fault} ELSE ${cast} END`
  }
}

function wholeMicros(expression: string, convert: (text: string) => string, column: string, file: string): string {
  const fault = misfit(expression, column, file, 'has nanoseconds, which the column does not hold')
  return `CASE WHEN epoch_ns(${expression}) % 1000 <> 0 THEN ${fault} ELSE ${convert(expression)} END`
}

function decoded(expression: string, column: string, file: string): string {
  const fault = misfit(expression, column, file, 'is not UTF-8 text')
  return `COALESCE(TRY(decode(${expression})), CASE WHEN ${expression} IS NOT NULL THEN ${fault} END)`
}

function misfit(expression: string, column: string, file: string, what: string): string {
  const start = quoteText(`column '${column}' does not fit its data file `)
  return `error(${start} || ${file} || ': ' || left(CAST(${expression} AS VARCHAR), 100) || ${quoteText(` ${what}`)})`
}
