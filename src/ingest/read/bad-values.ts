import { type IceboxError, isIceboxError } from '../../base/index.ts'
import type { EngineSession, RunOptions } from '../../engine/index.ts'
import { acceptsText, checkedCast } from '../inspect/checked-cast.ts'
import { textOf } from '../sql.ts'
import type { ColumnMapping } from './description.ts'

/** A row was not taken: where, what and why. */
export interface BadValue {
  readonly file: string
  readonly line: number
  readonly column: string
  /** null: there is none, and the column is required. */
  readonly value: string | null
  readonly rule: string
  readonly raw: string
}

/** Of a value and of a line that are shown. */
export const SHOWN_VALUE_CHARACTERS = 200
export const SHOWN_LINE_CHARACTERS = 10_000

/** A row that was found bad: its number among those counted, the first column that does not fit, and its value. */
export interface BadRow {
  readonly ordinal: number
  /** Place in the columns that were asked for; -1 where the row itself is wrong, -2 where `value` says what is. */
  readonly column: number
  readonly value: string | null
  readonly raw: string
}

/** Of a NULL in a required column. */
export const REQUIRED_RULE = 'is not taken: the column is required'

/** A value as a message says it. */
export function quotedOrNull(value: string | null): string {
  return value === null ? 'NULL' : `'${value}'`
}

/**
 * SQL that finds out whether a row is bad: NULL, or the place of the first column that does not fit and its value (nothing for
 * NULL), as one short text. Long values stay below it: a filter that they pass holds 2,048 rows of them (145 MB for values of 1 MB,
 * which the engine does not count).
 */
export function verdictSql(columns: readonly ColumnMapping[], textOfColumn: (column: ColumnMapping) => string): string {
  const cases = columns.flatMap((column, at) => {
    const text = textOfColumn(column)
    const fits = acceptsText(checkedCast(column.type, text, column), text)
    return [
      ...(column.isRequired === true ? [`WHEN ${text} IS NULL THEN '${at}'`] : []),
      ...(fits === 'true' ? [] : [`WHEN NOT ${fits} THEN '${at} ' || left(${text}, ${SHOWN_VALUE_CHARACTERS})`]),
    ]
  })
  return cases.length === 0 ? 'NULL::VARCHAR' : `CASE ${cases.join(' ')} END`
}

/** What {@link verdictSql} says where the row itself is wrong. */
export const BROKEN_ROW = '-1 '
/** What stands before words of what is wrong with the row. */
export const FAULTY_ROW = '-2 '

/**
 * The bad rows in the order of the source, one at a time. `rows` is SQL with the columns `bad` (a verdict), `raw` and
 * `counts` (false for rows that have no number).
 */
export async function* badRows(
  session: EngineSession,
  rows: string,
  limit: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<BadRow> {
  const options: RunOptions = signal === undefined ? {} : { signal }
  // A count over all rows so far is one pass, in order and on one thread (DuckDB's streaming window).
  const numbered = `SELECT count(CASE WHEN counts THEN 1 END) OVER (ROWS UNBOUNDED PRECEDING) AS ordinal, bad, raw FROM (${rows})`
  await using stream = await session.stream(
    `SELECT ordinal, bad, raw FROM (${numbered}) WHERE bad IS NOT NULL LIMIT ${limit}`,
    options,
  )
  for await (const batch of stream) {
    const [ordinals, verdicts, raws] = [batch.column(0), batch.column(1), batch.column(2)]
    for (let at = 0; at < batch.rowCount; at++) {
      const verdict = textOf(verdicts[at])
      const space = verdict.indexOf(' ')
      yield {
        ordinal: Number(ordinals[at]),
        column: Number(space < 0 ? verdict : verdict.slice(0, space)),
        value: space < 0 ? null : verdict.slice(space + 1),
        raw: textOf(raws[at]),
      }
    }
  }
}

const ABOUT_SOURCES = ['sql/type', 'engine/failed', 'sql/syntax', 'sql/unsupported', 'storage/io', 'schema/mismatch']

/** True for errors of a copy that a row of its source may explain. */
export function mayBeOfSource(error: unknown): error is IceboxError {
  return isIceboxError(error) && ABOUT_SOURCES.includes(error.code)
}
