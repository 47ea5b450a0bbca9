import { readdirSync, readFileSync } from 'node:fs'
import { systemCode } from '../../base/index.ts'

/** Where the figures of processes come from; replaced in tests. Synchronous on purpose: procfs answers from memory. */
export interface Procfs {
  /** The ids of all processes. */
  pids(): readonly number[]
  /** `/proc/<pid>/<name>`; undefined when the process is gone or the kernel does not say. */
  read(pid: number, name: 'stat' | 'status' | 'io' | 'smaps_rollup'): string | undefined
}

/** Codes of a process that ended meanwhile, and of a file that only root may read. */
const GONE = ['ENOENT', 'ESRCH', 'EACCES', 'EPERM']

export const procfs: Procfs = {
  pids: () => readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : [])),
  read(pid, name) {
    try {
      return readFileSync(`/proc/${pid}/${name}`, 'latin1')
    } catch (error) {
      if (GONE.includes(systemCode(error) ?? '')) return undefined
      throw error
    }
  },
}

/** `/proc/<pid>/stat` counts in ticks of USER_HZ, which is 100 on every Linux that Node runs on. */
const TICK_MS = 10

export interface ProcessStat {
  readonly parentPid: number
  /** User and system time of the process itself. */
  readonly cpuMs: number
}

/** proc(5), `/proc/<pid>/stat`: fields 4, 14 and 15; the name in brackets may hold spaces and brackets. */
export function parseStat(text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [parentPid, user, system] = [Number(fields[1]), Number(fields[11]), Number(fields[12])]
  if (!Number.isInteger(parentPid) || !Number.isInteger(user) || !Number.isInteger(system)) return undefined
  return { parentPid, cpuMs: (user + system) * TICK_MS }
}

export interface ProcessIo {
  /** Bytes that the process asked the kernel to read and write, from disk, cache or pipe (`rchar`, `wchar`). */
  readonly readBytes: number
  readonly writtenBytes: number
  /** Bytes that had to come from and go to the device (`read_bytes`, `write_bytes`). */
  readonly deviceReadBytes: number
  readonly deviceWrittenBytes: number
}

/** proc(5), `/proc/<pid>/io`. */
export function parseIo(text: string): ProcessIo {
  const field = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
  return {
    readBytes: field('rchar'),
    writtenBytes: field('wchar'),
    deviceReadBytes: field('read_bytes'),
    deviceWrittenBytes: field('write_bytes'),
  }
}

/** The proportional set size in `/proc/<pid>/smaps_rollup`, bytes: shared pages are divided among those who share them. */
export function parsePss(text: string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024
}
