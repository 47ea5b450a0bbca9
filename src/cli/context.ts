import { formatCount, quotedForShell } from '../base/index.ts'
import type { CommandLakehouse } from '../lakehouse/api.ts'
import type { GlobalOptions } from './global-options.ts'
import type { Interrupts } from './interrupts.ts'
import type { CliIo } from './io.ts'
import type { LakeDoor } from './lake-door.ts'
import { visibleLines, visibleText } from './output/text-width.ts'
import { makeStyle, type Style, wantsColour } from './style.ts'

/** What a command has to work with. */
export interface CommandContext {
  readonly io: CliIo
  readonly globals: GlobalOptions
  readonly door: LakeDoor
  readonly interrupts: Interrupts
  readonly outStyle: Style
  readonly errStyle: Style
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal
  openLake(): Promise<CommandLakehouse>
  /** Lines on standard output for people, control characters made visible; nothing with `--quiet`. */
  say(text: string): Promise<void>
  /** The same on standard error. */
  note(text: string, paint?: (text: string) => string): Promise<void>
  /** What to type next; nothing with `--quiet` or `--json`. */
  next(command: string, why: string): Promise<void>
  /** Errors that a command has put into its own JSON document already. */
  readonly reported: WeakSet<object>
}

export function makeContext(io: CliIo, globals: GlobalOptions, door: LakeDoor, interrupts: Interrupts): CommandContext {
  const errStyle = makeStyle(wantsColour(io.env, io.stderr.isTerminal))
  return {
    io,
    globals,
    door,
    interrupts,
    outStyle: makeStyle(wantsColour(io.env, io.stdout.isTerminal)),
    errStyle,
    signal: interrupts.signal,
    reported: new WeakSet(),
    async openLake() {
      const lake = await door.open(globals, io)
      const { rows, streams, failures } = lake.streamRecovery
      if (rows > 0 && !globals.quiet)
        await io.stderr.write(`committed ${counted(rows, 'row')} of ${counted(streams, 'stream')} whose process died\n`)
      for (const { folder, error } of failures) {
        // Acknowledged rows that are in no table yet: told with --quiet too.
        const word = errStyle.yellow('warning:')
        await io.stderr.write(
          `${word} rows of a stream in ${visibleText(folder)} are not committed: ${visibleLines(error.message)}\n`,
        )
      }
      return lake
    },
    async say(text) {
      if (!globals.quiet) await io.stdout.write(`${visibleLines(text)}\n`)
    },
    async note(text, paint = (shown) => shown) {
      if (!globals.quiet) await io.stderr.write(`${paint(visibleLines(text))}\n`)
    },
    async next(command, why) {
      const { directory } = globals
      const there = directory === undefined ? 'icebox ' : `icebox -C ${quotedForShell(directory)} `
      if (!globals.quiet && !globals.json)
        await io.stderr.write(
          `${errStyle.dim('next:')} ${errStyle.cyan(visibleText(command.replace(/^icebox /, () => there)))}${errStyle.dim(`  ${why}`)}\n`,
        )
    },
  }
}

function counted(count: number, what: string): string {
  return `${formatCount(count)} ${what}${count === 1 ? '' : 's'}`
}
