// One small SELECT, warm, many times in one process, our route and raw read_parquet in turn:
// small-select.js LAKE DATA_FOLDER RUNS
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { Lakehouse } from '../../src/lakehouse/index.ts'

const [folder, data, runs] = process.argv.slice(2)
if (folder === undefined || data === undefined || runs === undefined)
  throw new Error('usage: small-select LAKE DATA_FOLDER RUNS')
const files = readdirSync(data)
  .filter((name) => name.endsWith('.parquet'))
  .map((name) => `'${join(data, name)}'`)
const lake = await Lakehouse.open(folder)
const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
const connection = await instance.connect()
const question = (from: string) =>
  `select count(*) as n, sum(amount) as total from ${from} where id between 4000 and 4100`

async function ask(): Promise<number> {
  let rows = 0
  for await (const statement of lake.run(question('bench.events'))) {
    for await (const batch of statement.batches) rows += batch.rowCount
  }
  return rows
}

const oursMs: number[] = []
const rawMs: number[] = []
for (let run = -5; run < Number(runs); run++) {
  const start = performance.now()
  const rows = (await connection.runAndReadAll(question(`read_parquet([${files.join(', ')}])`))).currentRowCount
  const middle = performance.now()
  if ((await ask()) !== rows) throw new Error('the two routes differ')
  const end = performance.now()
  if (run < 0) continue // warm
  rawMs.push(middle - start)
  oursMs.push(end - middle)
}
await lake.close()
console.log(JSON.stringify({ files: files.length, oursMs, rawMs }))
