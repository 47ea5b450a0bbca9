import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What other people's Iceberg is, exactly: a newer release is a change of its own. */
const PINS = [
  'pyiceberg==0.12.0',
  'pyiceberg-core==0.11.0',
  'pyarrow==26.0.1',
  'sqlalchemy==2.1.9',
  'duckdb==1.5.5',
  'duckdb-extension-avro==1.5.5',
  'duckdb-extension-httpfs==1.5.5',
  'duckdb-extension-iceberg==1.5.5',
  'pyroaring==1.2.0',
]
const FOLDER = join(import.meta.dirname, '..', '..', '.interop')
const VENV = join(FOLDER, 'venv')
const PYTHON = join(VENV, 'bin', 'python')
const STAMP = join(FOLDER, 'stamp')
const OUTPUT_BYTES = 64 * 1024 * 1024

/** Makes the Python environment once, again when a pin or the interpreter changes, and tells the tests where it is. */
export default async function setup(): Promise<void> {
  const base = process.env.ICEBOX_BASE_PYTHON ?? 'python3'
  const { stdout: version } = await run(base, ['-c', 'import sys; print(sys.version)'])
  const wanted = createHash('sha256')
    .update(JSON.stringify([PINS, version]))
    .digest('hex')
  if (!existsSync(PYTHON) || (await readStamp()) !== wanted) {
    await rm(FOLDER, { recursive: true, force: true })
    await mkdir(FOLDER, { recursive: true })
    await makeEnvironment(base)
    await writeFile(STAMP, wanted)
  }
  process.env.ICEBOX_TEST_PYTHON = PYTHON
}

async function readStamp(): Promise<string | undefined> {
  return existsSync(STAMP) ? await readFile(STAMP, 'utf8') : undefined
}

/** Debian's python3 comes without ensurepip: then the system's pip installs into the environment from outside. */
async function makeEnvironment(base: string): Promise<void> {
  try {
    await run(base, ['-m', 'venv', VENV])
    await install(PYTHON, [])
    return
  } catch (error) {
    if (existsSync(join(VENV, 'bin', 'pip'))) throw error
  }
  await rm(VENV, { recursive: true, force: true })
  await run(base, ['-m', 'venv', '--without-pip', VENV])
  await install(base, ['--python', PYTHON])
}

async function install(python: string, options: readonly string[]): Promise<void> {
  const pip = ['-m', 'pip', ...options, 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:']
  await run(python, [...pip, ...PINS], { maxBuffer: OUTPUT_BYTES })
}
