// Appends of 100 rows, each its own commit, in one process: commits.js LAKE COMMITS. Prints the ms of each.
import { Lakehouse } from '../../src/lakehouse/index.ts'

const [folder, commits] = process.argv.slice(2)
if (folder === undefined || commits === undefined) throw new Error('usage: commits LAKE COMMITS')
const lake = await Lakehouse.open(folder)

async function run(sql: string): Promise<void> {
  for await (const statement of lake.run(sql)) await statement[Symbol.asyncDispose]()
}

await run('create schema bench; create table bench.events (id bigint, name varchar, amount double)')
const timesMs: number[] = []
for (let commit = 0; commit < Number(commits); commit++) {
  const rows = Array.from({ length: 100 }, (_, row) => {
    const id = commit * 100 + row
    return `(${id}, 'event ${id}', ${id / 7})`
  })
  const sql = `insert into bench.events values ${rows.join(', ')}`
  const start = performance.now()
  await run(sql)
  timesMs.push(performance.now() - start)
}
const counts = await lake.sql`select count(*) as n from bench.events`
const manifests = await lake.sql`select count(*) as n from bench."events$manifests"`
const snapshots = await lake.sql`select count(*) as n from bench."events$snapshots"`
await lake.close()
const count = (rows: readonly Record<string, unknown>[]) => Number(rows[0]?.['n'])
console.log(JSON.stringify({ timesMs, rows: count(counts), manifests: count(manifests), snapshots: count(snapshots) }))
