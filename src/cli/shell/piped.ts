import type { CommandLakehouse } from '../../lakehouse/api.ts'
import type { SqlOptions } from '../commands/sql-options.ts'
import type { CommandContext } from '../context.ts'
import { inputChunks } from '../io.ts'
import { ShellSession } from './shell-session.ts'
import { utf8Lines } from './utf8-lines.ts'

/** The shell fed by a pipe or a file: no prompt, and the first error ends it with its exit code. */
export async function pipedShell(context: CommandContext, lake: CommandLakehouse, options: SqlOptions): Promise<void> {
  const session = new ShellSession(context, lake, options, false)
  const { stdin } = context.io
  try {
    for await (const line of utf8Lines(inputChunks(stdin, context.signal), 'standard input')) {
      await session.line(line, context.signal)
      if (session.hasQuit) break
    }
    context.signal.throwIfAborted()
    await session.end(context.signal)
  } finally {
    stdin.destroy()
    await session.closeOutput()
  }
}
