import type { RecordBatch, Schema } from 'apache-arrow'
import type { EnginePlan } from '../memory/index.ts'

/** What the rest of Icebox knows of the SQL engine. DuckDB is behind it and nothing of DuckDB's types is in it. */

/** A value bound to `$1`, `$2`, …: never pasted into text. */
export type SqlParameter = null | boolean | number | bigint | string | Uint8Array

/** A value of a result: INTEGER and smaller, FLOAT, DOUBLE: number; BIGINT and larger: bigint; DECIMAL: text; DATE, TIME, TIMESTAMP…: ISO 8601 text (timestamptz in UTC with Z); BLOB: bytes; LIST: array; STRUCT: object, of fields without names (`row(1, 2)`) an array; MAP: array of [key, value]; UUID, VARCHAR, ENUM, INTERVAL: text. */
export type SqlValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly SqlValue[]
  | { readonly [name: string]: SqlValue }

export interface ResultColumn {
  readonly name: string
  /** DuckDB's text of the type: `DECIMAL(15,2)`, `STRUCT(a INTEGER)[]`. */
  readonly type: string
}

/** Some rows of a result by column. Valid until the next batch is asked for. */
export interface ColumnarBatch {
  readonly columns: readonly ResultColumn[]
  readonly rowCount: number
  /** The decoded values of one column, by its place from 0, `rowCount` long. Throws `usage/invalid` where there is none. */
  column(index: number): readonly SqlValue[]
  /** Rows as arrays in column order. */
  toArrays(): SqlValue[][]
  /** Rows as objects; of columns with the same name the second is `id_1`, as in JSON of the command line. */
  rows(): Record<string, SqlValue>[]
}

export interface RunOptions {
  readonly parameters?: readonly SqlParameter[]
  readonly signal?: AbortSignal
  /** Largest single value of a result stream; a larger one ends it with `sql/value-too-large`. No limit without it. */
  readonly maxValueBytes?: number
  /**
   * The statement has no parameters, and its result is small: it is bound once and its rows are there when it ends. DuckDB
   * binds a statement whose rows are read as they come twice, and holds the footers of its Parquet files twice: 80 MB
   * instead of 40 for 245 row groups of 201 columns.
   */
  readonly isSmallResult?: boolean
  /** Threads of the whole engine while the statement runs (`CopyPlan.threads`); the plan's afterwards. */
  readonly threads?: number
  /** Called about four times a second while the statement runs; `fraction` is 0..1 or undefined while unknown. */
  readonly onProgress?: (progress: { readonly fraction: number | undefined; readonly rows: number | undefined }) => void
}

/**
 * Rows as an Arrow record batch, written once from the engine's memory into a buffer. The buffer, and so every view that
 * was taken of it, is the reader's until the next batch is asked for or the stream ends; then it is used again.
 */
export interface ArrowBatch {
  readonly rowCount: number
  /** Bytes of the buffers together. */
  readonly byteLength: number
  /** The message of an IPC stream in two pieces, to be written one after the other. */
  message(): readonly [head: Uint8Array, body: Uint8Array]
  /** The same bytes as a record batch of apache-arrow: nothing is copied. */
  recordBatch(): RecordBatch
  /** Keeps the buffer beyond the next batch, until what this answers with is disposed. */
  keep(): Disposable
}

/** A result as Arrow: `begin()`, the messages of the batches, `end()` are an IPC stream. Read once; `break` cancels. */
export interface ArrowStream extends AsyncIterable<ArrowBatch> {
  readonly schema: Schema
  begin(): Uint8Array
  end(): Uint8Array
}

/** What one Arrow batch may hold, whichever is reached first; a single row may be larger. */
export interface ArrowOptions {
  /** Default 10,000. */
  readonly batchRows?: number | undefined
  /** Default 1 MiB. */
  readonly batchBytes?: number | undefined
}

/** A result that is pulled: the engine stops working ahead when batches are not asked for. `for await` with `break` cancels. */
export interface ResultStream extends AsyncIterable<ColumnarBatch>, AsyncDisposable {
  readonly columns: readonly ResultColumn[]
  /**
   * The rows as Arrow record batches instead; a result is read in one of the two ways, once. Two batches are in memory at
   * most: the reader's, and what the engine gathers. Rejects `schema/unsupported-type` for a type without an Arrow form.
   */
  arrow(options?: ArrowOptions): Promise<ArrowStream>
}

export interface EngineSession extends AsyncDisposable {
  /** The engine's process that the session belongs to, counted from 0: databases and views that one made are gone in the next. */
  readonly generation: number
  /** True once that process has died: every call rejects `engine/crashed`. Take a new session. */
  readonly isLost: boolean
  /** Runs statements of ours for their effect. Rejects `sql/*`, `memory/exhausted`, `engine/*`, `cancelled`. */
  run(sql: string, options?: RunOptions): Promise<void>
  /** The whole result, for small results of our own statements; more than 100,000 rows is an error. */
  all(sql: string, options?: RunOptions): Promise<Record<string, SqlValue>[]>
  stream(sql: string, options?: RunOptions): Promise<ResultStream>
  /**
   * What DuckDB makes of the statements in the text, in order, without running them: SELECT, INSERT, EXPLAIN, …
   * Statements are bound for it: rejects `sql/syntax`, and `sql/unknown-table` and its like as running them would.
   */
  statementKinds(sql: string): Promise<readonly string[]>
  /** Registers a scalar function (VARCHAR/BLOB → INTEGER and the like) for all sessions; a name that is registered is left as it is. */
  registerScalar(definition: ScalarFunction): Promise<void>
  /** Appends columnar batches (Arrow input) to a table of the session by raw chunks. */
  appendArrow(table: string, batches: AsyncIterable<unknown>, options?: RunOptions): Promise<number>
}

export interface ScalarFunction {
  readonly name: string
  readonly argumentTypes: readonly string[]
  readonly returnType: string
  /**
   * How an engine in a process of its own makes the function: a family that its entry knows, and values for it. A closure
   * cannot cross; without this the function is refused there.
   */
  readonly family?: { readonly name: string; readonly values: readonly (string | number)[] }
  /** Called for non-null rows. */
  readonly call: (args: readonly SqlValue[]) => SqlValue
}

/** Bytes as the engine counts them now. */
export interface EngineMemory {
  /** What DuckDB's buffer manager counts against its limit. */
  readonly usedBytes: number
  readonly limitBytes: number
  /** What its allocator holds of the operating system; undefined where it cannot be read. */
  readonly residentBytes: number | undefined
  readonly spilledBytes: number
}

export interface Engine extends AsyncDisposable {
  /** A connection with its own temporary objects, in UTC. Rejects `memory/refused` where `maxSessions` are open, `cancelled`. */
  session(signal?: AbortSignal): Promise<EngineSession>
  readonly threads: number
  readonly memoryLimitBytes: number
  /** What the engine goes by now: `planCopy` asks for it. */
  readonly plan: EnginePlan
  /**
   * Goes by another plan from the next statement on. A smaller one waits for the native calls that run, unless `isUrgent`.
   * Rejects `memory/refused` where what runs or is still open holds more than the plan has; the old one then stays.
   */
  follow(plan: EnginePlan, isUrgent?: boolean): Promise<void>
  memory(): Promise<EngineMemory>
  /** Gives back what its allocators have free: before a statement that may take the whole limit. 10 to 20 ms. */
  giveBack(): Promise<void>
}
