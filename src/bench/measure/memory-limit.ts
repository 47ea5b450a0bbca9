import { access, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemCode } from '../../base/index.ts'

/** A limit that the operating system holds a command to, as a container would. */
export interface MemoryLimit extends AsyncDisposable {
  /** cgroup: the kernel kills above it; data limit: allocations fail above it. */
  readonly kind: 'cgroup v1' | 'cgroup v2' | 'data limit'
  readonly limitBytes: number
  /** The command that runs the given one inside the limit. */
  wrap(command: string, args: readonly string[]): { readonly command: string; readonly args: readonly string[] }
}

/** Where this process stands among memory cgroups. */
export interface CgroupPlace {
  readonly kind: 'cgroup v1' | 'cgroup v2'
  /** Folders below which a group may be made, the first to be tried first. */
  readonly parents: readonly string[]
  readonly limitFile: string
}

/**
 * From `/proc/self/cgroup` and what is mounted. Below the group of this process first, so that its own limit stays in
 * force; in v2 a group that holds processes cannot pass memory on, so there the group above is tried too.
 */
export function cgroupPlace(membership: string): CgroupPlace | undefined {
  for (const line of membership.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) continue
    if (controllers.split(',').includes('memory')) {
      const root = '/sys/fs/cgroup/memory'
      return { kind: 'cgroup v1', parents: [join(root, path)], limitFile: 'memory.limit_in_bytes' }
    }
    if (controllers === '' && !membership.includes(':memory:')) {
      const own = join('/sys/fs/cgroup', path)
      return { kind: 'cgroup v2', parents: path === '/' ? [own] : [own, dirname(own)], limitFile: 'memory.max' }
    }
  }
  return undefined
}

/**
 * A memory cgroup of its own where one can be made, else the limit on data of the process (RLIMIT_DATA). `allowCgroup`
 * false takes the latter at once. Disposing removes the group.
 */
export async function makeMemoryLimit(limitBytes: number, allowCgroup = true): Promise<MemoryLimit> {
  const place = allowCgroup ? cgroupPlace(await readFile('/proc/self/cgroup', 'latin1').catch(() => '')) : undefined
  for (const parent of place?.parents ?? []) {
    const folder = join(parent, `icebox-bench-${process.pid}-${Date.now()}`)
    if (place !== undefined && (await makeGroup(folder, place, limitBytes))) {
      return {
        kind: place.kind,
        limitBytes,
        wrap: (command, args) => ({
          command: '/bin/sh',
          args: ['-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', folder, command, ...args],
        }),
        [Symbol.asyncDispose]: () => removeGroup(folder),
      }
    }
  }
  return {
    kind: 'data limit',
    limitBytes,
    wrap: (command, args) => ({
      command: '/bin/sh',
      args: ['-c', 'ulimit -d "$0" && exec "$@"', String(Math.floor(limitBytes / 1024)), command, ...args],
    }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** False where this process may not make a group that holds memory. */
async function makeGroup(folder: string, place: CgroupPlace, limitBytes: number): Promise<boolean> {
  try {
    await mkdir(folder)
  } catch (error) {
    if (REFUSED.includes(systemCode(error) ?? '')) return false
    throw error
  }
  try {
    await access(join(folder, place.limitFile))
    await writeFile(join(folder, place.limitFile), String(limitBytes))
    return true
  } catch (error) {
    await removeGroup(folder)
    if (REFUSED.includes(systemCode(error) ?? '')) return false
    throw error
  }
}

const REFUSED = ['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR', 'EBUSY', 'EINVAL', 'EOPNOTSUPP']

/** The kernel needs a moment after the last process ended until a group can be removed. */
async function removeGroup(folder: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await rmdir(folder)
      return
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return
      if (systemCode(error) !== 'EBUSY' || attempt === REMOVE_ATTEMPTS) throw error
      await new Promise((wake) => setTimeout(wake, 10))
    }
  }
}

const REMOVE_ATTEMPTS = 200
