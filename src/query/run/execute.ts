import type { QueryServices, StatementOptions, StatementResult } from '../port.ts'
import type { StatementText } from '../text/statements.ts'
import { openStream, prepare, type QueryParts, type SessionState } from './query.ts'
import { streamResult } from './results.ts'

export interface Executed {
  readonly result: StatementResult
  /** What the statement changed of the connection. */
  readonly state?: SessionState
}

/** Runs one statement. */
export async function execute(
  statement: StatementText,
  state: SessionState,
  options: StatementOptions,
  parts: QueryParts,
  services: QueryServices,
): Promise<Executed> {
  const meter = services.startMeter('query')
  const prepared = await prepare(parts, statement, state, options)
  const stream = await openStream(prepared, prepared.sql, options)
  return {
    result: streamResult({
      kind: 'select',
      stream,
      scans: prepared.scans,
      meter,
      explain: (error) => prepared.explain(error),
      release: async () => prepared[Symbol.asyncDispose](),
    }),
  }
}
