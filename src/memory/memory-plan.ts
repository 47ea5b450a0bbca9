import { formatBytes, formatCount } from '../base/index.ts'
import { type CopyPlan, VECTOR_ROWS, WRITER_FACTOR } from './copy-plan.ts'
import { type EnginePlan, LEAST_ENGINE_BYTES } from './engine-plan.ts'

/** What an operation takes of the engine, decided before it runs: EXPLAIN and `--dry-run` print it, admission goes by it. */
export interface MemoryPlan {
  /** The engine's limit. */
  readonly limitBytes: number
  /** Below this it is refused. */
  readonly leastBytes: number
  /** With this nothing goes to disk. */
  readonly wantedBytes: number
  readonly threads: number
  /** Rows of a row group in the making; undefined where none is written. */
  readonly rowGroupRows: number | undefined
  /** Partitions that are written at once; undefined where none is. */
  readonly openPartitions: number | undefined
  /** Bytes that are expected to go to disk and back. */
  readonly spillBytes: number
  /** Parts by ranges of its first key in which the sort that a query ends in is done; undefined where it ends otherwise. */
  readonly sortPasses: number | undefined
  readonly operators: readonly HoldingOperator[]
}

export type HoldingKind = 'sort' | 'join' | 'group by' | 'window'

/** An operator that holds rows until it has seen all of its input. */
export interface HoldingOperator {
  readonly kind: HoldingKind
  /** As the optimizer estimates. */
  readonly rows: number
  readonly rowBytes: number
  /** False where what it holds cannot go to disk. */
  readonly canSpill: boolean
}

export interface StatementNeeds {
  readonly operators: readonly HoldingOperator[]
  /** Bytes of the data files that are read. */
  readonly scannedBytes: number
  /** True where nothing but the sort itself comes after a sort of all rows. */
  readonly endsInSort?: boolean
}

/** Rows that are held to this share of the limit leave the rest to scans and to the hash tables being built. */
const HELD_SHARE = 0.6
/** Held rows below this share of the limit are nothing that fewer threads would help. */
const LITTLE_SHARE = 1 / 8
/** A sort of 2 GB wrote 2.8 GB (design/memory.md section 4). */
const SPILL_FACTOR = 1.4
/**
 * DuckDB merges all runs of a sort at once, with some blocks of each in memory, so what it can sort grows with the square of
 * its limit: 1.9 GB went with 136 MiB and not with 86, 1 GB with 86, 0.5 GB with 60 (decision 0019). Half of the least of
 * these, in bytes.
 */
const SORT_RATIO = 16 * 1024 * 1024
/** Column chunks that a thread of a scan has read and not yet decoded. */
const SCAN_BYTES_PER_THREAD = 16 * 1024 * 1024

/**
 * Plans a query by what its operators hold. Those that hold much get the threads of such a statement ({@link EnginePlan}:
 * a sort on several threads fails where it works on one), others as many as there are.
 */
export function planStatement(needs: StatementNeeds, engine: EnginePlan): MemoryPlan {
  const { operators, scannedBytes, endsInSort = false } = needs
  const limitBytes = engine.memoryLimitBytes
  const heldBytes = sum(operators.map(bytesOf))
  const pinnedBytes = sum(operators.filter(({ canSpill }) => !canSpill).map(bytesOf))
  const threads = heldBytes > limitBytes * LITTLE_SHARE ? engine.threads : engine.copyThreads
  const scanBytes = Math.min(scannedBytes, SCAN_BYTES_PER_THREAD * threads)
  const roomBytes = Math.max(0, limitBytes * HELD_SHARE - pinnedBytes)
  const movable = heldBytes - pinnedBytes
  return {
    limitBytes,
    leastBytes: Math.max(LEAST_ENGINE_BYTES, Math.ceil(pinnedBytes / HELD_SHARE)),
    wantedBytes: Math.ceil(heldBytes / HELD_SHARE) + scanBytes,
    threads,
    rowGroupRows: undefined,
    openPartitions: undefined,
    spillBytes: movable > roomBytes ? Math.round(movable * SPILL_FACTOR) : 0,
    sortPasses: endsInSort
      ? passesOfSort(sum(operators.filter(({ kind }) => kind === 'sort').map(bytesOf)), engine)
      : undefined,
    operators,
  }
}

/** What a statement keeps of the engine's memory from others while it runs; 0 for one that only passes rows on. */
export function heldBytes({ operators }: MemoryPlan): number {
  return Math.ceil(sum(operators.map(bytesOf)) / HELD_SHARE)
}

/** Parts in which rows of so many bytes are sorted within the engine's limit. */
export function passesOfSort(bytes: number, { memoryLimitBytes }: Pick<EnginePlan, 'memoryLimitBytes'>): number {
  return Math.max(1, Math.ceil(bytes / (memoryLimitBytes ** 2 / SORT_RATIO)))
}

export interface ImportNeeds {
  readonly copy: CopyPlan
  /** Undefined for an import that does not sort, or of unknown size. */
  readonly sortedBytes: number | undefined
  readonly rowWidthBytes: number
  /** Partitions that are written at once. */
  readonly openPartitions: number | undefined
  /** Bytes that are staged by partition before they are written. */
  readonly stagedBytes: number
  /** What footers of the source take. */
  readonly footerBytes: number
}

/** A few buffers of the CSV reader, for each thread. */
const CSV_BUFFERS = 3

/** Plans an import: readers' buffers, row groups in the making, vectors of open partitions, and what it sorts or stages. */
export function planImportMemory(needs: ImportNeeds): MemoryPlan {
  const { copy, rowWidthBytes, openPartitions, sortedBytes, stagedBytes, footerBytes } = needs
  const limitBytes = copy.memoryLimitBytes
  const takes = (threads: number, rows: number): number =>
    threads * (rows * rowWidthBytes * WRITER_FACTOR + copy.csvBufferBytes * CSV_BUFFERS) +
    (openPartitions ?? 0) * threads * VECTOR_ROWS * rowWidthBytes
  const sortsOnDisk = sortedBytes !== undefined && sortedBytes > limitBytes * HELD_SHARE
  return {
    limitBytes,
    leastBytes: Math.max(
      LEAST_ENGINE_BYTES,
      Math.ceil(takes(1, Math.min(VECTOR_ROWS, copy.rowGroupSize)) + footerBytes),
    ),
    wantedBytes: Math.ceil(takes(copy.threads, copy.rowGroupSize) + footerBytes + (sortedBytes ?? 0) / HELD_SHARE),
    threads: copy.threads,
    rowGroupRows: copy.rowGroupSize,
    openPartitions,
    sortPasses: sortedBytes === undefined || openPartitions !== undefined ? undefined : passesOfSort(sortedBytes, copy),
    spillBytes: Math.round((sortsOnDisk ? sortedBytes * SPILL_FACTOR : 0) + stagedBytes),
    operators:
      sortedBytes === undefined
        ? []
        : [{ kind: 'sort', rows: Math.round(sortedBytes / rowWidthBytes), rowBytes: rowWidthBytes, canSpill: true }],
  }
}

/** The plan for people, a few lines. */
export function memoryPlanText(plan: MemoryPlan): string[] {
  const { limitBytes, leastBytes, wantedBytes, threads, rowGroupRows, openPartitions, spillBytes, operators } = plan
  const { sortPasses = 1 } = plan
  const passes = sortPasses > 1 ? [`  the last sort is done in ${sortPasses} passes over rows on disk`] : []
  const written = [
    ...(rowGroupRows === undefined ? [] : [`row groups of ${formatCount(rowGroupRows)} rows`]),
    ...(openPartitions === undefined ? [] : [`${formatCount(openPartitions)} partitions open`]),
  ]
  return [
    `memory plan: ${[`${threads} thread${threads === 1 ? '' : 's'}`, ...written].join(', ')}`,
    `  ${needsText(leastBytes, wantedBytes)}; the engine has ${formatBytes(limitBytes)}${spillBytes > 0 ? `, so about ${formatBytes(spillBytes)} go to disk` : ''}`,
    ...operators.map(
      (operator) =>
        `  ${operator.kind}: about ${formatCount(operator.rows)} rows, ${formatBytes(bytesOf(operator))}${operator.canSpill ? '' : ' that cannot go to disk'}`,
    ),
    ...passes,
  ]
}

/** What is held at once may be less than what the engine needs for any statement. */
function needsText(leastBytes: number, wantedBytes: number): string {
  return wantedBytes <= leastBytes
    ? `needs ${formatBytes(leastBytes)}, with which it stays in memory`
    : `needs ${formatBytes(leastBytes)} at least, ${formatBytes(wantedBytes)} to stay in memory`
}

function bytesOf({ rows, rowBytes }: HoldingOperator): number {
  return rows * rowBytes
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
