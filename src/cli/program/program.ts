import { Command, CommanderError, Option } from 'commander'
import { ownPackage } from '../../base/index.ts'
import type { CommandContext } from '../context.ts'
import { defineConfig, defineDoctor, defineInit } from './basics.ts'
import { defineBench } from './bench.ts'
import { defineImport } from './import.ts'
import { refuseLaterCommands } from './later.ts'
import type { RawGlobals, Runner } from './runner.ts'
import { defineSql } from './sql.ts'
import { defineTable } from './table.ts'

export interface ProgramOutput {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** Width of help texts. */
  readonly width: number
}

/** Every command with its arguments, options, help and example. Parsing throws CommanderError, also for help. */
export function buildProgram(
  dispatch: (globals: RawGlobals, run: (context: CommandContext) => Promise<void>) => Promise<void>,
  output: ProgramOutput,
): Command {
  const program = new Command('icebox')
  const run: Runner = (command) => dispatch(program.opts<RawGlobals>(), command)
  program
    .description('An Apache Iceberg lakehouse in one process that stays inside the memory you give it.')
    .exitOverride()
    .configureOutput({
      writeOut: output.out,
      writeErr: output.err,
      outputError: () => {},
      getOutHelpWidth: () => Math.max(output.width, 40),
      getErrHelpWidth: () => Math.max(output.width, 40),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp({ showGlobalOptions: true })
    .option('--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .option(
      '-C, --directory <dir>',
      'the lakehouse folder (default: ICEBOX_HOME, else the nearest parent with an icebox.yaml)',
    )
    .option('--memory <size>', 'memory budget of the whole process, such as 512MB (performance.memory.max_usage)')
    .addOption(
      new Option('--set <key=value>', 'set a key of the configuration; may be repeated').argParser<string[]>(
        (value, before: string[] | undefined) => [...(before ?? []), value],
      ),
    )
    .option('--json', 'one JSON document (or NDJSON) on standard output, errors too')
    .option('--quiet', 'no progress, footers and hints')
    .option('--profile', 'memory over the time of each operation, who held it, and what would help')
    .addHelpText('after', EXAMPLE)

  program.on('option:version', () => {
    output.out(`${ownPackage().version}\n`)
    throw new CommanderError(0, 'commander.version', 'version')
  })

  defineInit(program, run)
  defineImport(program, run)
  defineSql(program, run)
  defineTable(program, run)
  defineConfig(program, run)
  defineDoctor(program, run)
  defineBench(program, run)
  refuseLaterCommands(program)
  return program
}

const EXAMPLE = `
Example:
  $ icebox init lake && cd lake
  $ icebox import sales.orders ../orders.csv
  $ icebox sql "select count(*) from sales.orders"

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 memory, 130 Ctrl-C.`
