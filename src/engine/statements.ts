import type duckdb from '@duckdb/node-bindings'
import type { Binding, Connection } from './binding.ts'
import { engineError } from './errors.ts'

export interface ParsedStatements {
  readonly handle: duckdb.ExtractedStatements
  /** 0 for a text of blanks, comments and semicolons. */
  readonly count: number
}

/** Parses a text into its statements without binding them to tables. Rejects `sql/syntax` with the place. */
export async function parseStatements(
  binding: Binding,
  connection: Connection,
  sql: string,
  memoryLimitBytes: number,
): Promise<ParsedStatements> {
  const parsed = await binding.extract_statements(connection, sql)
  if (parsed.statement_count === 0) {
    const message = parseError(binding, parsed.extracted_statements)
    if (message !== undefined) throw engineError(new Error(message), { memoryLimitBytes })
  }
  return { handle: parsed.extracted_statements, count: parsed.statement_count }
}

/** DuckDB's message, or undefined for a text that holds no statement: the binding throws where there is no message. */
function parseError(binding: Binding, handle: duckdb.ExtractedStatements): string | undefined {
  try {
    return binding.extract_statements_error(handle)
  } catch {
    return undefined
  }
}
