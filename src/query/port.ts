import type { Catalog, TableIdentifier } from '../catalog/index.ts'
import type {
  ArrowOptions,
  ArrowStream,
  ColumnarBatch,
  Engine,
  ResultColumn,
  RunOptions,
  SqlParameter,
} from '../engine/index.ts'
import type { ManifestCache } from '../iceberg/index.ts'
import type { WriteJournal } from '../ingest/index.ts'
import type { Advice, MemoryBill, Recommendation, Reservation, RunningOperation } from '../memory/index.ts'
import type { ObjectStore } from '../storage/index.ts'

/** What a statement cost; the lakehouse measures. */
export interface OperationFigures {
  readonly elapsedMs: number
  readonly cpuMs: number
  readonly budgetBytes: number
  readonly peakRssBytes: number
  readonly spilledBytes: number
  readonly bill: MemoryBill
  /** What would have helped, where a profile was asked for. */
  readonly recommendations?: readonly Recommendation[]
}

/** A measurement that runs; `figures` may be asked at any time, and stays the same after `stop`. */
export interface Meter {
  figures(): OperationFigures
  stop(): void
}

/** What a statement did, under the names of `--json`. */
export interface StatementSummary extends OperationFigures {
  /** Rows returned or changed. */
  readonly rows: number
  /** Bytes of the data files that were opened (their size) and of the manifests read from the store. */
  readonly bytesRead: number
  readonly bytesWritten: number
  /** Data files read, or written by a change. */
  readonly files: number
  /** The snapshot that a change made, or that a query of one table read. */
  readonly snapshotId: string | null
}

/** How one table of a statement was read. */
export interface TableScanReport {
  readonly table: string
  readonly snapshotId: string | null
  readonly manifestsTotal: number
  readonly manifestsRead: number
  readonly filesTotal: number | undefined
  readonly filesRead: number
  readonly filesPruned: number
  readonly deleteFiles: number
  /** Sizes of the files read. */
  readonly dataBytes: number
  /** Bytes of a row in the file where rows are widest, as it lies on disk; 0 where no file is large enough to tell. */
  readonly rowBytes: number
  readonly manifestBytes: number
}

/** One statement of a script, as its result is read. Closing it cancels what still runs. */
export interface StatementResult extends AsyncDisposable {
  /** `select`, `insert`, `create table`, … */
  readonly kind: string
  /** Empty for statements without rows. */
  readonly columns: readonly ResultColumn[]
  /** Batches of rows, to be read once; `break` cancels. Empty for statements without rows. */
  readonly batches: AsyncIterable<ColumnarBatch>
  /** The rows as Arrow record batches, instead of `batches`. Rejects `schema/unsupported-type`. */
  arrow(options?: ArrowOptions): Promise<ArrowStream>
  /** One line for people (`created table sales.orders`); empty for a query. */
  readonly message: string
  /** The figures; final once the batches are consumed. */
  summary(): StatementSummary
  /** Tables read, and what was pruned. */
  readonly scans: readonly TableScanReport[]
}

/** What the query room works with; the lakehouse makes it. */
export interface QueryServices {
  readonly catalog: Catalog
  readonly io: ObjectStore
  /** Rows that wait in this process for a table go into it, if they can: called before its columns change, or it goes. */
  readonly settle: (table: TableIdentifier) => Promise<void>
  /** Called when the first statement needs the engine. */
  readonly engine: () => Promise<Engine>
  readonly manifests: ManifestCache
  readonly journal: WriteJournal
  readonly startMeter: (operation: string) => Meter
  /** Waits while memory is too short for new work; the signal of what is let in fires where it must end for the budget. */
  readonly admit: (kind: string, planBytes: number, signal: AbortSignal | undefined) => Promise<RunningOperation>
  /** Room for the text of a script and its tokens. Rejects `memory/refused`, `cancelled`. */
  readonly room: (bytes: number, signal: AbortSignal | undefined) => Promise<Reservation>
  /** Room for what the engine takes beside its limit for one statement, until it is disposed. Rejects as `room`. */
  readonly planning: (needs: PlanningNeeds, signal: AbortSignal | undefined) => Promise<AsyncDisposable>
  /** What planners should make of their plans now. */
  readonly advice: () => Advice
  /** For small files of the room's own: a folder that exists, and the journal that has them removed if the process dies. */
  readonly scratch: { readonly directory: string; readonly journal: WriteJournal }
  /** Where rows are staged for many partitions; must be on disk. */
  readonly stagingDirectory: string
  /** `storage.target_file_size`. */
  readonly targetFileSizeBytes: number
  /** `query.max_value_size`; undefined: no limit. */
  readonly maxValueBytes?: number
  /** `query.timeout` of each statement, from its start until its rows are read; undefined: no limit. */
  readonly timeoutMs?: number
  /** `performance.streaming.chunk_size` and `buffer_size`: what an Arrow batch holds. */
  readonly arrow?: ArrowOptions
  /** True on one's own machine: SQL may read files (`FROM 'x.csv'`). */
  readonly localFiles: boolean
}

/** What a statement takes beside the engine's limit before it runs. */
export interface PlanningNeeds {
  /** To parse and plan it, and for its parameters. */
  readonly bytes: number
  /** Parameters that an engine in a process of its own is sent. */
  readonly sentBytes: number
}

export interface StatementOptions {
  /** Bound to `$1`, `$2`, … or `?`. */
  readonly parameters?: readonly SqlParameter[]
  readonly signal?: AbortSignal
  readonly onProgress?: RunOptions['onProgress']
  /** The engine writes the rows of the query to this file; the result has none then. Other statements are refused. */
  readonly parquetFile?: string | undefined
  /** The script must be one statement: several are `usage/invalid` before the first of them changes anything. */
  readonly isSingle?: boolean
  /** Of a template: where the parameters of its values begin in the script, which are all that it may have. */
  readonly placeholders?: readonly number[]
}
