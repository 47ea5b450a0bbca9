// TPC-H's 22 queries by DuckDB over views of read_parquet, a cold process:
// tpch-raw.js FILES_JSON QUERIES_FILE THREADS MEMORY_BYTES, where FILES_JSON maps each table to its data files.
import { readFileSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'
import { splitQueries } from '../lib/queries.ts'

const [filesJson, queries, threads, memory] = process.argv.slice(2)
if (filesJson === undefined || queries === undefined || threads === undefined || memory === undefined) {
  throw new Error('usage: tpch-raw FILES_JSON QUERIES_FILE THREADS MEMORY_BYTES')
}
const tables = JSON.parse(readFileSync(filesJson, 'utf8')) as Record<string, string[]>
const instance = await DuckDBInstance.create(':memory:', { threads, memory_limit: `${memory}B` })
const connection = await instance.connect()
await connection.run('SET preserve_insertion_order = false')
for (const [table, files] of Object.entries(tables)) {
  const list = files.map((file) => `'${file}'`).join(', ')
  await connection.run(`CREATE VIEW ${table} AS FROM read_parquet([${list}])`)
}
await connection.run('select 1')
const timesMs: number[] = []
const rows: number[] = []
for (const sql of splitQueries(readFileSync(queries, 'utf8'))) {
  const start = performance.now()
  const reader = await connection.runAndReadAll(sql)
  timesMs.push(performance.now() - start)
  rows.push(reader.currentRowCount)
}
console.log(JSON.stringify({ timesMs, rows }))
