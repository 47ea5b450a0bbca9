// TPC-H's 22 queries by DuckDB over views of read_parquet and by Icebox, one after the other in a cold process, so that a slow
// second of the machine falls on both: tpch.js LAKE FILES_JSON QUERIES_FILE THREADS MEMORY_BYTES FIRST, where FILES_JSON maps
// each table to its data files and FIRST (raw, icebox) begins with the first query; the sides take turns at beginning.
import { readFileSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'
import { Lakehouse } from '../../src/lakehouse/index.ts'
import { splitQueries } from '../lib/queries.ts'

const [folder, filesJson, queries, threads, memory, first] = process.argv.slice(2)
if (
  folder === undefined ||
  filesJson === undefined ||
  queries === undefined ||
  threads === undefined ||
  memory === undefined
) {
  throw new Error('usage: tpch LAKE FILES_JSON QUERIES_FILE THREADS MEMORY_BYTES FIRST')
}
const tables = JSON.parse(readFileSync(filesJson, 'utf8')) as Record<string, string[]>
const instance = await DuckDBInstance.create(':memory:', { threads, memory_limit: `${memory}B` })
const connection = await instance.connect()
await connection.run('SET preserve_insertion_order = false')
await connection.run('select 1')
const lake = await Lakehouse.open(folder)
// The engine starts before the clock does, as the other side's did.
for await (const statement of lake.run('use tpch; select 1')) await statement[Symbol.asyncDispose]()

// Neither side has seen a table yet: what a first look at one costs is in the times of both.
const viewsStart = performance.now()
for (const [table, files] of Object.entries(tables)) {
  const list = files.map((file) => `'${file}'`).join(', ')
  await connection.run(`CREATE VIEW ${table} AS FROM read_parquet([${list}])`)
}
const viewsMs = performance.now() - viewsStart

const sides = {
  raw: async (sql: string): Promise<number> => (await connection.runAndReadAll(sql)).currentRowCount,
  icebox: async (sql: string): Promise<number> => {
    let count = 0
    for await (const statement of lake.run(sql)) {
      for await (const batch of statement.batches) count += batch.rowCount
    }
    return count
  },
}
const found = {
  raw: { timesMs: [] as number[], rows: [] as number[] },
  icebox: { timesMs: [] as number[], rows: [] as number[] },
}
for (const [at, sql] of splitQueries(readFileSync(queries, 'utf8')).entries()) {
  const isRawFirst = (at % 2 === 0) === (first === 'raw')
  for (const side of isRawFirst ? (['raw', 'icebox'] as const) : (['icebox', 'raw'] as const)) {
    const start = performance.now()
    found[side].rows.push(await sides[side](sql))
    found[side].timesMs.push(performance.now() - start)
  }
}
found.raw.timesMs[0] = (found.raw.timesMs[0] ?? 0) + viewsMs
await lake.close()
console.log(JSON.stringify(found))
