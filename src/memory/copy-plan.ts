import type { EnginePlan } from './engine-plan.ts'

const MiB = 1024 * 1024

export interface CopyPlanInput {
  readonly engine: EnginePlan
  /** Average bytes of a row in memory over all columns; see {@link estimateRowBytes}. */
  readonly rowWidthBytes: number
  /** The width was seen in a sample, not estimated by types. */
  readonly isWidthMeasured?: boolean
  /** `storage.target_file_size`. */
  readonly targetFileBytes: number
  /** Columns that are read and written. */
  readonly columns?: number
  /** The statement sorts, joins or groups: then it gets the threads of such a statement. */
  readonly holdsState?: boolean
}

/** Settings of one COPY to Parquet. */
export interface CopyPlan {
  /** For `RunOptions.threads`. */
  readonly threads: number
  /** ROW_GROUP_SIZE, rows. */
  readonly rowGroupSize: number
  /** ROW_GROUP_SIZE_BYTES: ends a row group whose rows are wider than the estimate; not for rows that keep their order. */
  readonly rowGroupBytes: number
  /** FILE_SIZE_BYTES. */
  readonly fileSizeBytes: number
  /** `buffer_size` of read_csv, aligned ({@link alignCsvBuffer}); larger where `max_line_size` needs it. */
  readonly csvBufferBytes: number
  readonly memoryLimitBytes: number
}

/** Rows of DuckDB's vectors. */
export const VECTOR_ROWS = 2_048
const LARGEST_ROW_GROUP = 122_880
/** A row in the writer takes about this many times its width: as collected, as pages, and compressed. */
export const WRITER_FACTOR = 2.5
/** What a row group may be larger than planned before its bytes end it: the estimate of a width is not exact. */
const ROW_GROUP_SLACK = 1.25
/** Share of the engine's limit that row groups in the making may take. */
const ROW_GROUP_SHARE = 0.45
/** What a thread holds for each column that it reads and writes, beside row groups: vectors, pages, dictionaries. */
const COLUMN_BYTES = 250_000
const COLUMNS_SHARE = 0.7
/**
 * A row group is larger only where its rows are few: whoever reads it holds its columns whole, and a page of 24 MB took 33 of
 * the 90 that a query has at 256MB.
 */
const LARGEST_ROW_GROUP_BYTES = 12 * MiB
/**
 * Of narrow columns, by a measured width, no page is that large: row groups of lineitem (206 bytes in 16 columns) save 2% of
 * the import's CPU when twice as large, and a query of all columns at 256MB takes 18 MB more of 128 (0017).
 */
const LARGEST_NARROW_ROW_GROUP_BYTES = 24 * MiB
/** Of 16 columns with one text and numbers beside it, the text is half of the row at most. */
const NARROW_COLUMN_BYTES = 16
const CSV_BUFFER_SHARE = 1 / 24
const LEAST_CSV_BUFFER = 2 * MiB
const LARGEST_CSV_BUFFER = 16 * MiB
/** DuckDB's own `buffer_size`: a thread holds two or three. */
const DEFAULT_CSV_BUFFER = 32_000_000

/**
 * Threads, row groups and buffers of a COPY that stays inside the engine's limit. What it holds is
 * threads x (row group x width + a few CSV buffers), so those two follow from the limit; both were measured to cost
 * no speed down to 16,384 rows and 2 MiB (docs/decisions/0002-allocator-purge.md).
 */
export function planCopy(input: CopyPlanInput): CopyPlan {
  const { memoryLimitBytes } = input.engine
  const wished = input.holdsState === true ? input.engine.threads : input.engine.copyThreads
  const columnsAtOnce = (memoryLimitBytes * COLUMNS_SHARE) / Math.max(1, (input.columns ?? 0) * COLUMN_BYTES)
  const threads = Math.max(1, Math.min(wished, Math.floor(columnsAtOnce)))
  const perThread = Math.min(
    largestRowGroupBytes(input),
    (memoryLimitBytes * ROW_GROUP_SHARE) / threads / WRITER_FACTOR,
  )
  return {
    threads,
    rowGroupSize: rowGroupSize({ rowWidthBytes: input.rowWidthBytes, targetBytes: perThread }),
    rowGroupBytes: Math.floor(perThread * ROW_GROUP_SLACK),
    fileSizeBytes: input.targetFileBytes,
    csvBufferBytes: csvBufferBytes(memoryLimitBytes - heldByColumns(input)),
    memoryLimitBytes,
  }
}

function largestRowGroupBytes({ rowWidthBytes, isWidthMeasured = false, columns = 0 }: CopyPlanInput): number {
  const isNarrow = isWidthMeasured && rowWidthBytes <= NARROW_COLUMN_BYTES * columns
  return isNarrow ? LARGEST_NARROW_ROW_GROUP_BYTES : LARGEST_ROW_GROUP_BYTES
}

/**
 * Rows of a row group of `targetBytes` (default 12 MiB): at most 122,880 and a multiple of 2,048, the vector size; fewer
 * where not even so many fit (2,048 rows of 40 kB are 80 MB).
 */
export function rowGroupSize(input: { readonly rowWidthBytes: number; readonly targetBytes?: number }): number {
  const rows = (input.targetBytes ?? 12 * MiB) / Math.max(1, input.rowWidthBytes)
  if (rows < VECTOR_ROWS) return Math.max(1, Math.floor(rows))
  return Math.min(LARGEST_ROW_GROUP, Math.floor(rows / VECTOR_ROWS) * VECTOR_ROWS)
}

/** `buffer_size` of a CSV file that a person's SQL reads; undefined where the engine has room for DuckDB's own. */
export function csvBufferOfQuery({ memoryLimitBytes }: Pick<EnginePlan, 'memoryLimitBytes'>): number | undefined {
  return memoryLimitBytes * CSV_BUFFER_SHARE < DEFAULT_CSV_BUFFER ? csvBufferBytes(memoryLimitBytes) : undefined
}

/**
 * Of the limit, what hundreds of columns hold: buffers are of the rest (300 columns at 256MB ran out of memory by less than
 * 1 MB, or not). Fewer are left to the shares.
 */
function heldByColumns({ columns = 0, engine }: CopyPlanInput): number {
  const bytes = columns * COLUMN_BYTES
  return bytes * 2 > engine.memoryLimitBytes ? bytes : 0
}

function csvBufferBytes(memoryLimitBytes: number): number {
  const share = Math.min(LARGEST_CSV_BUFFER, Math.max(LEAST_CSV_BUFFER, memoryLimitBytes * CSV_BUFFER_SHARE))
  return alignCsvBuffer(share)
}

/** DuckDB's parser skips quoted text 16 bytes at a time. */
const CSV_BUFFER_ALIGNMENT = 4096

/**
 * A `buffer_size` that DuckDB 1.5.5 reads right, `bytes` or a little more. With a size that is no multiple of 16 a
 * buffer that ends within a quoted value fails a valid file with `unterminated quote` (20 of 20 such sizes failed on
 * 60 MB of lineitem, none of 150 multiples of 16; docs/decisions/0002-allocator-purge.md).
 */
export function alignCsvBuffer(bytes: number): number {
  return Math.ceil(bytes / CSV_BUFFER_ALIGNMENT) * CSV_BUFFER_ALIGNMENT
}

/**
 * Bytes of a row in memory by the columns' SQL types: fixed widths, 16 for text and what is nested plus its content,
 * taken as `textBytes` (an average from a sample, else 24).
 */
export function estimateRowBytes(types: readonly string[], textBytes = 24): number {
  return types.reduce((sum, type) => sum + columnBytes(type.toUpperCase(), textBytes), 0)
}

function columnBytes(type: string, textBytes: number): number {
  if (/[[(]/.test(type) && !type.startsWith('DECIMAL')) return 64 + textBytes
  const decimal = /^DECIMAL\((\d+)/.exec(type)
  if (decimal !== null) return Number(decimal[1]) > 18 ? 16 : 8
  if (/^(BOOLEAN|U?TINYINT)/.test(type)) return 1
  if (/^U?SMALLINT/.test(type)) return 2
  if (/^(U?INTEGER|INT|DATE|FLOAT|REAL)/.test(type)) return 4
  if (/^(VARCHAR|STRING|TEXT|BLOB|BINARY|BIT|JSON)/.test(type)) return 16 + textBytes
  if (/^(U?HUGEINT|UUID|INTERVAL)/.test(type)) return 16
  return 8
}
