import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { posix } from 'node:path'

export interface AutoBudget {
  readonly budgetBytes: number
  /** What limits memory here. */
  readonly limitBytes: number
  /** For people: `the limit of the container (cgroup v2)`. */
  readonly source: string
}

/** Where the limits are read; replaced in tests. */
export interface AutoBudgetSources {
  /** The text of a file, or undefined where there is none. */
  readonly read: (path: string) => string | undefined
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

/** The smallest limit on the way from this process's group up to the root (each ancestor binds). */
function cgroupLimit(read: AutoBudgetSources['read']): { bytes: number; version: 'v1' | 'v2' } | undefined {
  const membership = read('/proc/self/cgroup') ?? ''
  for (const line of membership.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) continue
    if (controllers === '') {
      const bytes = smallest(read, '/sys/fs/cgroup', path, 'memory.max')
      if (bytes !== undefined) return { bytes, version: 'v2' }
    } else if (controllers.split(',').includes('memory')) {
      const bytes = smallest(read, '/sys/fs/cgroup/memory', path, 'memory.limit_in_bytes')
      if (bytes !== undefined) return { bytes, version: 'v1' }
    }
  }
  return undefined
}

function smallest(read: AutoBudgetSources['read'], root: string, path: string, file: string): number | undefined {
  let least: number | undefined
  // In a container the path may name the host's hierarchy, which is not mounted: then only the root file is there.
  for (let folder = posix.normalize(`/${path}`); ; folder = posix.dirname(folder)) {
    const text = read(posix.join(root, folder, file))?.trim()
    // `max` in v2; v1 writes a number near 2^63 for no limit, which the comparison with the machine's memory drops.
    if (text !== undefined && /^\d+$/.test(text)) least = Math.min(least ?? Number.POSITIVE_INFINITY, Number(text))
    if (folder === '/') return least
  }
}

function systemSources(): AutoBudgetSources {
  return {
    totalBytes: totalmem(),
    read: (path) => {
      try {
        return readFileSync(path, 'latin1')
      } catch {
        // No such file: no such kind of cgroup here.
        return undefined
      }
    },
  }
}
