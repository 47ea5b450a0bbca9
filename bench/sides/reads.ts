// A SELECT with LIMIT 10 and a point lookup, warm, on one table: reads.js LAKE ID RUNS
import { Lakehouse } from '../../src/lakehouse/index.ts'

const [folder, id, runs] = process.argv.slice(2)
if (folder === undefined || id === undefined || runs === undefined) throw new Error('usage: reads LAKE ID RUNS')
const lake = await Lakehouse.open(folder)

async function timed(sql: string, rows: number): Promise<number[]> {
  const timesMs: number[] = []
  for (let run = -3; run < Number(runs); run++) {
    const start = performance.now()
    let count = 0
    for await (const batch of lake.query(sql)) count += batch.rowCount
    if (count !== rows) throw new Error(`${sql} gave ${count} rows, not ${rows}`)
    if (run >= 0) timesMs.push(performance.now() - start)
  }
  return timesMs
}

const limitMs = await timed('select * from bench.events limit 10', 10)
const lookupMs = await timed(`select * from bench.events where id = ${id}`, 1)
await lake.close()
console.log(JSON.stringify({ limitMs, lookupMs }))
