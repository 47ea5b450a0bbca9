import { VECTOR_ROWS } from '../../memory/index.ts'

/** How rows get into the files of their partitions. A value: printed by `--dry-run`, followed by the writer. */
export type WriteStrategy =
  /** One COPY, files by size. */
  | { readonly kind: 'plain' }
  /** One COPY with PARTITION_BY: all partitions open at once. */
  | { readonly kind: 'direct' }
  /** The text is divided by partition on disk, then each part is written as a whole, `atOnce` of them at once. */
  | { readonly kind: 'divided'; readonly atOnce: number }
  /** Rows are hashed into `buckets` staged files by their partition, then each bucket is written by PARTITION_BY; at most `atOnce` partitions are open. */
  | { readonly kind: 'staged'; readonly buckets: number; readonly atOnce: number }

export interface StrategyInput {
  readonly isPartitioned: boolean
  /** Distinct partitions expected; undefined when nothing is known. */
  readonly partitions: number | undefined
  readonly threads: number
  readonly columns: number
  /** Average bytes of a row in memory, all columns. */
  readonly rowWidthBytes: number
  readonly memoryLimitBytes: number
  /** Rows of a text that can be divided before it is read; undefined where it cannot, or nothing is known. */
  readonly divisibleRows?: number | undefined
}

/**
 * Open at once, at most: below the engine's `partitioned_write_max_open_files`, beyond which files are closed and opened
 * again: crumbs (design/memory.md section 6).
 */
const MOST_AT_ONCE = 160
const LEAST_AT_ONCE = 16
/** A part costs some 40 ms of CPU and saves 1.4 microseconds a row: nothing is gained at 37,000 (docs/decisions/0023-divided-text.md). */
const LEAST_DIVIDED_ROWS = 50_000

/** Each waits in a thread of Node's pool. */
const MOST_PARTS_AT_ONCE = 4
/** What a part takes of the engine's memory while it is written: 58 MB of lineitem. */
const PART_BYTES = 64 * 1024 * 1024

/** Hashing does not fill all buckets alike. */
const FILL = 0.75
/** Where nothing is known, staging counts; buckets can be divided again. */
const UNKNOWN_BUCKETS = 16

/**
 * The cheapest strategy that fits: an open partition holds a vector of 2,048 rows of every column a thread, so
 * partitions x threads x 2,048 x row width must stay below a third of the engine's memory. Buckets are partitions
 * themselves while staging; what is still too many then is divided again.
 */
export function chooseStrategy(input: StrategyInput): WriteStrategy {
  if (!input.isPartitioned) return { kind: 'plain' }
  if (isWorthDividing(input)) return { kind: 'divided', atOnce: partsAtOnce(input) }
  const room = Math.floor(input.memoryLimitBytes / 3 / openBytes(input))
  if (input.partitions !== undefined && input.partitions <= Math.min(room, MOST_AT_ONCE)) return { kind: 'direct' }
  const atOnce = Math.min(MOST_AT_ONCE, Math.max(LEAST_AT_ONCE, room))
  const buckets = input.partitions === undefined ? UNKNOWN_BUCKETS : bucketsFor(input.partitions, atOnce)
  return { kind: 'staged', atOnce, buckets }
}

function isWorthDividing({ partitions, divisibleRows }: StrategyInput): boolean {
  if (partitions === undefined || divisibleRows === undefined || partitions < 2) return false
  return partitions <= MOST_AT_ONCE && divisibleRows / partitions >= LEAST_DIVIDED_ROWS
}

/** One part more than there are threads: while one waits for the disk the others go on (14% in a container of 512MB). */
function partsAtOnce({ threads, memoryLimitBytes }: StrategyInput): number {
  const more = memoryLimitBytes / (threads + 1) >= PART_BYTES ? 1 : 0
  return Math.min(threads + more, MOST_PARTS_AT_ONCE)
}

/** Buckets that so many partitions are divided into, also again. */
export function bucketsFor(partitions: number, atOnce: number): number {
  return Math.min(atOnce, Math.max(2, Math.ceil(partitions / (atOnce * FILL))))
}

/** Of one open partition. */
function openBytes(input: StrategyInput): number {
  // A vector has at least a pointer or number a value, whatever the data.
  const widthBytes = Math.max(input.rowWidthBytes, input.columns * 8)
  return input.threads * VECTOR_ROWS * widthBytes
}
