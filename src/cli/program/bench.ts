import { type Command, Option } from 'commander'
import type { BenchAcceptanceFlags, BenchMemoryFlags } from './bench-flags.ts'
import { refuseUnknown } from './later.ts'
import type { Runner } from './runner.ts'

/** Benchmarks of later versions: asked for by name, they say so. */
const LATER: Readonly<Record<string, string>> = {
  run: 'the suite (in a clone of the repository: npm run bench)',
  soak: 'the sustained load',
  gate: 'the regression gate',
  compare: 'the comparison of two runs',
  report: 'the report over the history',
  calibrate: 'the calibration of memory plans',
}

export function defineBench(program: Command, run: Runner): void {
  const bench = program.command('bench').description('measure Icebox on this machine, and compare with the promises')
  bench
    .command('memory')
    .description(
      'workloads x budgets: rows/s, peak memory, spill and outcome of each cell, each run a process of its own',
    )
    .addOption(listOption('--workload <name>', 'only this workload; may be repeated'))
    .addOption(listOption('--budget <size>', 'only this budget; may be repeated (default: 256MB, 512MB, 1GB, 2GB)'))
    .option('--runs <n>', 'runs of every cell', '5')
    .option('--peer-runs <n>', 'runs of raw DuckDB and PyIceberg where they are installed; 0 leaves them out', '1')
    .option('--scale <share>', 'share of the rows, such as 0.01 for a quick look', '1')
    .option('--timeout <duration>', 'a run that takes longer is ended and counts as failed', '10m')
    .option('--work <dir>', 'folder for data and lakehouses (default: .bench of the repository, else the user cache)')
    .option('-o, --output <file>', 'save the run as JSON')
    .option('--html <file>', 'write a page with the curves of rows/s against budget')
    .addHelpText(
      'after',
      `
Example:
  $ icebox bench memory --runs 5 --output run.json --html run.html
  $ icebox bench memory --workload import --workload join --budget 256MB --peer-runs 0
  $ icebox bench memory --scale 0.01 --runs 1    # minutes instead of hours`,
    )
    .action((flags: BenchMemoryFlags) =>
      run(async (context) => (await import('../commands/bench-memory.ts')).benchMemoryCommand(context, flags)),
    )
  bench
    .command('acceptance')
    .description('the promises P1 to P6: goal, measured value, pass or fail; needs a clone of the repository')
    .addOption(listOption('--promise <name>', 'only this promise, such as P2; may be repeated'))
    .option('--runs <n>', 'rounds against the baseline, and runs of every cell of P1', '3')
    .option('--scale <share>', 'share of the rows; below 1 nothing that asks for a large input can pass', '1')
    .option('--budget <size>', 'budget of Icebox in P2, P4, P5 and P6', '512MB')
    .option('--limit <size>', 'memory of the container of P3', '512MB')
    .option('--timeout <duration>', 'a run that takes longer is ended and counts as failed', '10m')
    .option('--memory-run <file>', 'judge P1 by this run of bench memory instead of measuring a part of it')
    .option('--work <dir>', 'folder for data and lakehouses (default: .bench of the repository)')
    .option('-o, --output <file>', 'save the findings as JSON')
    .addHelpText(
      'after',
      `
Example:
  $ icebox bench acceptance --memory-run run.json --output acceptance.json
  $ icebox bench acceptance --promise P3 --limit 1GB`,
    )
    .action((flags: BenchAcceptanceFlags) =>
      run(async (context) => (await import('../commands/bench-acceptance.ts')).benchAcceptanceCommand(context, flags)),
    )
  refuseUnknown(bench, LATER)
}

function listOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser<string[]>((value, before: string[] | undefined) => [
    ...(before ?? []),
    value,
  ])
}
