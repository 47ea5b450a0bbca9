import { join } from 'node:path'
import { IceboxError, ownPackage } from '../../base/index.ts'
import { iceboxCommand, repository } from '../environment.ts'
import { dataFilesOf, type PreparedData } from './prepare-data.ts'
import type { PlannedRun } from './plan.ts'
import { pythonOf, rawProgram } from './systems.ts'

/** Where a run works. */
export interface RunSite {
  readonly data: PreparedData
  /** An empty folder, removed afterwards. */
  readonly scratch: string
  readonly workFolder: string
}

export interface RunCommand {
  readonly command: string
  readonly args: readonly string[]
  /** Made before the clock runs: a lakehouse in `<scratch>/lake`. */
  readonly needsLake: boolean
  readonly stdinFile?: string
  readonly discardOutput?: boolean
  /** A memory cgroup of the budget's size around it: for those who know no budget. */
  readonly isLimited: boolean
  /** The output that proves that the work was done, beside the exit code. */
  readonly proof:
    | { readonly kind: 'rows'; readonly rows: number }
    | { readonly kind: 'first value'; readonly value: number }
    | { readonly kind: 'output bytes'; readonly leastBytes: number }
}

const TABLE = 'bench.imported'
/** A row of the fact table as Arrow is seven values, of which the narrowest take 4 bytes. */
const LEAST_ARROW_ROW_BYTES = 28

/** The command line of a run. */
export async function commandOf(planned: PlannedRun, site: RunSite): Promise<RunCommand> {
  switch (planned.system) {
    case 'icebox':
      return iceboxRun(planned, site)
    case 'raw DuckDB':
      return await rawRun(planned, site)
    case 'PyIceberg append':
      return pythonRun('append', site)
    case 'PyIceberg streamed':
      return pythonRun('streamed', site)
  }
}

function iceboxRun({ workload, budgetBytes }: PlannedRun, site: RunSite): RunCommand {
  const { work } = workload
  const { data, scratch } = site
  const fresh = join(scratch, 'lake')
  const common = { command: iceboxCommand(), needsLake: false, isLimited: false }
  const memory = ['--memory', `${budgetBytes}B`]
  switch (work.kind) {
    case 'import': {
      const file = fileOf(data)
      const partition = work.partitionBy === undefined ? [] : ['--partition-by', work.partitionBy]
      const source = work.from === 'pipe' ? ['-', '--format', 'csv'] : [file]
      return {
        ...common,
        needsLake: true,
        args: ['-C', fresh, ...memory, '--json', 'import', TABLE, ...source, ...partition],
        ...(work.from === 'pipe' ? { stdinFile: file } : {}),
        proof: { kind: 'rows', rows: data.rows },
      }
    }
    case 'query':
      return {
        ...common,
        args: ['-C', lakeOf(data), ...memory, '--json', 'sql', work.sql],
        proof: { kind: 'first value', value: data.rows },
      }
    case 'export':
      return {
        ...common,
        args: ['-C', lakeOf(data), ...memory, '--json', 'sql', work.sql, '--output', join(scratch, 'rows.parquet')],
        proof: { kind: 'rows', rows: data.rows },
      }
    case 'stream':
      return {
        ...common,
        args: ['-C', lakeOf(data), ...memory, 'sql', work.sql, '--format', 'arrow'],
        discardOutput: true,
        proof: { kind: 'output bytes', leastBytes: data.rows * LEAST_ARROW_ROW_BYTES },
      }
    case 'concurrent':
      return {
        ...common,
        command: process.execPath,
        args: [join(ownPackage().root, 'dist/bench-concurrent.js'), fresh, fileOf(data), `${budgetBytes}B`],
        needsLake: true,
        proof: { kind: 'rows', rows: data.rows },
      }
  }
}

/** DuckDB gets 55% of the budget as its limit, as in design/peers.md: it knows no other way to stay inside. */
const RAW_SHARE = 0.55

async function rawRun({ workload, budgetBytes }: PlannedRun, { data, scratch }: RunSite): Promise<RunCommand> {
  const { work } = workload
  const tables: Record<string, readonly string[]> = {}
  if (data.lake !== undefined) {
    for (const table of workload.data === 'fact' ? ['fact', 'dimension'] : [workload.data])
      tables[table] = await dataFilesOf(data.lake, table)
  }
  const task = {
    memoryLimitBytes: Math.floor(budgetBytes * RAW_SHARE),
    scratch,
    tables,
    ...(work.kind === 'import' ? { importFile: fileOf(data), partitionBy: work.rawPartitionBy } : {}),
    ...(work.kind === 'query' || work.kind === 'export' || work.kind === 'stream' ? { sql: work.sql } : {}),
    kind: work.kind,
  }
  return {
    command: process.execPath,
    args: [rawProgram(clone().programs), JSON.stringify(task)],
    needsLake: false,
    isLimited: true,
    proof: work.kind === 'query' ? { kind: 'first value', value: data.rows } : { kind: 'rows', rows: data.rows },
  }
}

function pythonRun(mode: 'append' | 'streamed', { data, scratch, workFolder }: RunSite): RunCommand {
  return {
    command: pythonOf(workFolder),
    args: [join(clone().sources, 'pyiceberg_import.py'), mode, fileOf(data), join(scratch, 'lake')],
    needsLake: false,
    isLimited: true,
    proof: { kind: 'rows', rows: data.rows },
  }
}

function clone(): NonNullable<ReturnType<typeof repository>> {
  const found = repository()
  if (found === undefined)
    throw new IceboxError('internal/unreachable', { message: 'a reference program planned in an installed package' })
  return found
}

/** The file of a data set that is one. */
export function fileOf(data: PreparedData): string {
  if (data.file === undefined)
    throw new IceboxError('internal/unreachable', { message: 'a data set of tables has no file' })
  return data.file
}

function lakeOf(data: PreparedData): string {
  if (data.lake === undefined)
    throw new IceboxError('internal/unreachable', { message: 'a data set that is a file has no lakehouse' })
  return data.lake
}
