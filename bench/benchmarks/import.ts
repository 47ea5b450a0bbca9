import { rm } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { formatBytes, parseSize } from '../../src/base/index.ts'
import { type Finding, measureSuccess, median, type ProcessFigures, ratios, spread } from '../../src/bench/index.ts'
import { tpch } from '../lib/data.ts'
import type { Benchmark, BenchmarkContext } from '../lib/benchmark.ts'

interface Side {
  readonly name: string
  readonly memory: string
  readonly goal: number
  readonly options: readonly string[]
}

const SIDES: readonly Side[] = [
  { name: 'unpartitioned at 256MB', memory: '256MB', goal: 0.75, options: [] },
  { name: 'unpartitioned at 512MB', memory: '512MB', goal: 0.88, options: [] },
  { name: 'unpartitioned at 1GB', memory: '1GB', goal: 0.92, options: [] },
  { name: '84 months at 512MB', memory: '512MB', goal: 0.55, options: ['--partition-by', 'month(l_shipdate)'] },
]

/** TPC-H lineitem SF 2 (12M rows, 1.5 GB of CSV), against raw COPY at its best, whole processes, interleaved. */
export const importBenchmark: Benchmark = {
  name: 'import',
  about: 'CSV of 1.5 GB into a table, against raw COPY without a memory limit',
  async run(context) {
    const source = join(await tpch(context.workFolder, 2, 'csv', 'lineitem'), 'lineitem.csv')
    const raw: ProcessFigures[] = []
    const runs = new Map<Side, ImportRun[]>(SIDES.map((side) => [side, []]))
    for (let round = 0; round < context.rounds; round++) {
      raw.push(await rawCopy(context, source))
      // What a side leaves to the disk is written while the next one runs: each comes first in turn.
      const inTurn = SIDES.map((_, at) => SIDES[(at + round) % SIDES.length])
      for (const side of inTurn) if (side !== undefined) runs.get(side)?.push(await iceboxImport(context, side, source))
      context.note(
        `import round ${round + 1}: raw ${(raw.at(-1)?.wallMs ?? 0).toFixed(0)} ms, ${SIDES.map((side) => `${side.name} ${runs.get(side)?.at(-1)?.outside.wallMs.toFixed(0)} ms at ${formatBytes(runs.get(side)?.at(-1)?.outside.peakRssBytes ?? 0)}`).join(', ')}`,
      )
    }
    return SIDES.flatMap((side) => findings(side, runs.get(side) ?? [], raw))
  },
}

interface ImportRun {
  readonly outside: ProcessFigures
  /** What `--json` says. */
  readonly said: {
    readonly rows: number
    readonly files: number
    readonly peakRssBytes: number
    readonly budgetBytes: number
  }
}

function rawCopy(context: BenchmarkContext, source: string): Promise<ProcessFigures> {
  return measureSuccess(process.execPath, [
    resolve('dist/bench/raw-copy.js'),
    source,
    join(context.workFolder, 'raw-copy'),
    String(cpus().length),
  ])
}

async function iceboxImport(context: BenchmarkContext, side: Side, source: string): Promise<ImportRun> {
  const lake = join(context.workFolder, 'import-lake')
  await rm(lake, { recursive: true, force: true })
  const icebox = resolve('bin/icebox')
  await measureSuccess(icebox, ['init', lake, '--quiet'])
  const args = ['-C', lake, 'import', 'tpch.lineitem', source, '--memory', side.memory, '--json', ...side.options]
  const outside = await measureSuccess(icebox, args)
  return { outside, said: JSON.parse(outside.stdout) as ImportRun['said'] }
}

function findings(side: Side, runs: readonly ImportRun[], raw: readonly ProcessFigures[]): Finding[] {
  const speeds = ratios(
    raw.map((run) => run.wallMs),
    runs.map((run) => run.outside.wallMs),
  )
  const budget = parseSize(side.memory)
  const peaks = runs.map((run) => run.outside.peakRssBytes)
  const disagreement = runs.map(
    (run) => Math.abs(run.said.peakRssBytes - run.outside.peakRssBytes) / run.outside.peakRssBytes,
  )
  const rows = runs[0]?.said.rows ?? 0
  return [
    {
      benchmark: 'import',
      what: `import ${side.name}: rows/s against raw COPY`,
      goal: `>= ${side.goal}`,
      measured: spread(speeds),
      passed: median(speeds) >= side.goal,
      detail: `${(rows / median(runs.map((run) => run.outside.wallMs))).toFixed(0)}k rows/s, ${runs[0]?.said.files} files`,
    },
    {
      benchmark: 'import',
      what: `import ${side.name}: peak memory`,
      goal: `<= ${side.memory} in every run`,
      measured: formatBytes(Math.max(...peaks)),
      passed: peaks.every((peak) => peak <= budget),
      detail: peaks.map((peak) => formatBytes(peak)).join(', '),
    },
    {
      benchmark: 'import',
      what: `import ${side.name}: peak in --json against outside`,
      goal: 'within 3%',
      measured: `${(Math.max(...disagreement) * 100).toFixed(2)}%`,
      passed: disagreement.every((difference) => difference <= 0.03),
    },
  ]
}
