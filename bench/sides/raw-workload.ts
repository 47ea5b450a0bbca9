// One workload of `icebox bench memory` by DuckDB alone, with a memory limit: raw-workload.js TASK_JSON. Prints one document
// as Icebox does; running out of memory ends with exit code 3 and an error document.
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'

interface Task {
  readonly kind: 'import' | 'query' | 'export' | 'stream'
  readonly memoryLimitBytes: number
  readonly scratch: string
  /** Parquet files by table. */
  readonly tables: Readonly<Record<string, readonly string[]>>
  readonly importFile?: string
  readonly partitionBy?: string
  readonly sql?: string
}

const task = JSON.parse(process.argv[2] ?? '') as Task
const instance = await DuckDBInstance.create(':memory:', {
  threads: '2',
  memory_limit: `${task.memoryLimitBytes}B`,
  temp_directory: join(task.scratch, 'spill'),
  preserve_insertion_order: 'false',
})
const connection = await instance.connect()
try {
  for (const [table, files] of Object.entries(task.tables)) {
    const list = files.map((file) => `'${file}'`).join(', ')
    await connection.run(`CREATE SCHEMA IF NOT EXISTS bench`)
    await connection.run(`CREATE VIEW bench.${table} AS FROM read_parquet([${list}])`)
  }
  console.log(JSON.stringify({ rows: await work(connection) }))
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  if (!message.includes('Out of Memory')) throw error
  console.log(JSON.stringify({ error: { code: 'Out of Memory Error', message, context: {} } }))
  process.exitCode = 3
}
connection.closeSync()
instance.closeSync()

/** Rows moved; for a query the rows of its answer. */
async function work(connection: DuckDBConnection): Promise<unknown> {
  const output = join(task.scratch, 'output')
  switch (task.kind) {
    case 'import': {
      const read = task.importFile?.endsWith('.parquet') === true ? 'read_parquet' : 'read_csv'
      const source = `${read}('${task.importFile}')`
      const copy =
        task.partitionBy === undefined
          ? `COPY (FROM ${source}) TO '${output}' (FORMAT parquet, COMPRESSION zstd, FILE_SIZE_BYTES '128MB')`
          : `COPY (SELECT *, ${task.partitionBy} AS part FROM ${source}) TO '${output}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (part))`
      return (await connection.run(copy)).rowsChanged
    }
    case 'export':
      return (await connection.run(`COPY (${task.sql}) TO '${output}.parquet' (FORMAT parquet, COMPRESSION zstd)`))
        .rowsChanged
    case 'query': {
      const reader = await connection.runAndReadAll(task.sql ?? '')
      return reader.getRows().map((row) => row.map(String))
    }
    case 'stream': {
      const result = await connection.stream(task.sql ?? '')
      let rows = 0
      for (
        let chunk = await result.fetchChunk();
        chunk !== null && chunk.rowCount > 0;
        chunk = await result.fetchChunk()
      )
        rows += chunk.rowCount
      return rows
    }
  }
}
