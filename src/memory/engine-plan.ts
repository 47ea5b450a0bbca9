import { formatBytes, IceboxError } from '../base/index.ts'

const MiB = 1024 * 1024

/** How pages that the engine freed get back to the operating system. */
export type AllocatorControl =
  /** The allocator can be read and told to purge: it stays fast and is purged above a threshold. */
  | 'purge'
  /** It cannot be reached, and was told by the environment to return pages at once. */
  | 'decay'
  /** Neither: pages linger, and the overshoot is several times as large. */
  | 'none'

/** What of the budget the engine gets. A value: printed by `doctor`, tested, followed by the engine. */
export interface EnginePlan {
  /** DuckDB's `memory_limit`. */
  readonly memoryLimitBytes: number
  readonly threads: number
  /** Resident bytes of the engine's allocator above which it is purged; undefined where it cannot be read. */
  readonly purgeAboveBytes: number | undefined
}

export interface EnginePlanInput {
  readonly budgetBytes: number
  /** RSS of the process once the engine is loaded and idle. */
  readonly baseBytes: number
  readonly cores: number
  readonly allocator: AllocatorControl
}

/** What DuckDB takes beyond its limit and outside its count, measured (docs/decisions/0002-allocator-purge.md). */
const HEADROOM_BYTES = { purge: 35 * MiB, decay: 35 * MiB, none: 165 * MiB } as const

/** Below this limit DuckDB fails statements that any user expects to work. */
export const LEAST_ENGINE_BYTES = 48 * MiB

/**
 * Divides the budget: engine limit = budget - base - headroom.
 * Rejects `memory/budget-too-small` naming the smallest budget that this process can keep.
 */
export function planEngine(input: EnginePlanInput): EnginePlan {
  const headroomBytes = HEADROOM_BYTES[input.allocator]
  const memoryLimitBytes = Math.floor(input.budgetBytes - input.baseBytes - headroomBytes)
  if (memoryLimitBytes < LEAST_ENGINE_BYTES) {
    const leastBytes = input.baseBytes + headroomBytes + LEAST_ENGINE_BYTES
    throw new IceboxError('memory/budget-too-small', {
      message: `a budget of ${formatBytes(input.budgetBytes)} leaves the engine ${formatBytes(Math.max(0, memoryLimitBytes))} of the ${formatBytes(LEAST_ENGINE_BYTES)} it needs at least: the process itself takes ${formatBytes(input.baseBytes)}, the allocator ${formatBytes(headroomBytes)}`,
      remedy: `set performance.memory.max_usage to ${formatBytes(Math.ceil(leastBytes / 1e6) * 1e6)} or more`,
      context: {
        budgetBytes: input.budgetBytes,
        baseBytes: input.baseBytes,
        headroomBytes,
        leastBudgetBytes: leastBytes,
      },
    })
  }
  return {
    memoryLimitBytes,
    threads: Math.max(1, input.cores),
    purgeAboveBytes: input.allocator === 'purge' ? memoryLimitBytes : undefined,
  }
}
