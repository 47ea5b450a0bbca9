import { createInterface } from 'node:readline'
import type { CommandLakehouse } from '../../lakehouse/api.ts'
import type { SqlOptions } from '../commands/sql-options.ts'
import type { CommandContext } from '../context.ts'
import { ShellSession } from './shell-session.ts'

/** The shell fed by a pipe or a file: no prompt, and the first error ends it with its exit code. */
export async function pipedShell(context: CommandContext, lake: CommandLakehouse, options: SqlOptions): Promise<void> {
  const session = new ShellSession(context, lake, options, false)
  const lines = createInterface({
    input: context.io.stdin,
    crlfDelay: Number.POSITIVE_INFINITY,
    signal: context.signal,
  })
  try {
    for await (const line of lines) {
      await session.line(line, context.signal)
      if (session.hasQuit) break
    }
    context.signal.throwIfAborted()
    await session.end(context.signal)
  } finally {
    lines.close()
    context.io.stdin.destroy()
    await session.closeOutput()
  }
}
