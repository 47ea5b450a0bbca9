import { readFileSync, writeFileSync } from 'node:fs'

/** What the kernel says of one process, in bytes. */
export interface ProcessMemory {
  /** Pages in memory now (VmRSS). */
  readonly rssBytes: number
  /** The high-water mark of `rssBytes` since the start of the process or the last {@link resetPeak} (VmHWM). */
  readonly peakRssBytes: number
}

/**
 * Reads `/proc/<pid>/status`; undefined where there is no such file (not Linux, or the process is gone).
 * Synchronous on purpose: procfs answers from memory in some 20 microseconds.
 */
export function readProcessMemory(pid: number | 'self' = 'self'): ProcessMemory | undefined {
  try {
    return parseStatus(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    // No procfs here, or no such process any more: both mean that there is nothing to report.
    return undefined
  }
}

/** The two figures in the text of `/proc/<pid>/status` (proc(5)); undefined for a zombie, which has neither line. */
export function parseStatus(text: string): ProcessMemory | undefined {
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(text)
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(text)
  if (rss === null || peak === null) return undefined
  return { rssBytes: Number(rss[1]) * 1024, peakRssBytes: Number(peak[1]) * 1024 }
}

/** Memory of this process now: from procfs, else from Node (whose peak is the same high-water mark by getrusage). */
export function ownMemory(): ProcessMemory {
  return (
    readProcessMemory() ?? {
      rssBytes: process.memoryUsage.rss(),
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
    }
  )
}

/**
 * Sets VmHWM back to the present RSS by writing 5 to `/proc/self/clear_refs` (proc(5)).
 * False where that is not possible: the peak then stays that of the whole life of the process, which is never too low.
 */
export function resetPeak(): boolean {
  try {
    writeFileSync('/proc/self/clear_refs', '5')
    return true
  } catch {
    return false
  }
}

/** Proportional set size of a process: its share of pages that several processes map. Costs 2 to 9 ms. */
export function readProportionalBytes(pid: number): number | undefined {
  try {
    const match = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))
    return match === null ? undefined : Number(match[1]) * 1024
  } catch {
    return undefined
  }
}

/** Processes whose parent is `pid`, by `/proc/<pid>/task/*\/children`; empty where the kernel does not tell. */
export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim()
    return text === '' ? [] : text.split(' ').map(Number)
  } catch {
    return []
  }
}
