import { totalmem } from 'node:os'
import { cgroupLimit, type ReadText, readSystemText } from './container-limit.ts'

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

/** Share of a container's limit, which is there for this process, and of a machine, which is not. */
const SHARE_OF_CONTAINER = 0.8
const SHARE_OF_MACHINE = 0.5

/** `max_usage: auto`: 80% of the container's limit (cgroup v2 or v1), or half of the machine's memory. */
export function resolveAutoBudget(sources: AutoBudgetSources = systemSources()): AutoBudget {
  const limit = cgroupLimit(sources.read)
  if (limit !== undefined && limit.bytes < sources.totalBytes) {
    return {
      budgetBytes: Math.floor(limit.bytes * SHARE_OF_CONTAINER),
      limitBytes: limit.bytes,
      source: `80% of the container's limit (cgroup ${limit.version})`,
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
