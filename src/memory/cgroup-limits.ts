import { posix } from 'node:path'

/** Where limits are read: the text of a file, or undefined where there is none. Replaced in tests. */
export type ReadText = (path: string) => string | undefined

/** A group of memory that this process is in, with the limit that is written there. */
export interface GroupLimit {
  readonly version: 'v1' | 'v2'
  readonly folder: string
  readonly limitBytes: number
}

/**
 * The limits from this process's group up to the root (each ancestor binds), of each hierarchy in the order of
 * /proc/self/cgroup. `max` of v2 is left out; v1 writes a number near 2^63 for no limit, which stays in.
 */
export function* cgroupLimits(read: ReadText): Generator<readonly GroupLimit[]> {
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) continue
    if (controllers === '') yield limitsAbove(read, 'v2', '/sys/fs/cgroup', path, 'memory.max')
    else if (controllers.split(',').includes('memory')) {
      yield limitsAbove(read, 'v1', '/sys/fs/cgroup/memory', path, 'memory.limit_in_bytes')
    }
  }
}

function limitsAbove(read: ReadText, version: 'v1' | 'v2', root: string, path: string, file: string): GroupLimit[] {
  const limits: GroupLimit[] = []
  // In a container the path may name the host's hierarchy, which is not mounted: then only the root file is there.
  for (let folder = posix.normalize(`/${path}`); ; folder = posix.dirname(folder)) {
    const text = read(posix.join(root, folder, file))?.trim()
    if (text !== undefined && /^\d+$/.test(text)) {
      limits.push({ version, folder: posix.join(root, folder), limitBytes: Number(text) })
    }
    if (folder === '/') return limits
  }
}
