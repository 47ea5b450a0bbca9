import { posix } from 'node:path'
import { cgroupLimits, type GroupLimit, type ReadText } from '../cgroup-limits.ts'

/** Anonymous memory: caches of files go by themselves when memory is short (kernel docs, cgroup-v1/memory and cgroup-v2). */
const ANONYMOUS = { v1: /^total_rss (\d+)$/m, v2: /^anon (\d+)$/m }

/**
 * What the operating system could still give to anybody in this container and on this machine: the smallest rest below the
 * limits of this process's groups, and `MemAvailable` (proc_meminfo(5)). Undefined where neither is told.
 */
export function spareMemory(read: ReadText): () => number | undefined {
  const groups = groupsWithLimit(read)
  return () => {
    const rests = groups.flatMap(({ folder, limitBytes, version }) => {
      const taken = numberIn(read(posix.join(folder, 'memory.stat')), ANONYMOUS[version])
      return taken === undefined ? [] : [Math.max(0, limitBytes - taken)]
    })
    const availableKb = numberIn(read('/proc/meminfo'), /^MemAvailable:\s+(\d+) kB$/m)
    if (availableKb !== undefined) rests.push(availableKb * 1024)
    return rests.length === 0 ? undefined : Math.min(...rests)
  }
}

/** Of the first hierarchy that has any; a number near 2^63 is none. */
function groupsWithLimit(read: ReadText): readonly GroupLimit[] {
  for (const limits of cgroupLimits(read)) {
    const real = limits.filter(({ limitBytes }) => limitBytes < 2 ** 60)
    if (real.length > 0) return real
  }
  return []
}

function numberIn(text: string | undefined, line: RegExp): number | undefined {
  const digits = text === undefined ? undefined : line.exec(text)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
