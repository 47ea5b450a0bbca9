import { mkdir, rm } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { formatBytes, parseSize } from '../../src/base/index.ts'
import {
  type Finding,
  makeMemoryLimit,
  measureProcess,
  measureSuccess,
  median,
  type ProcessFigures,
  ratios,
  spread,
} from '../../src/bench/index.ts'
import type { Benchmark, BenchmarkContext } from '../lib/benchmark.ts'
import { tpch } from '../lib/data.ts'

/** An import by Icebox; `container`: inside a memory group of the budget's size. */
interface Import {
  readonly memory: string
  readonly partitionBy?: string
  readonly fromPipe?: boolean
  readonly container?: boolean
}

const FILE_256: Import = { memory: '256MB' }
const FILE_512: Import = { memory: '512MB' }
/** More than the import can take: what the goals call no limit. */
const FILE_FREE: Import = { memory: '8GB' }
const PIPE: Import = { memory: '8GB', fromPipe: true }
const MONTHS: Import = { memory: '512MB', partitionBy: 'month(l_shipdate)', container: true }
const BUCKETS: Import = { memory: '512MB', partitionBy: 'bucket(10000, l_orderkey)' }
const IMPORTS = [FILE_FREE, FILE_256, PIPE, FILE_512, MONTHS, BUCKETS]

/** DuckDB knows no other way to stay inside a container than a share of it as its limit (design/peers.md). */
const RAW_SHARE = 0.55
const RAW_MONTHS = "date_trunc('month', l_shipdate)"

/** What a budget costs: lineitem SF 2 (12M rows) into tables, whole processes, interleaved. */
export const budgetBenchmark: Benchmark = {
  name: 'budget',
  about: 'imports within budgets against the same without, from a pipe, and by partition against raw PARTITION_BY',
  async run(context) {
    const source = join(await tpch(context.workFolder, 2, 'csv', 'lineitem'), 'lineitem.csv')
    const runs = new Map<Import, ProcessFigures[]>(IMPORTS.map((what) => [what, []]))
    const raw: ProcessFigures[] = []
    for (let round = 0; round < context.rounds; round++) {
      for (const what of IMPORTS) {
        const figures = await iceboxImport(context, what, source)
        runs.get(what)?.push(figures)
        context.note(
          `budget round ${round + 1}: ${nameOf(what)} ${figures.wallMs.toFixed(0)} ms at ${formatBytes(figures.peakRssBytes)}`,
        )
        if (what === MONTHS) raw.push(await rawPartitions(context, source))
      }
      const last = raw.at(-1)
      context.note(
        `budget round ${round + 1}: raw PARTITION_BY ${last?.wallMs.toFixed(0)} ms, ended with ${endOf(last)}`,
      )
    }
    const of = (what: Import): ProcessFigures[] => runs.get(what) ?? []
    const finished = raw.filter((run) => run.exitCode === 0)
    return [
      finding('plain import at 256MB against no limit', 0.7, of(FILE_256), of(FILE_FREE)),
      finding('import from a pipe against the file', 0.9, of(PIPE), of(FILE_FREE)),
      finding('10,000 partitions at 512MB against plain', 0.15, of(BUCKETS), of(FILE_512)),
      finished.length === raw.length
        ? finding('84 months in a container of 512MB against raw PARTITION_BY', 2.5, of(MONTHS), raw)
        : {
            benchmark: 'budget',
            what: '84 months in a container of 512MB against raw PARTITION_BY',
            goal: '>= 2.5',
            measured: `raw finished ${finished.length} of ${raw.length} times`,
            passed: of(MONTHS).every((run) => run.exitCode === 0),
            detail: raw.map(endOf).join(', '),
          },
      ...IMPORTS.map((what) => peak(what, of(what))),
    ]
  },
}

async function iceboxImport(context: BenchmarkContext, what: Import, source: string): Promise<ProcessFigures> {
  const lake = join(context.workFolder, 'budget-lake')
  await rm(lake, { recursive: true, force: true })
  const icebox = resolve('bin/icebox')
  await measureSuccess(icebox, ['init', lake, '--quiet'])
  const from = what.fromPipe === true ? ['-', '--format', 'csv'] : [source]
  const partition = what.partitionBy === undefined ? [] : ['--partition-by', what.partitionBy]
  const args = ['-C', lake, 'import', 'tpch.lineitem', ...from, '--memory', what.memory, '--json', ...partition]
  await using limit = what.container === true ? await makeMemoryLimit(parseSize(what.memory)) : undefined
  return await measureSuccess(icebox, args, {
    ...(what.fromPipe === true ? { stdinFile: source } : {}),
    ...(limit === undefined ? {} : { limit }),
  })
}

async function rawPartitions(context: BenchmarkContext, source: string): Promise<ProcessFigures> {
  const scratch = join(context.workFolder, 'budget-raw')
  await rm(scratch, { recursive: true, force: true })
  await mkdir(scratch)
  const budgetBytes = parseSize(MONTHS.memory)
  await using limit = await makeMemoryLimit(budgetBytes)
  const task = {
    kind: 'import',
    memoryLimitBytes: Math.floor(budgetBytes * RAW_SHARE),
    scratch,
    tables: {},
    importFile: source,
    partitionBy: RAW_MONTHS,
  }
  return await measureProcess(process.execPath, [resolve('dist/bench/raw-workload.js'), JSON.stringify(task)], {
    limit,
  })
}

function endOf(run: ProcessFigures | undefined): string {
  return run?.signal ?? `exit code ${run?.exitCode ?? 'none'}`
}

function nameOf({ memory, partitionBy, fromPipe, container }: Import): string {
  return `${partitionBy ?? 'plain'} at ${memory}${fromPipe === true ? ' from a pipe' : ''}${container === true ? ' in a container of it' : ''}`
}

function finding(
  what: string,
  goal: number,
  runs: readonly ProcessFigures[],
  reference: readonly ProcessFigures[],
): Finding {
  const speeds = ratios(
    reference.map((run) => run.wallMs),
    runs.map((run) => run.wallMs),
  )
  return {
    benchmark: 'budget',
    what: `${what}: rows/s`,
    goal: `>= ${goal}`,
    measured: spread(speeds),
    passed: median(speeds) >= goal,
    detail: `${(median(runs.map((run) => run.wallMs)) / 1e3).toFixed(1)} s against ${(median(reference.map((run) => run.wallMs)) / 1e3).toFixed(1)} s, ${cpus().length} cores`,
  }
}

function peak(what: Import, runs: readonly ProcessFigures[]): Finding {
  const peaks = runs.map((run) => run.peakRssBytes)
  return {
    benchmark: 'budget',
    what: `${nameOf(what)}: peak memory`,
    goal: `<= ${what.memory} in every run`,
    measured: formatBytes(Math.max(...peaks)),
    passed: peaks.every((bytes) => bytes <= parseSize(what.memory)),
    detail: peaks.map((bytes) => formatBytes(bytes)).join(', '),
  }
}
