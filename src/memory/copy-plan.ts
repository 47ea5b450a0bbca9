import type { EnginePlan } from './engine-plan.ts'

const MiB = 1024 * 1024

export interface CopyPlanInput {
  readonly engine: EnginePlan
  /** Average bytes of a row in memory over all columns; see {@link estimateRowBytes}. */
  readonly rowWidthBytes: number
  /** `storage.target_file_size`. */
  readonly targetFileBytes: number
  /** The longest line that a text source may have (`max_line_size`); undefined for other sources. */
  readonly maxLineBytes?: number
  /** The statement sorts, joins or groups: then it gets the threads of such a statement. */
  readonly holdsState?: boolean
}

/** Settings of one COPY to Parquet. */
export interface CopyPlan {
  /** For `RunOptions.threads`. */
  readonly threads: number
  /** ROW_GROUP_SIZE, rows. */
  readonly rowGroupSize: number
  /** FILE_SIZE_BYTES. */
  readonly fileSizeBytes: number
  /** `buffer_size` of read_csv: at least twice `max_line_size`, and aligned ({@link alignCsvBuffer}). */
  readonly csvBufferBytes: number
  readonly memoryLimitBytes: number
}

const LEAST_ROW_GROUP = 2_048
const LARGEST_ROW_GROUP = 122_880
/** A row in the writer takes about this many times its width: as collected, as pages, and compressed. */
const WRITER_FACTOR = 2.5
/** Share of the engine's limit that row groups in the making may take. */
const ROW_GROUP_SHARE = 0.45
const CSV_BUFFER_SHARE = 1 / 24
const LEAST_CSV_BUFFER = 2 * MiB
const LARGEST_CSV_BUFFER = 16 * MiB

/**
 * Threads, row groups and buffers of a COPY that stays inside the engine's limit. What it holds is
 * threads x (row group x width + a few CSV buffers), so those two follow from the limit; both were measured to cost
 * no speed down to 16,384 rows and 2 MiB (docs/decisions/0002-allocator-purge.md).
 */
export function planCopy(input: CopyPlanInput): CopyPlan {
  const { memoryLimitBytes } = input.engine
  const threads = input.holdsState === true ? input.engine.threads : input.engine.copyThreads
  const perThread = (memoryLimitBytes * ROW_GROUP_SHARE) / threads / WRITER_FACTOR
  return {
    threads,
    rowGroupSize: rowGroupSize({ rowWidthBytes: input.rowWidthBytes, targetBytes: perThread }),
    fileSizeBytes: input.targetFileBytes,
    csvBufferBytes: csvBufferBytes(memoryLimitBytes, input.maxLineBytes ?? 0),
    memoryLimitBytes,
  }
}

/**
 * Rows of a row group of `targetBytes` (default 12 MiB): 2,048 to 122,880 and a multiple of 2,048, the vector size.
 */
export function rowGroupSize(input: { readonly rowWidthBytes: number; readonly targetBytes?: number }): number {
  const rows = (input.targetBytes ?? 12 * MiB) / Math.max(1, input.rowWidthBytes)
  return Math.min(LARGEST_ROW_GROUP, Math.max(LEAST_ROW_GROUP, Math.floor(rows / 2_048) * 2_048))
}

function csvBufferBytes(memoryLimitBytes: number, maxLineBytes: number): number {
  const share = Math.min(LARGEST_CSV_BUFFER, Math.max(LEAST_CSV_BUFFER, memoryLimitBytes * CSV_BUFFER_SHARE))
  return alignCsvBuffer(Math.max(share, maxLineBytes * 2))
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
