import { VECTOR_ROWS } from '../../memory/index.ts'

/** Texts take up to so many times the bytes that zstd leaves of them; beyond that a row's width is not seen. */
const UNPACKED = 8
/** Of the engine's memory: what its threads gather is not counted by it. */
const MOST_SHARE = 1 / 8
/**
 * A thread that reads wide rows holds so many times their bytes in the file, for a vector of them: the page as it is and
 * unpacked (twice), and what an expression makes of the texts (as much again). (docs/decisions/0022-chunks-that-are-gathered.md)
 */
const HELD_FACTOR = 5
/** Of the engine's limit, beside which those vectors are: what it has for a statement on several threads. */
const THREADS_SHARE = 3 / 4
/** Smaller files are footer, mostly. */
const LEAST_FILE_BYTES = 256_000

/** Bytes of a row in the file where rows are widest; 0 for none that tells. */
export function widestRow(files: Iterable<{ readonly fileSizeInBytes: bigint; readonly recordCount: bigint }>): number {
  let widest = 0
  for (const { fileSizeInBytes, recordCount } of files) {
    if (fileSizeInBytes < LEAST_FILE_BYTES || recordCount === 0n) continue
    widest = Math.max(widest, Number(fileSizeInBytes) / Number(recordCount))
  }
  return widest
}

/**
 * Whether filters and joins may gather small chunks until they have a vector of rows, as DuckDB does. Rows that are wide in
 * their files had better be passed on as they come (docs/decisions/0022-chunks-that-are-gathered.md).
 */
export function mayGather(rowBytes: number, engine: { readonly memoryLimitBytes: number; readonly threads: number }) {
  return rowBytes * UNPACKED * VECTOR_ROWS * engine.threads <= engine.memoryLimitBytes * MOST_SHARE
}

/** Threads of a statement over rows of this width: those whose vectors the engine's memory holds, at least one. */
export function threadsForRows(
  rowBytes: number,
  engine: { readonly memoryLimitBytes: number; readonly threads: number },
) {
  const vectorBytes = rowBytes * HELD_FACTOR * VECTOR_ROWS
  return Math.max(1, Math.min(engine.threads, Math.floor((engine.memoryLimitBytes * THREADS_SHARE) / vectorBytes)))
}
