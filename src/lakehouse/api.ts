import type {
  ArrowBatch,
  ArrowOptions,
  ArrowStream,
  ColumnarBatch,
  ResultColumn,
  SqlParameter,
  SqlValue,
} from '../engine/index.ts'
import type { ImportPlan, StreamRecovery } from '../ingest/index.ts'
import type { MemoryBill, Recommendation } from '../memory/index.ts'

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
  /** What would have made it faster or fit, where the lakehouse was opened with `profile: true`. */
  readonly recommendations?: readonly Recommendation[]
}

export interface ImportOptions {
  /** `namespace.table` */
  readonly table: string
  /** Files, globs, folders (hive partitions); `-` is standard input. */
  readonly source: string | readonly string[]
  readonly format?: 'csv' | 'ndjson' | 'json' | 'parquet' | 'arrow' | undefined
  /** Default `create`: a table that exists is `table/exists`. */
  readonly mode?: 'create' | 'append' | 'replace' | undefined
  /** `month(ts), bucket(16, id)` */
  readonly partitionBy?: string | undefined
  /** `ts desc, id` */
  readonly sortBy?: string | undefined
  /** A file with an Iceberg schema as JSON, or SQL column definitions (`id BIGINT NOT NULL, ts TIMESTAMP`). */
  readonly schemaFile?: string | undefined
  readonly onError?: 'abort' | 'reject' | undefined
  readonly newColumns?: 'add' | 'refuse' | undefined
  readonly key?: string | undefined
  readonly preserveOrder?: boolean | undefined
  readonly csv?:
    | {
        readonly delimiter?: string | undefined
        readonly quote?: string | undefined
        readonly escape?: string | undefined
        readonly header?: boolean | undefined
        readonly encoding?: string | undefined
        readonly dateFormat?: string | undefined
        readonly timestampFormat?: string | undefined
        readonly nullText?: string | undefined
      }
    | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined
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
  readonly signal?: AbortSignal | undefined
  readonly onProgress?:
    | ((progress: { readonly fraction: number | undefined; readonly rows: number | undefined }) => void)
    | undefined
}

/** One statement of a script, as its result is read. */
export interface StatementResult extends AsyncDisposable {
  /** `select`, `insert`, `create table`, … */
  readonly kind: string
  /** Empty for statements without rows. */
  readonly columns: readonly ResultColumn[]
  /** Batches of rows; `break` cancels. Empty for statements without rows. */
  readonly batches: AsyncIterable<ColumnarBatch>
  /** The rows as Arrow record batches, instead of `batches`: `begin()`, the messages, `end()` are an IPC stream. */
  arrow(options?: ArrowOptions): Promise<ArrowStream>
  /** One line for people (`created table sales.orders`); empty for a query. */
  readonly message: string
  /** The figures; final once the batches are consumed. */
  summary(): OperationSummary
}

export type { ArrowBatch, ArrowOptions, ArrowStream, ColumnarBatch, ImportPlan, ResultColumn, SqlParameter, SqlValue }

/** One table of `icebox table list`; figures are null where the metadata does not say. */
export interface TableListing {
  /** `namespace.table` */
  readonly table: string
  readonly namespace: string
  readonly name: string
  readonly rows: number | null
  readonly files: number | null
  readonly bytes: number | null
  /** `month(ts), bucket(16, id)`; empty when unpartitioned. */
  readonly partitionedBy: string
  readonly formatVersion: number | null
  /** Time of the latest metadata, milliseconds since 1970. */
  readonly changedMs: number | null
  readonly metadataLocation: string
  /** Why the metadata could not be read: one bad table does not hide the others. */
  readonly problem: { readonly code: string; readonly message: string } | null
}

export interface ColumnDescription {
  readonly id: number
  /** Top-level name; nested fields are in `type`. */
  readonly name: string
  /** Iceberg's text of the type: `decimal(15, 2)`, `struct<1: a: int>`. */
  readonly type: string
  readonly required: boolean
  readonly doc: string | null
}

export interface TableDescription extends TableListing {
  readonly uuid: string
  readonly location: string
  readonly columns: readonly ColumnDescription[]
  readonly sortedBy: string
  readonly currentSnapshotId: string | null
  readonly snapshots: number
  /** Branches and tags: name -> snapshot id. */
  readonly refs: Readonly<Record<string, string>>
  readonly properties: Readonly<Record<string, string>>
}

export interface RelocateSummary {
  readonly table: string
  readonly from: string
  readonly to: string
  /** Metadata files and manifests that were written anew or will be read through the new place. */
  readonly filesRewritten: number
}

/** What the command line asks of an open lakehouse; class Lakehouse has these methods. */
export interface CommandLakehouse extends AsyncDisposable {
  /** Absolute path of the folder. */
  readonly directory: string
  readonly budgetBytes: number
  /** What was found at the opening of streams whose process died, and what became of it. */
  readonly streamRecovery: StreamRecovery
  import(options: ImportOptions): Promise<ImportSummary>
  planImport(options: ImportOptions): Promise<ImportPlan>
  /** Statement by statement, in order; each result is consumed or disposed before the next is asked for. */
  run(sql: string, parameters?: readonly SqlParameter[], options?: RunSqlOptions): AsyncIterable<StatementResult>
  /** Table names (`namespace.table`) without reading metadata: for completion and nearest names. */
  tableNames(): Promise<readonly string[]>
  tables(): Promise<readonly TableListing[]>
  describeTable(table: string): Promise<TableDescription>
  /** Adopts a table that another tool wrote, by its metadata file or, of its folder, the newest. */
  registerTable(table: string, metadataFile: string): Promise<TableDescription>
  /** Mends tables whose folder was moved; all tables of the lakehouse when none is named. */
  relocate(tables?: readonly string[]): Promise<readonly RelocateSummary[]>
  /** `purge` also deletes the files; else only the name goes. */
  dropTable(table: string, options?: { readonly purge?: boolean | undefined }): Promise<void>
  renameTable(from: string, to: string): Promise<void>
}

export interface RunSqlOptions extends QueryOptions {
  /** The rows of the (only, SELECT-like) statement are written to this Parquet file by the engine; `batches` is empty, the summary counts rows and bytes. */
  readonly parquetFile?: string | undefined
}

/** What `icebox doctor` asks of the rooms below. */
export interface EnvironmentReport {
  readonly engine: { readonly version: string; readonly isAllocatorReached: boolean } | { readonly problem: string }
  readonly memory: {
    /** The container's limit, or the machine's memory. */
    readonly limitBytes: number
    /** What `max_usage: auto` comes to, and why. */
    readonly autoBudgetBytes: number
    readonly autoSource: string
    /** A smaller budget is `memory/budget-too-small` at the first statement. */
    readonly leastBudgetBytes: number
  }
}
