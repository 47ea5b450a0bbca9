/** Near the limit memory is looked at so often: RSS was seen to grow by 117 MiB in 50 ms. */
const NEAR_LOOK_MS = 20
/** Where it grows so fast that the budget may be passed before: half the way to it, but at least this. */
const LEAST_LOOK_MS = 2
const HALFWAY_LOOK_MS = 100
/** While the bill of an operation is open its samples are at most so far apart. */
const BILL_LOOK_MS = 100

/** Shares of the lowest threshold from which on looks come faster. */
const NEAR = 0.9
const HALFWAY = 0.7

/** When to look at the memory of the process tree next. A look costs 12 microseconds: 0.06% of a core at 20 ms. */
export function nextLookMs(input: {
  readonly usedBytes: number
  /** The lowest of the thresholds, in bytes. */
  readonly thresholdBytes: number
  /** `performance.memory.monitoring.interval` */
  readonly intervalMs: number
  readonly hasOpenBills: boolean
  readonly budgetBytes: number
  /** Growth between the last two looks. */
  readonly bytesPerMs: number
  /** An operation was told to end for the budget, and has not. */
  readonly isEnding: boolean
}): number {
  const { usedBytes, thresholdBytes, intervalMs, hasOpenBills } = input
  const least =
    usedBytes >= thresholdBytes * NEAR
      ? NEAR_LOOK_MS
      : usedBytes >= thresholdBytes * HALFWAY
        ? HALFWAY_LOOK_MS
        : intervalMs
  if (input.isEnding && usedBytes >= input.budgetBytes) return Math.min(intervalMs, LEAST_LOOK_MS)
  const halfway = input.bytesPerMs > 0 ? (input.budgetBytes - usedBytes) / input.bytesPerMs / 2 : intervalMs
  return Math.min(intervalMs, least, hasOpenBills ? BILL_LOOK_MS : intervalMs, Math.max(LEAST_LOOK_MS, halfway))
}
