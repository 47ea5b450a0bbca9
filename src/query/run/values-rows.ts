import { IceboxError, isIceboxError } from '../../base/index.ts'
import { isPrimitive, type NestedField, type Type } from '../../iceberg/index.ts'
import { castableText, type DescribedColumn } from '../../ingest/index.ts'
import { rowsOf, type Span, type ValuesList } from '../parse/values-list.ts'
import type { StatementOptions } from '../port.ts'
import { originalOffset, replaceSpans } from '../resolve/replace.ts'
import { nextSignificant, quoteText } from '../text/names.ts'
import { literalsOf } from '../text/parameter-literals.ts'
import type { StatementText } from '../text/statements.ts'
import { isKeyword } from '../text/tokenizer.ts'
import { readType } from '../views/read-type.ts'
import { offsetOf } from './errors.ts'
import { refuseLostFields } from './lost-fields.ts'
import { type Prepared, type RowsTarget, runOptions } from './query.ts'
import { textOf } from './result-text.ts'
import { type Assignment, sourceNames, STAGED, type WritableQuery } from './write.ts'

/** The columns of a list of rows under the names that DuckDB gives them. */
export function columnsOfValues({ width }: ValuesList): DescribedColumn[] {
  return Array.from({ length: width }, (_, at) => ({ name: `col${at}`, type: 'VARCHAR' }))
}

/**
 * The rows of `INSERT … VALUES` go into a table of the session that has the columns of the one that is written: DuckDB then
 * casts each element to its column. As a query it would first find one type for all elements of a column, and 1.5 beside 10
 * be 10.0, a time beside a date midnight, a large number beside 1e0 a rounded one.
 */
export function valuesTarget({ start }: ValuesList, targets: readonly Assignment[]): RowsTarget {
  const names = sourceNames({ columns: targets.map(({ field }) => ({ name: field.name, type: '' })) }, targets)
  const columns = targets.map(({ field }, at) => `${names[at]} ${readType(field.type, field.name)}${defaultOf(field)}`)
  return { table: STAGED, definition: columns.join(', '), head: `INSERT INTO ${STAGED} `, at: start }
}

/** Those of a prepared INSERT into {@link valuesTarget}. */
export function writableValues(
  values: ValuesList,
  query: StatementText,
  prepared: Prepared,
  targets: readonly Assignment[],
  options: StatementOptions,
): WritableQuery {
  return {
    sql: `SELECT * FROM ${STAGED}`,
    columns: targets.map(({ field }) => ({ name: field.name, type: readType(field.type, field.name) })),
    fill: async (run) => {
      try {
        await prepared.lease.session.run(prepared.sql, { ...runOptions(options), ...run })
      } catch (error) {
        throw withColumn(error, values, query, prepared, targets)
      }
    },
    // The table is the prepared statement's, which drops it.
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** A cast that failed at an element names its column, as other casts do. */
function withColumn(
  error: unknown,
  values: ValuesList,
  query: StatementText,
  { sql, replacements }: Prepared,
  targets: readonly Assignment[],
): unknown {
  if (!isIceboxError(error, 'sql/type') || !/could not convert|can't be cast|cast/i.test(error.message)) return error
  const sent = offsetOf(error.message, sql)
  if (sent === undefined) return error
  const offset = originalOffset(sent, replacements)
  for (const row of rowsOf(query, valuesWord(values, query))) {
    const source = row.findIndex(({ start, end }) => start <= offset && offset < end)
    const name = targets.find((target) => target.source === source)?.field.name
    if (name === undefined) continue
    const { code, message, remedy, context } = error
    const more = remedy === undefined ? {} : { remedy }
    return new IceboxError(code, { message: `column ${name}: ${message}`, ...more, context, cause: error })
  }
  return error
}

/** Index of the word VALUES, which may stand in brackets. */
function valuesWord({ start }: ValuesList, { tokens }: StatementText): number {
  let at = tokens.indexFrom(start)
  while (at < tokens.length && !isKeyword(tokens.at(at), 'VALUES')) at = nextSignificant(tokens, at + 1)
  return at
}

function defaultOf({ type, writeDefault }: NestedField): string {
  return writeDefault === undefined || !isPrimitive(type)
    ? ''
    : ` DEFAULT ${quoteText(castableText(type, writeDefault))}`
}

/** {@link refuseLostFields} for elements: those of columns with structs are asked for their own types. */
export async function refuseLostFieldsOfValues(
  values: ValuesList,
  query: StatementText,
  prepared: Prepared,
  targets: readonly Assignment[],
  table: string,
  options: StatementOptions,
): Promise<void> {
  const nested = targets.filter(({ field }) => hasStruct(field.type))
  if (nested.length === 0) return
  const literals = literalsOf(query, options.parameters ?? [])
  const types: string[] = []
  for (const row of rowsOf(query, valuesWord(values, query))) {
    const elements = nested.flatMap(({ source }) => row[source] ?? [])
    types.push(`(${elements.map((span) => `typeof(${textAsSent(query, span, prepared, literals)})`).join(', ')})`)
  }
  const withClause = textAsSent(query, { start: 0, end: values.start }, prepared, literals)
  const { signal } = options
  const found = await prepared.lease.session
    .all(`${withClause} SELECT DISTINCT * FROM (VALUES ${types.join(', ')})`, signal === undefined ? {} : { signal })
    .catch(async (error: unknown) => {
      throw await prepared.explain(error)
    })
  for (const row of found) {
    const columns = Object.values(row).map((type) => ({ name: '', type: textOf(type) }))
    const assigned = nested.map(({ field }, source) => ({ field, source }))
    refuseLostFields(columns, assigned, table)
  }
}

/** An element as the engine gets it, with values in place of parameters: a type may follow from them. DEFAULT has no fields. */
function textAsSent(
  query: StatementText,
  { start, end }: Span,
  { replacements }: Prepared,
  literals: ReadonlyMap<number, string>,
): string {
  const tokens = query.tokens.within(start, end)
  if (/^[\s(]*DEFAULT[\s)]*$/i.test(query.sql.slice(start, end))) return 'NULL'
  const parameters = [...tokens.of('parameter')].flatMap((at) => tokens.at(at) ?? [])
  return replaceSpans(query.sql.slice(start, end), [
    ...replacements
      .filter((span) => span.start >= start && span.end <= end && span.end > span.start)
      .map((span) => ({ ...span, start: span.start - start, end: span.end - start })),
    ...parameters.map((token) => ({
      start: token.start,
      end: token.end,
      text: literals.get(start + token.start) ?? 'NULL',
    })),
  ])
}

function hasStruct(type: Type): boolean {
  switch (type.kind) {
    case 'struct':
      return true
    case 'list':
      return hasStruct(type.element)
    case 'map':
      return hasStruct(type.key) || hasStruct(type.value)
    default:
      return false
  }
}
