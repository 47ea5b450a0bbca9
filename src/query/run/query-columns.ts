import type { EngineSession, RunOptions, SqlValue } from '../../engine/index.ts'

export interface QueryColumn {
  readonly name: string
  /** DuckDB's text of the type. */
  readonly type: string
}

/** The columns that a query answers with. */
export async function columnsOf(session: EngineSession, sql: string, run: RunOptions): Promise<QueryColumn[]> {
  const rows = await session.all(`DESCRIBE ${sql}`, run)
  return rows.map((row) => ({ name: textOf(row['column_name']), type: textOf(row['column_type']) }))
}

/** A text column of a result of our own statement. */
export function textOf(value: SqlValue | undefined): string {
  return typeof value === 'string' ? value : ''
}
