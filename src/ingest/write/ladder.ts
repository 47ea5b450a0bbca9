import { formatBytes, IceboxError } from '../../base/index.ts'
import type { WriteStrategy } from './strategy.ts'

/** What one attempt at writing does; the next rung needs less memory and more time (design/memory.md section 4). */
export interface Rung {
  readonly threads: number
  readonly rowGroupSize: number
  readonly strategy: WriteStrategy
}

const LEAST_ROW_GROUP = 2_048
const MAX_STAGED_BUCKETS = 64

/** The attempts in order: as planned, one thread, smaller row groups, more buckets. */
export function ladder(first: Rung): Rung[] {
  const rungs = [first]
  const last = () => rungs.at(-1) ?? first
  if (first.threads > 1) rungs.push({ ...last(), threads: 1 })
  for (const divisor of [4, 16]) {
    const rowGroupSize = Math.max(
      LEAST_ROW_GROUP,
      Math.floor(first.rowGroupSize / divisor / LEAST_ROW_GROUP) * LEAST_ROW_GROUP,
    )
    if (rowGroupSize < last().rowGroupSize) rungs.push({ ...last(), rowGroupSize })
  }
  const { strategy } = first
  if (strategy.kind === 'direct') rungs.push({ ...last(), strategy: { kind: 'staged', buckets: 8 } })
  if (strategy.kind === 'staged' && strategy.buckets < MAX_STAGED_BUCKETS) {
    rungs.push({ ...last(), strategy: { kind: 'staged', buckets: Math.min(MAX_STAGED_BUCKETS, strategy.buckets * 4) } })
  }
  return rungs
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
