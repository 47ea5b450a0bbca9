import { isIceboxError } from '../base/index.ts'
import type { EngineSession, RunOptions, SqlValue } from '../engine/index.ts'

/** An identifier of ours in DuckDB's quotes. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text literal. NUL cannot stand in one. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/**
 * Whether a statement failed by its own `error('<mark>')`. Other errors may quote the SELECT, mark and all, below their
 * first line.
 */
export function failedBy(error: unknown, mark: string): boolean {
  return isIceboxError(error) && error.message.split('\n')[0]?.endsWith(mark) === true
}

/** All rows of Parquet files of our own, one after the other. */
export function readParquet(paths: readonly string[]): string {
  return `read_parquet(${quoteList(paths)}, hive_partitioning = false)`
}

export function quoteList(texts: readonly string[]): string {
  return `[${texts.map(quoteText).join(', ')}]`
}

/** `{'a': 'BIGINT', 'b': 'VARCHAR'}` for the `columns` of a reader. */
export function columnsMap(columns: readonly (readonly [name: string, type: string])[]): string {
  return `{${columns.map(([name, type]) => `${quoteText(name)}: ${quoteText(type)}`).join(', ')}}`
}

/** The setting of a reader whose files lie in hive folders: their values become columns of these types. */
export function hiveSetting(hive: readonly { readonly name: string; readonly type: string }[]): string {
  if (hive.length === 0) return 'hive_partitioning = false'
  return `hive_partitioning = true, hive_types = ${columnsMap(hive.map((column) => [column.name, column.type]))}`
}

/** A value of a result as text; empty for NULL and what is nested. */
export function textOf(value: SqlValue | undefined): string {
  return typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    typeof value === 'boolean'
    ? String(value)
    : ''
}

export interface DescribedColumn {
  readonly name: string
  /** DuckDB's text of the type. */
  readonly type: string
}

/** The columns that a SELECT answers with. */
export async function describeColumns(
  session: EngineSession,
  select: string,
  run: RunOptions,
): Promise<DescribedColumn[]> {
  const rows = await session.all(`DESCRIBE ${select}`, run)
  return rows.map((row) => ({ name: textOf(row['column_name']), type: textOf(row['column_type']) }))
}
