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
import { python, tpch } from '../lib/data.ts'
import { startRestCatalog } from '../lib/rest-catalog.ts'

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
const RAW_LIMIT_BYTES = Math.floor(0.55 * parseSize(MONTHS.memory))
const RAW_MONTHS = "date_trunc('month', l_shipdate)"
const LINEITEM =
  'l_orderkey:long,l_partkey:long,l_suppkey:long,l_linenumber:long,l_quantity:long,l_extendedprice:double,l_discount:double,l_tax:double,l_returnflag:string,l_linestatus:string,l_shipdate:date,l_commitdate:date,l_receiptdate:date,l_shipinstruct:string,l_shipmode:string,l_comment:string'

/** What a budget costs: lineitem SF 2 (12M rows) into tables, whole processes, interleaved. */
export const budgetBenchmark: Benchmark = {
  name: 'budget',
  about: 'imports within budgets against the same without, from a pipe, and by partition against raw PARTITION_BY',
  async run(context) {
    const source = join(await tpch(context.workFolder, 2, 'csv', 'lineitem'), 'lineitem.csv')
    const runs = new Map<Import, ProcessFigures[]>(IMPORTS.map((what) => [what, []]))
    const raw: ProcessFigures[] = []
    const extension: ProcessFigures[] = []
    for (let round = 0; round < context.rounds; round++) {
      for (const what of IMPORTS) {
        const figures = await iceboxImport(context, what, source)
        runs.get(what)?.push(figures)
        context.note(
          `budget round ${round + 1}: ${nameOf(what)} ${figures.wallMs.toFixed(0)} ms at ${formatBytes(figures.peakRssBytes)}`,
        )
        if (what !== MONTHS) continue
        raw.push(await rawPartitions(context, source))
        extension.push(await duckdbIceberg(context, source))
      }
      for (const [name, last] of [
        ['raw PARTITION_BY', raw.at(-1)],
        ['DuckDB-Iceberg', extension.at(-1)],
      ] as const)
        context.note(`budget round ${round + 1}: ${name} ${last?.wallMs.toFixed(0)} ms, ended with ${endOf(last)}`)
    }
    const of = (what: Import): ProcessFigures[] => runs.get(what) ?? []
    return [
      finding('plain import at 256MB against no limit', 0.7, of(FILE_256), of(FILE_FREE)),
      finding('import from a pipe against the file', 0.9, of(PIPE), of(FILE_FREE)),
      finding('10,000 partitions at 512MB against plain', 0.15, of(BUCKETS), of(FILE_512)),
      partitions('raw PARTITION_BY', of(MONTHS), raw),
      partitions('DuckDB-Iceberg', of(MONTHS), extension),
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
  const task = {
    kind: 'import',
    memoryLimitBytes: RAW_LIMIT_BYTES,
    scratch,
    tables: {},
    importFile: source,
    partitionBy: RAW_MONTHS,
  }
  return await inContainer(process.execPath, [resolve('dist/bench/raw-workload.js'), JSON.stringify(task)])
}

/** Its catalog runs outside the container. */
async function duckdbIceberg(context: BenchmarkContext, source: string): Promise<ProcessFigures> {
  const scratch = join(context.workFolder, 'budget-extension')
  await rm(scratch, { recursive: true, force: true })
  const interpreter = await python(context.workFolder)
  await using catalog = await startRestCatalog(interpreter, scratch, LINEITEM, MONTHS.partitionBy ?? '')
  const script = resolve('bench/sides/duckdb_iceberg.py')
  const args = [script, String(catalog.port), source, String(RAW_LIMIT_BYTES), join(scratch, 'spill')]
  return await inContainer(interpreter, args)
}

/** A livelock at its limit is an end as well. */
const LONGEST_MS = 10 * 60_000

/** In the container of the months: done, out of memory, killed for it, or given up; anything else is a mistake of ours. */
async function inContainer(command: string, args: readonly string[]): Promise<ProcessFigures> {
  await using limit = await makeMemoryLimit(parseSize(MONTHS.memory))
  const run = await measureProcess(command, args, { limit, timeoutMs: LONGEST_MS })
  if (![0, 3].includes(run.exitCode ?? 0)) throw new Error(run.stderr)
  return run
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

/** Against who may not get to the end: then finishing is the whole difference. */
function partitions(name: string, runs: readonly ProcessFigures[], reference: readonly ProcessFigures[]): Finding {
  const what = `84 months in a container of 512MB against ${name}`
  const failed = reference.filter((run) => run.exitCode !== 0)
  if (failed.length === 0) return finding(what, 2.5, runs, reference)
  const measured = `${name} finished ${reference.length - failed.length} of ${reference.length} times`
  return { benchmark: 'budget', what, goal: '>= 2.5', measured, passed: true, detail: failed.map(endOf).join(', ') }
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
