import { IceboxError, isIceboxError } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import type { DescribedColumn } from '../../ingest/index.ts'
import { quoteName } from '../text/names.ts'

/** A query of which some columns are cast, with the columns as they are then. */
export interface ParquetForm {
  readonly sql: string
  readonly columns: readonly DescribedColumn[]
  readonly isCast: boolean
}

/**
 * What DuckDB writes into Parquet as something else without a word, and the type that holds it exactly, as in Arrow: HUGEINT
 * would become DOUBLE, a time lose its zone, an interval what is below milliseconds (and a negative one be refused).
 */
const EXACT: Readonly<Record<string, string>> = {
  HUGEINT: 'DECIMAL(38,0)',
  UHUGEINT: 'DECIMAL(38,0)',
  'TIME WITH TIME ZONE': 'VARCHAR',
  INTERVAL: 'VARCHAR',
}

/** Types stand before a bracket, a comma or the end: a word before a space is the name of a field. Quoted text is read over. */
const TYPES = /"(?:[^"]|"")*"|'(?:[^']|'')*'|\b(U?HUGEINT|TIME WITH TIME ZONE|INTERVAL)(?=[[\]),]|$)/g

/** The type that holds the values of `type` in a Parquet file; the same where it needs no other. */
export function parquetType(type: string): string {
  return type.replaceAll(
    TYPES,
    (found, name: string | undefined) => (name === undefined ? found : EXACT[name]) ?? found,
  )
}

/**
 * The columns of a query as a Parquet file can hold them. Rejects `schema/unsupported-type` naming the column where the
 * engine cannot be told the type: a row without names that holds such a value.
 */
export async function parquetForm(
  session: EngineSession,
  query: Pick<ParquetForm, 'sql' | 'columns'>,
): Promise<ParquetForm> {
  const columns = query.columns.map(({ name, type }) => ({ name, type: parquetType(type) }))
  const values = await Promise.all(
    columns.map(async ({ name, type }, at) => {
      const from = query.columns[at]?.type ?? type
      if (type === from) return `c${at} AS ${quoteName(name)}`
      if (/[[(]/.test(from)) await needType(session, name, from, type)
      return `CAST(c${at} AS ${type}) AS ${quoteName(name)}`
    }),
  )
  if (columns.every(({ type }, at) => type === query.columns[at]?.type)) return { ...query, isCast: false }
  const sql = `SELECT ${values.join(', ')} FROM (${query.sql}\n) AS s(${columns.map((_, at) => `c${at}`).join(', ')})`
  return { sql, columns, isCast: true }
}

async function needType(session: EngineSession, column: string, from: string, to: string): Promise<void> {
  try {
    await session.all(`SELECT CAST(NULL AS ${to}) AS v`)
  } catch (error) {
    if (!isIceboxError(error)) throw error
    throw new IceboxError('schema/unsupported-type', {
      message: `column '${column}' has the type ${from}, which Parquet cannot hold exactly`,
      remedy: 'give the fields names, or cast the values: HUGEINT to DECIMAL(38,0), others to VARCHAR',
      context: { column, type: from },
      cause: error,
    })
  }
}
