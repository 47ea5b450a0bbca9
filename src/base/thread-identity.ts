import { readlinkSync } from 'node:fs'
import { readProcStat, textOfProc } from './proc-stat.ts'

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
  const [pid, , tid] = textOfProc(() => readlinkSync('/proc/thread-self'))?.split('/') ?? []
  if (tid === undefined || pid !== String(process.pid) || tid === pid) return null
  const found = statusOf(process.pid, Number(tid))
  return found === undefined ? null : { tid: Number(tid), threadStart: found.start }
}

/** Whether a thread of a process that lives, and can be seen from here, has ended: none of its code runs any more. */
export function hasThreadEnded(pid: number, { tid, threadStart }: ThreadIdentity): boolean {
  const found = statusOf(pid, tid)
  return found === undefined || found.start !== threadStart || (found.flags & EXITING) !== 0
}

/** Fields 9 (flags) and 22 (start) of `/proc/<pid>/task/<tid>/stat`. */
function statusOf(pid: number, tid: number): { readonly flags: number; readonly start: string } | undefined {
  const field = readProcStat(`/proc/${pid}/task/${tid}/stat`)
  const start = field?.(22)
  return start === undefined ? undefined : { flags: Number(field?.(9)), start }
}
