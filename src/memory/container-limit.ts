import { readFileSync } from 'node:fs'
import { formatBytes, IceboxError } from '../base/index.ts'
import { cgroupLimits, type GroupLimit, type ReadText } from './cgroup-limits.ts'

/** A limit of the operating system on this process. */
export interface SystemLimit {
  readonly bytes: number
  /** For people: `cgroup v2`, `RLIMIT_AS`. */
  readonly source: string
}

/** The smallest limit on the way from this process's group up to the root. */
function cgroupLimit(read: ReadText): GroupLimit | undefined {
  for (const limits of cgroupLimits(read)) {
    const [least] = limits.toSorted((one, other) => one.limitBytes - other.limitBytes)
    if (least !== undefined) return least
  }
  return undefined
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
  if (cgroup !== undefined) limits.push({ bytes: cgroup.limitBytes, source: `cgroup ${cgroup.version}` })
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
