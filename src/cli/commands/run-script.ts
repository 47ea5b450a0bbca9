import { IceboxError } from '../../base/index.ts'
import type { CommandLakehouse } from '../../lakehouse/api.ts'
import type { CommandContext } from '../context.ts'
import { type Presentation, type Presented, presentStatement } from '../present.ts'
import { progressFor } from '../progress/index.ts'
import { queryProgress } from '../progress/query-progress.ts'
import { splitStatements } from '../shell/statement-splitter.ts'

/** Runs statements one after another and writes their results; the first that fails ends it. Returns what the last one gave. */
export async function runScript(
  context: CommandContext,
  lake: CommandLakehouse,
  sql: string,
  how: Presentation,
  signal: AbortSignal = context.signal,
): Promise<Presented | undefined> {
  if (splitStatements(sql).length === 0) {
    throw new IceboxError('usage/invalid', {
      message: 'there is no SQL statement in the text',
      remedy: 'for example: icebox sql "select 1"',
    })
  }
  using bar = await progressFor(context)
  const sink = { write: (chunk: string | Uint8Array) => (bar.clear(), how.sink.write(chunk)) }
  let last: Presented | undefined
  const { options, onRows } = queryProgress(bar, lake.budgetBytes)
  const statements = lake.run(sql, [], { signal, ...options })
  for await (const result of statements) {
    if (last?.hasRows === true && how.format === 'table') await how.sink.write('\n')
    last = await presentStatement(context, result, { ...how, sink, onRows })
    bar.clear()
  }
  return last
}
