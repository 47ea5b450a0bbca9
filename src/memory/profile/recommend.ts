import { formatBytes, formatDuration } from '../../base/index.ts'
import type { MemoryBill } from '../bill.ts'

/** What a recommendation is made from: the bill of an operation, with a profile, and its time. */
export interface MemoryProfile {
  /** `import 3`, `query 7`. */
  readonly operation: string
  readonly elapsedMs: number
  readonly bill: MemoryBill
  /** The smallest budget with which this process runs an engine. */
  readonly leastBudgetBytes: number
}

export interface Recommendation {
  /** What to do; an imperative clause. */
  readonly what: string
  /** What was seen, with its figures. */
  readonly why: string
  /** What to expect of it. */
  readonly gain: string
}

/** Room above what was measured: peaks of equal runs differ by a few percent. */
const MARGIN = 1.05
/** Below these shares of the elapsed time a pause or a collection is not worth a change. */
const PAUSED_SHARE = 0.05
const GC_SHARE = 0.05
/** Memory that nobody answers for, as a share of the budget: the plans leave 40 MiB for it (engine-plan.ts). */
const UNATTRIBUTED_SHARE = 0.2
/** An operation that used less than half of the budget runs as well in less, and so does the process. */
const UNUSED_SHARE = 0.5
/** Purging all the time cost 20% of an import's time (5.7 s against 6.9 s; docs/decisions/0002-allocator-purge.md). */
const PURGES_PER_SECOND = 5
const PURGE_COST = '20%'

/** What would have made an operation faster, or made it fit: by rules over its profile, what matters most first. */
export function recommend(profile: MemoryProfile): Recommendation[] {
  return [spilled, ended, queued, paused, purged, collected, unattributed, unused].flatMap(
    (rule) => rule(profile) ?? [],
  )
}

type Rule = (profile: MemoryProfile) => Recommendation | undefined

const spilled: Rule = ({ bill }) => {
  if (bill.spilledBytes === 0) return undefined
  // What lay in the spill folder did not fit beside the rest: it and the peak together would have.
  const enoughBytes = roundUp((bill.peakRssBytes + bill.spilledBytes) * MARGIN)
  return {
    what: `give it a budget of ${formatBytes(enoughBytes)}, or sort, join and group by fewer or narrower columns`,
    why: `${formatBytes(bill.spilledBytes)} were spilled to disk, with a peak of ${formatBytes(bill.peakRssBytes)} in a budget of ${formatBytes(bill.budgetBytes)}`,
    gain: `at least ${formatBytes(bill.spilledBytes * 2)} less to write and read`,
  }
}

const ended: Rule = ({ operation, bill }) => {
  const times = bill.pressure.rungs.cancel ?? 0
  if (times === 0) return undefined
  return {
    what: `raise the budget above ${formatBytes(roundUp(bill.peakRssBytes * MARGIN))}, or run less beside ${operation}`,
    why: `the process went over its budget of ${formatBytes(bill.budgetBytes)} ${times} time(s), up to ${formatBytes(bill.peakRssBytes)}`,
    gain: 'no operation is ended for the budget',
  }
}

const queued: Rule = ({ bill }) => {
  const times = bill.pressure.rungs.queue ?? 0
  if (times === 0) return undefined
  return {
    what: 'run fewer operations at once, or raise the budget',
    why: `new operations had to wait for memory ${times} time(s)`,
    gain: 'operations begin when they are asked for',
  }
}

const paused: Rule = ({ elapsedMs, bill }) => {
  const { sourcePauses, sourcePausedMs } = bill.pressure
  if (sourcePausedMs < elapsedMs * PAUSED_SHARE) return undefined
  return {
    what: 'raise the budget, or lower performance.streaming.max_concurrent',
    why: `sources were paused ${sourcePauses} times, ${formatDuration(sourcePausedMs)} of ${formatDuration(elapsedMs)}`,
    gain: `up to ${percent(sourcePausedMs / elapsedMs)} less time`,
  }
}

const purged: Rule = ({ elapsedMs, bill }) => {
  const { purges } = bill.pressure
  if (purges < PURGES_PER_SECOND || purges < (elapsedMs / 1000) * PURGES_PER_SECOND) return undefined
  return {
    what: 'raise the budget somewhat: the engine works at its limit',
    why: `free pages had to be taken from the engine ${purges} times in ${formatDuration(elapsedMs)}`,
    gain: `up to ${PURGE_COST} less time`,
  }
}

const collected: Rule = ({ elapsedMs, bill: { gc } }) => {
  if (gc === undefined || gc.totalMs < elapsedMs * GC_SHARE) return undefined
  return {
    what: 'take rows as columns (batches) instead of objects, or ask for fewer columns',
    why: `V8 collected garbage ${gc.collections} times, ${formatDuration(gc.totalMs)} of ${formatDuration(elapsedMs)}, ${formatDuration(gc.longestMs)} at the longest`,
    gain: `up to ${percent(gc.totalMs / elapsedMs)} less time`,
  }
}

const unattributed: Rule = ({ bill }) => {
  if (bill.unattributedBytes < bill.budgetBytes * UNATTRIBUTED_SHARE) return undefined
  return {
    what: 'run Icebox in a process of its own (icebox serve), or give it a budget of its own beside what else the process holds',
    why: `${formatBytes(bill.unattributedBytes)} of the peak of ${formatBytes(bill.peakRssBytes)} belong to no part of Icebox`,
    gain: `up to ${formatBytes(bill.unattributedBytes)} more for the operation`,
  }
}

const unused: Rule = ({ bill, leastBudgetBytes }) => {
  const neededBytes = Math.max(bill.peakRssBytes, leastBudgetBytes)
  if (bill.spilledBytes > 0 || neededBytes >= bill.budgetBytes * UNUSED_SHARE) return undefined
  const enoughBytes = roundUp(neededBytes * MARGIN)
  return {
    what: `lower the budget to ${formatBytes(enoughBytes)} if memory is wanted elsewhere`,
    why: `the peak was ${formatBytes(bill.peakRssBytes)} of ${formatBytes(bill.budgetBytes)}, and nothing was spilled`,
    gain: `${formatBytes(bill.budgetBytes - enoughBytes)} for others, at the same speed`,
  }
}

/** To whole 10 MB. */
function roundUp(bytes: number): number {
  return Math.ceil(bytes / 10e6) * 10e6
}

function percent(share: number): string {
  return `${Math.round(Math.min(1, share) * 100)}%`
}
