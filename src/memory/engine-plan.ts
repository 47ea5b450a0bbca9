import { formatBytes, IceboxError } from '../base/index.ts'
import { ownMemory } from './process-memory.ts'

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
  /** Threads of a statement that may sort, join or group: few where memory is short. */
  readonly threads: number
  /** Threads of a COPY that streams: reading and writing without a sort holds little per thread. */
  readonly copyThreads: number
  /** Resident bytes of the engine's allocator above which it is purged; undefined where it cannot be read. */
  readonly purgeAboveBytes: number | undefined
}

export interface EnginePlanInput {
  readonly budgetBytes: number
  /** RSS of the process with the engine loaded and idle; see {@link expectedBaseBytes}. */
  readonly baseBytes: number
  readonly cores: number
  readonly allocator: AllocatorControl
}

/**
 * What comes on top of base and limit, whatever the limit: bursts between two purges, code pages touched, bytes that
 * DuckDB does not count. Measured: 39 MiB at most with the purge, 25 with decay 0 and 135 without either
 * (docs/decisions/0002-allocator-purge.md); a percentage would be wrong at both ends.
 */
const HEADROOM_BYTES: Readonly<Record<AllocatorControl, number>> = {
  purge: 40 * MiB,
  decay: 40 * MiB,
  none: 170 * MiB,
}

/**
 * A larger engine fills faster than a busy machine lets the keeper look: a sort at 1GB beside three other programs was seen
 * 55 MB above its usual 945. So much of a budget above {@link SMALL_BUDGET} is left to it besides.
 */
const LARGE_SHARE = 0.04
const SMALL_BUDGET = 512e6
const MOST_FOR_LARGE = 64 * MiB

/** Kept for what is not the engine's: manifests, Arrow batches, rows on their way out. */
const OTHERS_SHARE = 0.03

/** Below this limit DuckDB fails statements that anyone expects to work. */
export const LEAST_ENGINE_BYTES = 48 * MiB

/** A sort on several threads fails below this where it works on one (6M x 16 at 120 MiB; decision 0002). */
const SORT_BYTES_PER_THREAD = 128 * MiB
const COPY_BYTES_PER_THREAD = 24 * MiB

/** The smallest budget with which a process of this base can run an engine. */
export function leastBudgetBytes(input: EnginePlanInput): number {
  return Math.ceil((input.baseBytes + headroomOf(input) + LEAST_ENGINE_BYTES) / (1 - OTHERS_SHARE) / 1e6) * 1e6
}

function headroomOf({ budgetBytes, allocator }: EnginePlanInput): number {
  return HEADROOM_BYTES[allocator] + Math.min(MOST_FOR_LARGE, Math.max(0, budgetBytes - SMALL_BUDGET) * LARGE_SHARE)
}

/**
 * Divides the budget: engine limit = budget - base - headroom - a small share for others.
 * Rejects `memory/budget-too-small` with the smallest budget that this process can keep.
 */
export function planEngine(input: EnginePlanInput): EnginePlan {
  const headroomBytes = headroomOf(input)
  const othersBytes = input.budgetBytes * OTHERS_SHARE
  const memoryLimitBytes = Math.floor(input.budgetBytes - input.baseBytes - headroomBytes - othersBytes)
  if (memoryLimitBytes < LEAST_ENGINE_BYTES) {
    const leastBytes = leastBudgetBytes(input)
    throw new IceboxError('memory/budget-too-small', {
      message: `a budget of ${formatBytes(input.budgetBytes)} is too small: the process takes ${formatBytes(input.baseBytes)}, the engine at least ${formatBytes(LEAST_ENGINE_BYTES)} and ${formatBytes(headroomBytes)} around it`,
      remedy: `set performance.memory.max_usage to ${formatBytes(leastBytes)} or more`,
      context: {
        budgetBytes: input.budgetBytes,
        baseBytes: input.baseBytes,
        headroomBytes,
        leastBudgetBytes: leastBytes,
      },
    })
  }
  const threadsFor = (bytes: number) => Math.max(1, Math.min(input.cores, Math.floor(memoryLimitBytes / bytes)))
  return {
    memoryLimitBytes,
    threads: threadsFor(SORT_BYTES_PER_THREAD),
    copyThreads: threadsFor(COPY_BYTES_PER_THREAD),
    purgeAboveBytes: input.allocator === 'purge' ? memoryLimitBytes : undefined,
  }
}

/** What loading the engine, an instance and a first statement add to RSS; most of it is the library's file pages. */
const ENGINE_LOAD_BYTES = 40 * MiB
/** Rooms that are loaded when first needed: catalog, manifests, Avro. */
const LATER_ROOMS_BYTES = 8 * MiB

/** What is in the RSS of a process already, and is not to be expected once more. */
export interface LoadedParts {
  /** The engine's library, which stays when an engine is closed. */
  readonly isEngineLoaded?: boolean
  readonly areRoomsLoaded?: boolean
}

/** RSS to expect once the engine runs and is idle, asked before it is started. */
export function expectedBaseBytes(
  rssBytes: number = ownMemory().rssBytes,
  { isEngineLoaded = false, areRoomsLoaded = false }: LoadedParts = {},
): number {
  return rssBytes + (isEngineLoaded ? 0 : ENGINE_LOAD_BYTES) + (areRoomsLoaded ? 0 : LATER_ROOMS_BYTES)
}
