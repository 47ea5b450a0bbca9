import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { systemCode } from './errors.ts'
import { readProcStat, textOfProc } from './proc-stat.ts'

/** Which process something belongs to, in a form that another process, maybe of another container or machine, can judge. */
export interface ProcessIdentity {
  readonly pid: number
  /** Start of the process in clock ticks after boot, since pids are used again; null where there is no procfs. */
  readonly processStart: string | null
  readonly host: string
  /** The boot of the machine; null where unknown. */
  readonly boot: string | null
  /** The namespace that pids are counted in: that of a container; null where unknown. */
  readonly pidNamespace: string | null
}

let own: ProcessIdentity | undefined

/** That of this process. */
export function ownProcess(): ProcessIdentity {
  own ??= { pid: process.pid, processStart: processStart(process.pid), ...place() }
  return own
}

/**
 * Whether a process is gone: `unknown` where its pid says nothing here, since it runs, or ran, in another container or on
 * another machine that uses the same folder.
 */
export function judgeProcess(identity: ProcessIdentity): 'alive' | 'gone' | 'unknown' {
  const here = place()
  if (identity.host === here.host && identity.boot !== null && here.boot !== null && identity.boot !== here.boot)
    return 'gone'
  const isHere =
    identity.host === here.host && identity.boot === here.boot && identity.pidNamespace === here.pidNamespace
  if (!isHere) return 'unknown'
  try {
    process.kill(identity.pid, 0)
  } catch (error) {
    // EPERM: a process of another user has the pid now.
    if (systemCode(error) === 'ESRCH') return 'gone'
  }
  return identity.processStart === null || processStart(identity.pid) === identity.processStart ? 'alive' : 'gone'
}

function place(): Pick<ProcessIdentity, 'host' | 'boot' | 'pidNamespace'> {
  return {
    host: hostname(),
    boot: textOfProc(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace: textOfProc(() => readlinkSync('/proc/self/ns/pid')),
  }
}

/** Field 22 of `/proc/<pid>/stat`. */
function processStart(pid: number): string | null {
  return readProcStat(`/proc/${pid}/stat`)?.(22) ?? null
}
