import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { formatBytes, IceboxError } from '../base/index.ts'

/** Where limits are read: the text of a file, or undefined where there is none. Replaced in tests. */
export type ReadText = (path: string) => string | undefined

/** A limit of the operating system on this process. */
export interface SystemLimit {
  readonly bytes: number
  /** For people: `cgroup v2`, `RLIMIT_AS`. */
  readonly source: string
}

/** The smallest limit on the way from this process's group up to the root (each ancestor binds). */
function cgroupLimit(read: ReadText): { bytes: number; version: 'v1' | 'v2' } | undefined {
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

function smallest(read: ReadText, root: string, path: string, file: string): number | undefined {
  let least: number | undefined
  // In a container the path may name the host's hierarchy, which is not mounted: then only the root file is there.
  for (let folder = posix.normalize(`/${path}`); ; folder = posix.dirname(folder)) {
    const text = read(posix.join(root, folder, file))?.trim()
    // `max` in v2; v1 writes a number near 2^63 for no limit, which the comparison with the machine's memory drops.
    if (text !== undefined && /^\d+$/.test(text)) least = Math.min(least ?? Number.POSITIVE_INFINITY, Number(text))
    if (folder === '/') return least
  }
}

/** Limits of the process itself that memory counts against (getrlimit(2)), as /proc/self/limits words them. */
const PROCESS_LIMITS: readonly (readonly [line: RegExp, name: string])[] = [
  [/^Max address space\s+(\d+)/m, 'RLIMIT_AS'],
  [/^Max data size\s+(\d+)/m, 'RLIMIT_DATA'],
]

/** Every limit that is set. Compare with the budget, not with the machine: v1 of cgroups always names a number. */
export function systemLimits(read: ReadText = readSystemText): SystemLimit[] {
  const limits: SystemLimit[] = []
  const cgroup = cgroupLimit(read)
  if (cgroup !== undefined) limits.push({ bytes: cgroup.bytes, source: `cgroup ${cgroup.version}` })
  const text = read('/proc/self/limits') ?? ''
  for (const [line, source] of PROCESS_LIMITS) {
    const bytes = line.exec(text)?.[1]
    if (bytes !== undefined) limits.push({ bytes: Number(bytes), source })
  }
  return limits
}

/**
 * A budget above what the operating system gives cannot be kept: the kernel would end the process first.
 * Rejects `memory/budget-too-large` with both numbers.
 */
export function requireBudgetFits(budgetBytes: number, limits: readonly SystemLimit[] = systemLimits()): void {
  for (const { bytes, source } of limits.toSorted((a, b) => a.bytes - b.bytes)) {
    if (budgetBytes <= bytes) continue
    throw new IceboxError('memory/budget-too-large', {
      message: `a budget of ${formatBytes(budgetBytes)} is above the limit of ${formatBytes(bytes)} (${source}) that this process has`,
      remedy: `set performance.memory.max_usage to auto or to ${formatBytes(bytes)} at most, or raise the limit`,
      context: { budgetBytes, limitBytes: bytes, source },
    })
  }
}

export function readSystemText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // No such file: no such kind of limit here.
    return undefined
  }
}
