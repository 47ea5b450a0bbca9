import { CommanderError } from 'commander'
import { cancelledError, IceboxError } from '../base/index.ts'
import { refuseBrokenArguments } from './broken-arguments.ts'
import { type CommandContext, makeContext } from './context.ts'
import type { GlobalOptions } from './global-options.ts'
import type { Interrupts } from './interrupts.ts'
import { type CliIo, isOutputClosed } from './io.ts'
import type { LakeDoor } from './lake-door.ts'
import { originalError } from './original-error.ts'
import { buildProgram } from './program/program.ts'
import type { RawGlobals } from './program/runner.ts'
import { makeStyle, wantsColour } from './style.ts'

/** Runs one command line and returns the exit code. Nothing is thrown. */
export async function runCli(
  argv: readonly string[],
  io: CliIo,
  door: LakeDoor,
  interrupts: Interrupts,
): Promise<number> {
  let context: CommandContext | undefined
  const said = { out: '', err: '' }
  const program = buildProgram(
    async (raw, run) => {
      context = makeContext(io, parseGlobals(raw), door, interrupts)
      await run(context)
    },
    { out: (text) => void (said.out += text), err: (text) => void (said.err += text), width: io.stdout.width ?? 80 },
  )
  try {
    refuseBrokenArguments(argv)
    try {
      await program.parseAsync(argv.map(asOperand), { from: 'user' })
      return 0
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error
      return await endOfParsing(error, said, io, hasJsonFlag(argv))
    }
  } catch (error) {
    const first = originalError(error)
    // What Node itself rejects with when the signal fires says only that it was aborted.
    const isAbort = first instanceof Error && first.name === 'AbortError' && interrupts.signal.aborted
    return reportFailure(isAbort ? cancelledError(interrupts.signal) : first, io, hasJsonFlag(argv), context)
  }
}

/** SQL may begin with a comment: `--` with a space, or a line of its own, is no option. A space before it says so. */
function asOperand(argument: string): string {
  return /^--(?:\s|[^=\s]*\n)/.test(argument) ? ` ${argument}` : argument
}

function parseGlobals(raw: RawGlobals): GlobalOptions {
  return {
    directory: raw.directory,
    memory: raw.memory,
    set: raw.set ?? [],
    json: raw.json === true,
    quiet: raw.quiet === true,
    profile: raw.profile === true,
  }
}

/** Commander ends parsing by throwing, for help and version too. */
async function endOfParsing(
  error: CommanderError,
  said: { out: string; err: string },
  io: CliIo,
  json: boolean,
): Promise<number> {
  if (error.exitCode === 0) {
    await io.stdout.write(said.out)
    return 0
  }
  if (error.code === 'commander.help' && json)
    throw new IceboxError('usage/invalid', { message: 'no command is given', remedy: 'add --help to see the commands' })
  if (error.code === 'commander.help') {
    await io.stderr.write(said.err)
    return 2
  }
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n')
  throw new IceboxError('usage/invalid', {
    message: suggestion === undefined ? message : `${message} ${suggestion}`,
    remedy:
      error.code === 'commander.excessArguments'
        ? 'put SQL and patterns in quotes, as one word: icebox sql "select 1"; add --help to see what the command takes'
        : 'add --help to see what the command takes',
    cause: error,
  })
}

async function reportFailure(
  error: unknown,
  io: CliIo,
  json: boolean,
  context: CommandContext | undefined,
): Promise<number> {
  const { errorJson, errorText, exitCodeOf } = await import('./report-error.ts')
  const code = exitCodeOf(error)
  const isReported = typeof error === 'object' && error !== null && context?.reported.has(error) === true
  if (isOutputClosed(error) || isReported) return code
  try {
    if (json) await io.stdout.write(`${errorJson(error)}\n`)
    else await io.stderr.write(errorText(error, makeStyle(wantsColour(io.env, io.stderr.isTerminal))))
    if ((io.env.ICEBOX_DEBUG ?? '') !== '') await io.stderr.write(`${stackOf(error)}\n`)
  } catch (outputError) {
    // Nobody is there to be told; the exit code still says that it failed.
    return Math.max(code, exitCodeOf(outputError) === 130 ? 1 : exitCodeOf(outputError))
  }
  return code
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}

function hasJsonFlag(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return (end < 0 ? argv : argv.slice(0, end)).includes('--json')
}
