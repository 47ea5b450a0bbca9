// The reference of the import: DuckDB's COPY through the same binding at its best: no memory limit, no order kept,
// files of the target size. node raw-copy.js CSV OUTPUT_FOLDER THREADS
import { rmSync } from 'node:fs'
import { DuckDBInstance } from '@duckdb/node-api'

const [source, folder, threads] = process.argv.slice(2)
if (source === undefined || folder === undefined || threads === undefined)
  throw new Error('usage: raw-copy CSV FOLDER THREADS')
rmSync(folder, { recursive: true, force: true })
const instance = await DuckDBInstance.create(':memory:', { threads })
const connection = await instance.connect()
await connection.run('SET preserve_insertion_order = false')
await connection.run(
  `COPY (FROM read_csv('${source}')) TO '${folder}' (FORMAT parquet, COMPRESSION zstd, FILE_SIZE_BYTES '128MB')`,
)
connection.closeSync()
instance.closeSync()
