// TPC-H's 22 queries through Icebox, a cold process: tpch-icebox.js LAKE QUERIES_FILE. Prints the ms of each and its rows.
import { readFileSync } from 'node:fs'
import { Lakehouse } from '../../src/lakehouse/index.ts'
import { splitQueries } from '../lib/queries.ts'

const [folder, file] = process.argv.slice(2)
if (folder === undefined || file === undefined) throw new Error('usage: tpch-icebox LAKE QUERIES_FILE')
const lake = await Lakehouse.open(folder)
// The engine starts before the clock does, as the other side's does.
for await (const statement of lake.run('use tpch; select 1')) await statement[Symbol.asyncDispose]()
const timesMs: number[] = []
const rows: number[] = []
for (const sql of splitQueries(readFileSync(file, 'utf8'))) {
  const start = performance.now()
  let count = 0
  for await (const statement of lake.run(sql)) {
    for await (const batch of statement.batches) count += batch.rowCount
  }
  timesMs.push(performance.now() - start)
  rows.push(count)
}
await lake.close()
console.log(JSON.stringify({ timesMs, rows }))
