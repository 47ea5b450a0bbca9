import { readFileSync, readlinkSync } from 'node:fs'
import { systemCode } from './errors.ts'

/** A worker thread of a process, which may end long before the process does. */
export interface ThreadIdentity {
  readonly tid: number
  /** Start of the thread in clock ticks after boot, since numbers are used again. */
  readonly threadStart: string
}

/** `PF_EXITING` of the kernel, set before anybody can have waited for the thread's end. */
const EXITING = 0x4

/** That of the calling thread; null for the main thread, which ends with its process, and where there is no procfs. */
export function ownThread(): ThreadIdentity | null {
  const [pid, , tid] = textOf(() => readlinkSync('/proc/thread-self'))?.split('/') ?? []
  if (tid === undefined || pid !== String(process.pid) || tid === pid) return null
  const found = statusOf(process.pid, Number(tid))
  return found === undefined ? null : { tid: Number(tid), threadStart: found.start }
}

/** Whether a thread of a process that lives, and can be seen from here, has ended: none of its code runs any more. */
export function hasThreadEnded(pid: number, { tid, threadStart }: ThreadIdentity): boolean {
  const found = statusOf(pid, tid)
  return found === undefined || found.start !== threadStart || (found.flags & EXITING) !== 0
}

/** Fields 9 and 22 of `/proc/<pid>/task/<tid>/stat`; the name in brackets may hold spaces, so it counts from after it. */
function statusOf(pid: number, tid: number): { readonly flags: number; readonly start: string } | undefined {
  const stat = textOf(() => readFileSync(`/proc/${pid}/task/${tid}/stat`, 'latin1'))
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  const start = fields?.[19]
  return start === undefined ? undefined : { flags: Number(fields?.[6]), start }
}

/** Null where there is no such file: another system than Linux, or the thread is gone. */
function textOf(read: () => string): string | null {
  try {
    return read()
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    return null
  }
}
