// Rows out of one query in one process, our Arrow batches and the binding's column vectors untouched in turn:
// stream-out.js PARQUET_FILE RUNS
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { openEngine } from '../../src/engine/index.ts'
import { Governor } from '../../src/memory/index.ts'

const LIMIT = 340 * 1024 * 1024

const [file, runs] = process.argv.slice(2)
if (file === undefined || runs === undefined) throw new Error('usage: stream-out PARQUET_FILE RUNS')
const scratch = await mkdtemp(join(tmpdir(), 'icebox-stream-out-'))
const engine = await openEngine({
  plan: { memoryLimitBytes: LIMIT, threads: 2, copyThreads: 2, purgeAboveBytes: LIMIT },
  governor: Governor.create({ budgetBytes: 512e6 }),
  spillDirectory: scratch,
  maxSpillBytes: 1e9,
})
const session = await engine.session()
const instance = await DuckDBInstance.create(':memory:', {
  threads: '2',
  memory_limit: `${LIMIT}B`,
  preserve_insertion_order: 'false',
})
const connection = await instance.connect()
const sql = `SELECT * FROM read_parquet('${file.replaceAll("'", "''")}')`

/** What a reader that copies nothing does: each chunk is fetched, each column is looked at, texts are left alone. */
async function vectors(): Promise<number> {
  const result = await connection.stream(sql)
  let rows = 0
  for (;;) {
    const chunk = await result.fetchChunk()
    if (chunk === null || chunk.rowCount === 0) return rows
    for (let column = 0; column < chunk.columnCount; column++) chunk.getColumnVector(column)
    rows += chunk.rowCount
  }
}

let arrowBytes = 0
async function arrow(): Promise<number> {
  await using result = await session.stream(sql)
  let rows = 0
  arrowBytes = 0
  for await (const batch of await result.arrow()) {
    const [head, body] = batch.message()
    arrowBytes += head.byteLength + body.byteLength
    rows += batch.rowCount
  }
  return rows
}

const vectorMs: number[] = []
const arrowMs: number[] = []
let rows = 0
for (let run = -1; run < Number(runs); run++) {
  const start = performance.now()
  rows = await vectors()
  const middle = performance.now()
  if ((await arrow()) !== rows) throw new Error('the two routes differ')
  const end = performance.now()
  if (run < 0) continue // warm
  vectorMs.push(middle - start)
  arrowMs.push(end - middle)
}
await session[Symbol.asyncDispose]()
await engine[Symbol.asyncDispose]()
await rm(scratch, { recursive: true })
console.log(JSON.stringify({ rows, arrowBytes, vectorMs, arrowMs }))
