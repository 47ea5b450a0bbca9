import { VECTOR_ROWS } from '../../memory/index.ts'

/** Texts take up to so many times the bytes that zstd leaves of them; beyond that a row's width is not seen. */
const UNPACKED = 8
/** Of the engine's memory: what its threads gather is not counted by it. */
const MOST_SHARE = 1 / 8
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
