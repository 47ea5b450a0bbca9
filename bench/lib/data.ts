import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { measureSuccess } from '../../src/bench/index.ts'

/** The reference tools come from PyPI into a virtual environment beside the data. */
const PINS = [
  'tpchgen-cli==4.0.0',
  'pyiceberg==0.12.0',
  'pyiceberg-core==0.11.0',
  'pyarrow==26.0.1',
  'sqlalchemy==2.1.9',
  'duckdb==1.5.5',
  'duckdb-extension-avro==1.5.5',
  'duckdb-extension-httpfs==1.5.5',
  'duckdb-extension-iceberg==1.5.5',
]

/** The interpreter of the benchmark's own virtual environment, made when it is missing. */
export async function python(workFolder: string): Promise<string> {
  const folder = join(workFolder, 'venv')
  const interpreter = join(folder, 'bin/python')
  const stamp = join(folder, `pins-${PINS.join('_').replaceAll('==', '-')}`)
  if (!existsSync(stamp)) {
    await rm(folder, { recursive: true, force: true })
    await measureSuccess('python3', ['-m', 'venv', folder])
    await measureSuccess(interpreter, ['-m', 'pip', 'install', '--quiet', ...PINS])
    await mkdir(stamp)
  }
  return interpreter
}

/** One table or all of TPC-H at a scale factor, made once: `<workFolder>/data/sf<scale>-<format>/<table>.<format>`. */
export async function tpch(
  workFolder: string,
  scale: number,
  format: 'csv' | 'parquet',
  table?: string,
): Promise<string> {
  const folder = join(workFolder, 'data', `sf${scale}-${format}${table === undefined ? '' : `-${table}`}`)
  if (existsSync(folder)) return folder
  const interpreter = await python(workFolder)
  const partial = `${folder}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  const generator = join(interpreter, '../tpchgen-cli')
  const tables = table === undefined ? [] : [`--tables=${table}`]
  await measureSuccess(generator, [format, '-s', String(scale), ...tables, `--output-dir=${partial}`])
  await rename(partial, folder)
  return folder
}
