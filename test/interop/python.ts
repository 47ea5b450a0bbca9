import { spawn } from 'node:child_process'
import { type Json, parseJson, printJson } from '../../src/base/index.ts'

/** At most this much of a script's output is kept. */
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024

/**
 * What every script can use: `args` (the arguments), `done(value)` to answer, `catalog(lake)` for PyIceberg on a lakehouse
 * folder, `duck()` for DuckDB with the iceberg extension of the wheels (loaded by path: no download, no INSTALL).
 */
const PRELUDE = `
import sys, os, json, datetime, decimal, importlib.util
args = json.load(sys.stdin)
def done(value=None):
    sys.stdout.write("\\x00" + json.dumps(value, default=plain))
def plain(value):
    if isinstance(value, (bytes, bytearray)): return value.hex()
    if isinstance(value, (datetime.date, datetime.time)): return value.isoformat()
    return str(value)
def catalog(lake, **more):
    from pyiceberg.catalog.sql import SqlCatalog
    return SqlCatalog("icebox", uri="sqlite:///" + lake + "/catalog.sqlite", warehouse="file://" + lake + "/warehouse", **more)
def duck():
    import duckdb
    connection = duckdb.connect()
    for name in ("avro", "httpfs", "iceberg"):
        root = os.path.dirname(importlib.util.find_spec("duckdb_extension_" + name).origin)
        connection.execute("LOAD '%s/extensions/v%s/%s.duckdb_extension'" % (root, duckdb.__version__, name))
    return connection
`

/** Runs a Python script in the environment of setup.ts; what it printed on standard error is in the error of a failed one. */
export function python(script: string, args: Json = null): Promise<Json> {
  return startPython(script, args).result
}

/** As {@link python}, for scripts that run beside something else. */
export function startPython(script: string, args: Json = null): { result: Promise<Json>; kill: () => void } {
  const interpreter = process.env.ICEBOX_TEST_PYTHON
  if (interpreter === undefined) throw new TypeError('ICEBOX_TEST_PYTHON is not set: run with --project interop')
  const child = spawn(interpreter, ['-c', `${PRELUDE}\n${dedent(script)}`], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONWARNINGS: 'ignore', PYTHONUNBUFFERED: '1' },
  })
  const output: Buffer[] = []
  const errors: Buffer[] = []
  let sizeBytes = 0
  child.stdout.on('data', (chunk: Buffer) => {
    sizeBytes += chunk.length
    if (sizeBytes > MAX_OUTPUT_BYTES) child.kill('SIGKILL')
    else output.push(chunk)
  })
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
  child.stdin.end(printJson(args))
  const result = new Promise<Json>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      const stderr = Buffer.concat(errors).toString('utf8')
      const stdout = Buffer.concat(output).toString('utf8')
      const answer = stdout.lastIndexOf('\0')
      if (code !== 0) reject(new PythonError(`Python ended with ${signal ?? code}:\n${stderr}\n${stdout}`))
      else if (answer < 0) reject(new PythonError(`the script did not call done():\n${stderr}\n${stdout}`))
      else resolve(parseJson(stdout.slice(answer + 1)))
    })
  })
  return { result, kill: () => child.kill('SIGKILL') }
}

/** A script that failed, with its standard error. */
class PythonError extends Error {
  override readonly name = 'PythonError'
}

/** Takes away the indentation that a script has in the test that holds it. */
function dedent(script: string): string {
  const lines = script.replace(/^\s*\n/, '').split('\n')
  const indents = lines.filter((line) => line.trim() !== '').map((line) => /^ */.exec(line)?.[0].length ?? 0)
  const indent = Math.min(...indents)
  return lines.map((line) => line.slice(indent)).join('\n')
}
