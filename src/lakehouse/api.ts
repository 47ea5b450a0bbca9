import type { ColumnarBatch, ResultColumn, SqlParameter, SqlValue } from '../engine/index.ts'
import type { ImportPlan } from '../ingest/index.ts'
import type { MemoryBill } from '../memory/index.ts'

/** What every operation that moves data reports; the names are those of `--json`. */
export interface OperationSummary {
  readonly rows: number
  readonly bytesRead: number
  readonly bytesWritten: number
  readonly files: number
  readonly snapshotId: string | null
  readonly elapsedMs: number
  readonly cpuMs: number
  readonly budgetBytes: number
  /** Process tree, as the operating system counts it (VmHWM of one process). */
  readonly peakRssBytes: number
  readonly spilledBytes: number
  readonly bill: MemoryBill
}

export interface ImportOptions {
  /** `namespace.table` */
  readonly table: string
  /** Files, globs, folders (hive partitions); `-` is standard input. */
  readonly source: string | readonly string[]
  readonly format?: 'csv' | 'ndjson' | 'json' | 'parquet' | 'arrow'
  /** Default `create`: a table that exists is `table/exists`. */
  readonly mode?: 'create' | 'append' | 'replace'
  /** `month(ts), bucket(16, id)` */
  readonly partitionBy?: string
  /** `ts desc, id` */
  readonly sortBy?: string
  /** A file with an Iceberg schema as JSON, or SQL column definitions (`id BIGINT NOT NULL, ts TIMESTAMP`). */
  readonly schemaFile?: string
  readonly onError?: 'abort' | 'reject'
  readonly newColumns?: 'add' | 'refuse'
  readonly key?: string
  readonly preserveOrder?: boolean
  readonly csv?: { readonly delimiter?: string; readonly quote?: string; readonly header?: boolean; readonly encoding?: string; readonly dateFormat?: string; readonly timestampFormat?: string; readonly nullText?: string }
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ImportProgress) => void
}

export interface ImportProgress {
  readonly phase: 'inspect' | 'stage' | 'write' | 'commit'
  readonly rows: number | undefined
  readonly bytesRead: number | undefined
  readonly bytesTotal: number | undefined
  readonly fraction: number | undefined
  readonly rssBytes: number
  readonly budgetBytes: number
}

export interface ImportSummary extends OperationSummary {
  readonly table: string
  readonly created: boolean
  readonly rejectedRows: number
  readonly rejectsFile: string | null
  /** True when `key` was imported before and nothing was done. */
  readonly skipped: boolean
  /** What was decided about the data, a sentence each: types, dates, names, order. */
  readonly notes: readonly string[]
}

export interface QueryOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { readonly fraction: number | undefined; readonly rows: number | undefined }) => void
}

/** One statement of a script, as its result is read. */
export interface StatementResult extends AsyncDisposable {
  /** `select`, `insert`, `create table`, … */
  readonly kind: string
  /** Empty for statements without rows. */
  readonly columns: readonly ResultColumn[]
  /** Batches of rows; `break` cancels. Empty for statements without rows. */
  readonly batches: AsyncIterable<ColumnarBatch>
  /** One line for people (`created table sales.orders`); empty for a query. */
  readonly message: string
  /** The figures; final once the batches are consumed. */
  summary(): OperationSummary
}

export type { ImportPlan, SqlParameter, SqlValue }
