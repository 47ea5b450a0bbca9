const MiB = 1024 * 1024

/** What is to be done about the allocator's free pages now, and when to look again. */
export interface PurgeDecision {
  readonly purge: boolean
  readonly nextLookMs: number
}

/** A purge that returns less than this is not worth its system calls. */
const LEAST_GAIN_BYTES = 2 * MiB
/** Resident memory was seen to grow by 117 MiB in 50 ms. */
const GROWTH_BYTES_PER_MS = 2.4 * MiB
const LEAST_LOOK_MS = 5
/** Far below the threshold what is looked at is for the bill only. */
const MOST_LOOK_MS = 100

/**
 * Above the threshold free pages go back at once; below it they are left to the allocator, which reuses them faster.
 * The next look is when the fastest growth would be half-way to the threshold. Looking costs 35 microseconds
 * (docs/decisions/0002-allocator-purge.md), with what the governor makes of it 150 to 300: 57 ms of 22 queries when it was
 * done every 20 ms.
 */
export function decidePurge(input: {
  readonly residentBytes: number
  readonly allocatedBytes: number
  readonly purgeAboveBytes: number
}): PurgeDecision {
  const { residentBytes, allocatedBytes, purgeAboveBytes } = input
  const untilHalfWayMs = (purgeAboveBytes - residentBytes) / 2 / GROWTH_BYTES_PER_MS
  return {
    purge: residentBytes > purgeAboveBytes && residentBytes - allocatedBytes >= LEAST_GAIN_BYTES,
    nextLookMs: Math.min(MOST_LOOK_MS, Math.max(LEAST_LOOK_MS, Math.floor(untilHalfWayMs))),
  }
}
