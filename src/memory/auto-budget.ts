import { totalmem } from 'node:os'
import type { ReadText } from './cgroup-limits.ts'
import { readSystemText, systemLimits } from './container-limit.ts'

export interface AutoBudget {
  readonly budgetBytes: number
  /** What limits memory here. */
  readonly limitBytes: number
  /** For people: `the limit of the container (cgroup v2)`. */
  readonly source: string
}

/** Where the limits are read; replaced in tests. */
export interface AutoBudgetSources {
  readonly read: ReadText
  readonly totalBytes: number
}

/** Share of a limit, below which all is there for this process, and of a machine, where it is not. */
const SHARE_OF_LIMIT = 0.8
const SHARE_OF_MACHINE = 0.5

/**
 * `max_usage: auto`: 80% of the smallest limit that this process has (its container's: cgroup v2 or v1; its own:
 * RLIMIT_AS, RLIMIT_DATA), or half of the machine's memory.
 */
export function resolveAutoBudget(sources: AutoBudgetSources = systemSources()): AutoBudget {
  const [limit] = systemLimits(sources.read).toSorted((a, b) => a.bytes - b.bytes)
  if (limit !== undefined && limit.bytes < sources.totalBytes) {
    const owner = limit.source.startsWith('cgroup') ? 'container' : 'process'
    return {
      budgetBytes: Math.floor(limit.bytes * SHARE_OF_LIMIT),
      limitBytes: limit.bytes,
      source: `80% of the ${owner}'s limit (${limit.source})`,
    }
  }
  return {
    budgetBytes: Math.floor(sources.totalBytes * SHARE_OF_MACHINE),
    limitBytes: sources.totalBytes,
    source: "half of the machine's memory",
  }
}

function systemSources(): AutoBudgetSources {
  return { totalBytes: totalmem(), read: readSystemText }
}
