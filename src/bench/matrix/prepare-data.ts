import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { iceboxCommand } from '../environment.ts'
import { measureSuccess } from '../measure/measure-process.ts'
import { DATA_SETS, type DataSetName, rowsAt } from './data-sets.ts'

/** A data set as it lies on disk. */
export interface PreparedData {
  readonly rows: number
  /** The file to import; undefined for a data set of tables. */
  readonly file: string | undefined
  /** The lakehouse that holds the tables; undefined for a data set that is a file. */
  readonly lake: string | undefined
}

/** TPC-H lineitem at scale factor 2, which the benchmarks of the repository make as well (`bench/lib/data.ts`). */
const TPCH_LINEITEM = { path: 'data/sf2-csv-lineitem/lineitem.csv', rows: 11_997_996 }
const COMPLETE = 'complete'
const MAKING_BUDGET = '1GB'

export interface PrepareOptions {
  readonly workFolder: string
  readonly scale: number
  readonly signal: AbortSignal
  note(text: string): Promise<void>
}

/** What is on disk already; undefined when it has to be made. */
export function existingData(
  name: DataSetName,
  options: Pick<PrepareOptions, 'workFolder' | 'scale'>,
): PreparedData | undefined {
  const tpch = join(options.workFolder, TPCH_LINEITEM.path)
  if (name === 'lineitem' && options.scale === 1 && existsSync(tpch))
    return { rows: TPCH_LINEITEM.rows, file: tpch, lake: undefined }
  const folder = folderOf(name, options)
  return existsSync(join(folder, COMPLETE)) ? describe(name, folder, options.scale) : undefined
}

/** Makes a data set where it is missing, with Icebox itself. Rejects `bench/failed`, `cancelled`. */
export async function prepareData(name: DataSetName, options: PrepareOptions): Promise<PreparedData> {
  const existing = existingData(name, options)
  if (existing !== undefined) return existing
  const { make } = DATA_SETS[name]
  const rows = rowsAt(DATA_SETS[name], options.scale)
  const folder = folderOf(name, options)
  await options.note(`making ${name}: ${rows.toLocaleString('en')} rows in ${folder}`)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const lake = join(folder, 'lake')
  const run = (args: readonly string[]) => measureSuccess(iceboxCommand(), args, { signal: options.signal })
  await run(['init', lake, '--quiet'])
  const sql = make.kind === 'file' ? make.select(rows) : make.statements(rows)
  const output = make.kind === 'file' ? ['--output', join(folder, make.file)] : []
  await run(['-C', lake, '--memory', MAKING_BUDGET, '--quiet', 'sql', sql, ...output])
  await writeFile(join(folder, COMPLETE), '')
  return describe(name, folder, options.scale)
}

/** The data files of a table of a data set, for programs that read them without a catalog. */
export async function dataFilesOf(lake: string, table: string): Promise<readonly string[]> {
  const folder = join(lake, 'warehouse/bench', table, 'data')
  const names = await readdir(folder)
  return names.filter((name) => name.endsWith('.parquet')).map((name) => join(folder, name))
}

function folderOf(name: DataSetName, options: Pick<PrepareOptions, 'workFolder' | 'scale'>): string {
  return join(options.workFolder, 'data', `matrix-${name}-${options.scale}`)
}

function describe(name: DataSetName, folder: string, scale: number): PreparedData {
  const { make } = DATA_SETS[name]
  return {
    rows: rowsAt(DATA_SETS[name], scale),
    file: make.kind === 'file' ? join(folder, make.file) : undefined,
    lake: make.kind === 'tables' ? join(folder, 'lake') : undefined,
  }
}
