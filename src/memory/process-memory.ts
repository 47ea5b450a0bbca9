import { readFileSync } from 'node:fs'

/** What the kernel says of one process, in bytes. */
export interface ProcessMemory {
  /** Pages in memory now (VmRSS). */
  readonly rssBytes: number
  /** The high-water mark of `rssBytes` since the start of the process (VmHWM). */
  readonly peakRssBytes: number
}

/**
 * Reads `/proc/self/status`; undefined where there is no such file (not Linux).
 * Synchronous on purpose: procfs answers from memory in some 20 microseconds.
 */
function readStatus(): ProcessMemory | undefined {
  try {
    return parseStatus(readFileSync('/proc/self/status', 'latin1'))
  } catch {
    // No procfs here: there is nothing to report.
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
    readStatus() ?? {
      rssBytes: process.memoryUsage.rss(),
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
    }
  )
}
