import { posix } from 'node:path'
import type { ReadText } from '../container-limit.ts'

/** One limit on the way: how much it is, and how much of it is taken by memory that the kernel cannot drop. */
interface Level {
  readonly limitBytes: number
  readonly statFile: string
  /** The line of `statFile` with anonymous memory of the group and all below it. */
  readonly line: RegExp
}

/** Anonymous memory: caches of files go by themselves when memory is short (kernel docs, cgroup-v1/memory and cgroup-v2). */
const ANONYMOUS = { v1: /^total_rss (\d+)$/m, v2: /^anon (\d+)$/m }

/**
 * What the operating system could still give to anybody in this container and on this machine: the smallest rest below the
 * limits of this process's groups, and `MemAvailable` (proc_meminfo(5)). Undefined where neither is told.
 */
export function spareMemory(read: ReadText): () => number | undefined {
  const levels = levelsWithLimit(read)
  return () => {
    const rests = levels.flatMap((level) => {
      const taken = numberIn(read(level.statFile), level.line)
      return taken === undefined ? [] : [Math.max(0, level.limitBytes - taken)]
    })
    const availableKb = numberIn(read('/proc/meminfo'), /^MemAvailable:\s+(\d+) kB$/m)
    if (availableKb !== undefined) rests.push(availableKb * 1024)
    return rests.length === 0 ? undefined : Math.min(...rests)
  }
}

function levelsWithLimit(read: ReadText): Level[] {
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) continue
    const found =
      controllers === ''
        ? levelsBelow(read, '/sys/fs/cgroup', path, 'memory.max', ANONYMOUS.v2)
        : controllers.split(',').includes('memory')
          ? levelsBelow(read, '/sys/fs/cgroup/memory', path, 'memory.limit_in_bytes', ANONYMOUS.v1)
          : []
    if (found.length > 0) return found
  }
  return []
}

function levelsBelow(read: ReadText, root: string, path: string, limitFile: string, line: RegExp): Level[] {
  const levels: Level[] = []
  for (let folder = posix.normalize(`/${path}`); ; folder = posix.dirname(folder)) {
    const text = read(posix.join(root, folder, limitFile))?.trim()
    // `max` in v2, a number near 2^63 in v1: no limit.
    if (text !== undefined && /^\d+$/.test(text) && Number(text) < 2 ** 60) {
      levels.push({ limitBytes: Number(text), statFile: posix.join(root, folder, 'memory.stat'), line })
    }
    if (folder === '/') return levels
  }
}

function numberIn(text: string | undefined, line: RegExp): number | undefined {
  const digits = text === undefined ? undefined : line.exec(text)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
