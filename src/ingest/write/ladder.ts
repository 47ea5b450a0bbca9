import { formatBytes, IceboxError } from '../../base/index.ts'
import { VECTOR_ROWS } from '../../memory/index.ts'
import type { WriteStrategy } from './strategy.ts'

/** What one attempt at writing does; the next rung needs less memory and more time (design/memory.md section 4). */
export interface Rung {
  readonly threads: number
  readonly rowGroupSize: number
  /** Undefined where rows keep their order. */
  readonly rowGroupBytes?: number | undefined
  readonly strategy: WriteStrategy
  /** How rows of a sorted table that has no partitions are put in order; undefined where there is nothing to do. */
  readonly sort?: 'whole' | 'passes' | undefined
}

/** The last resort: what is more is divided again, and again. */
export const FEW_AT_ONCE = { kind: 'staged', buckets: 8, atOnce: 16 } as const

/** The attempts in order: as planned, one thread, a sort in passes, smaller row groups, fewer partitions at once. */
export function ladder(first: Rung): Rung[] {
  const rungs = [first]
  const last = () => rungs.at(-1) ?? first
  if (first.threads > 1) rungs.push({ ...last(), threads: 1 })
  if (first.sort === 'whole') rungs.push({ ...last(), sort: 'passes' })
  for (const divisor of [4, 16]) {
    const rowGroupSize = smallerGroup(first.rowGroupSize, divisor)
    const rowGroupBytes = first.rowGroupBytes === undefined ? undefined : Math.floor(first.rowGroupBytes / divisor)
    if (rowGroupSize < last().rowGroupSize) rungs.push({ ...last(), rowGroupSize, rowGroupBytes })
  }
  const { strategy } = first
  if (
    strategy.kind === 'direct' ||
    strategy.kind === 'divided' ||
    (strategy.kind === 'staged' && strategy.atOnce > FEW_AT_ONCE.atOnce)
  ) {
    rungs.push({ ...last(), strategy: FEW_AT_ONCE })
  }
  return rungs
}

/** Whole vectors, as long as there was one; rows that are wider than that by themselves. */
function smallerGroup(rows: number, divisor: number): number {
  if (rows < VECTOR_ROWS) return Math.max(1, Math.floor(rows / divisor))
  return Math.max(VECTOR_ROWS, Math.floor(rows / divisor / VECTOR_ROWS) * VECTOR_ROWS)
}

/** The refusal when no rung fits: figures of what was tried. */
export function outOfRungs(error: IceboxError, tried: readonly Rung[], memoryLimitBytes: number): IceboxError {
  const last = tried.at(-1)
  return new IceboxError('memory/exhausted', {
    message: `writing ran out of memory ${tried.length} times, at last with ${last?.threads ?? 1} thread and row groups of ${last?.rowGroupSize ?? 0} rows: the engine has ${formatBytes(memoryLimitBytes)}`,
    remedy: `raise performance.memory.max_usage by ${formatBytes(memoryLimitBytes)} or more`,
    context: { ...error.context, attempts: tried.length, memoryLimitBytes },
    cause: error,
  })
}
