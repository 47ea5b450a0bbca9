/** How rows get into the files of their partitions. A value: printed by `--dry-run`, followed by the writer. */
export type WriteStrategy =
  /** One COPY, files by size. */
  | { readonly kind: 'plain' }
  /** One COPY with PARTITION_BY: all partitions open at once. */
  | { readonly kind: 'direct' }
  /** Rows are hashed into `buckets` staged files by their partition, then each bucket is written by PARTITION_BY. */
  | { readonly kind: 'staged'; readonly buckets: number }

export interface StrategyInput {
  readonly isPartitioned: boolean
  /** Distinct partitions expected; undefined when nothing is known. */
  readonly partitions: number | undefined
  readonly threads: number
  readonly columns: number
  /** Average bytes of a row in memory, all columns. */
  readonly rowWidthBytes: number
  readonly memoryLimitBytes: number
}

/** DuckDB closes and reopens files beyond `partitioned_write_max_open_files` = 100: crumbs (design/memory.md section 6). */
export const MAX_DIRECT_PARTITIONS = 96
const PARTITIONS_PER_BUCKET = 72
/** Where nothing is known, staging counts; buckets can be divided again. */
const UNKNOWN_BUCKETS = 16
/** Buckets are partitions themselves while staging; what is still too many is divided again. */
export const MAX_BUCKETS = 64
const VECTOR_ROWS = 2048

/**
 * The cheapest strategy that fits: an open partition holds a vector of 2,048 rows of every column a thread, so
 * partitions x threads x 2,048 x row width must stay below a third of the engine's memory.
 */
export function chooseStrategy(input: StrategyInput): WriteStrategy {
  if (!input.isPartitioned) return { kind: 'plain' }
  if (input.partitions === undefined) return { kind: 'staged', buckets: UNKNOWN_BUCKETS }
  if (input.partitions <= MAX_DIRECT_PARTITIONS && openBytes(input, input.partitions) <= input.memoryLimitBytes / 3) {
    return { kind: 'direct' }
  }
  let buckets = Math.max(2, Math.ceil(input.partitions / PARTITIONS_PER_BUCKET))
  while (buckets < MAX_BUCKETS && openBytes(input, input.partitions / buckets) > input.memoryLimitBytes / 3)
    buckets *= 2
  return { kind: 'staged', buckets: Math.min(buckets, MAX_BUCKETS) }
}

function openBytes(input: StrategyInput, partitions: number): number {
  // A vector has at least a pointer or number a value, whatever the data.
  const widthBytes = Math.max(input.rowWidthBytes, input.columns * 8)
  return partitions * input.threads * VECTOR_ROWS * widthBytes
}
