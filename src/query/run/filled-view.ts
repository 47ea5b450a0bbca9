import { type Json, printJson } from '../../base/index.ts'
import { quoteName, quoteText } from '../text/names.ts'
import type { BuiltView, SpaceBuilder } from '../views/space.ts'

export type Row = Readonly<Record<string, Json>>

/** Names of columns and their DuckDB types, in order. */
export type RowColumns = Readonly<Record<string, string>>

const ROWS_AT_ONCE = 1000
/** Rows that count as one data file in what is kept of spaces. */
const ROWS_PER_FILE = 10

/** A view over a relation of the space that is filled with rows as they come, some at a time. */
export async function filledView(
  { session, helperSchema, signal }: SpaceBuilder,
  view: { readonly schemaName: string; readonly viewName: string },
  columns: RowColumns,
  rows: AsyncIterable<Row>,
): Promise<BuiltView> {
  const name = `${helperSchema}.${quoteName(`${view.schemaName}.${view.viewName}`)}`
  const named = Object.entries(columns)
  await session.run(
    `CREATE TABLE ${name} (${named.map(([column, type]) => `${quoteName(column)} ${type}`).join(', ')})`,
  )
  const fields = named.map(([column]) => `j.${quoteName(column)}`).join(', ')
  const insert = `INSERT INTO ${name} SELECT ${fields} FROM (SELECT unnest(from_json($1, ${quoteText(printJson([{ ...columns }]))})) AS j)`
  let batch: Row[] = []
  let count = 0
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return
    const parameters = [printJson(batch.map((row) => ({ ...row })))]
    await session.run(insert, signal === undefined ? { parameters } : { parameters, signal })
    batch = []
  }
  for await (const row of rows) {
    batch.push(row)
    count++
    if (batch.length === ROWS_AT_ONCE) await flush()
  }
  await flush()
  return { select: `SELECT * FROM ${name}`, files: Math.ceil(count / ROWS_PER_FILE) }
}
