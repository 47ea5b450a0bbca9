import type { SqlValue } from '../engine/index.ts'

/** An identifier of ours in DuckDB's quotes. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text literal. NUL cannot stand in one. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

export function quoteList(texts: readonly string[]): string {
  return `[${texts.map(quoteText).join(', ')}]`
}

/** `{'a': 'BIGINT', 'b': 'VARCHAR'}` for the `columns` of a reader. */
export function columnsMap(columns: readonly (readonly [name: string, type: string])[]): string {
  return `{${columns.map(([name, type]) => `${quoteText(name)}: ${quoteText(type)}`).join(', ')}}`
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
