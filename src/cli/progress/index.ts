import type { CommandContext } from '../context.ts'
import type { ProgressBar } from './progress-bar.ts'

/** A progress bar where a person watches: standard error is a terminal and not `--quiet`. Else one that does nothing. */
export async function progressFor(context: CommandContext): Promise<ProgressBar> {
  const terminal = context.io.progressTerminal
  if (terminal === undefined || context.globals.quiet || context.io.env.TERM === 'dumb')
    return { isIdle: true, update() {}, clear() {}, [Symbol.dispose]() {} }
  const { startProgressBar } = await import('./progress-bar.ts')
  return startProgressBar(terminal)
}
