const MiB = 1024 * 1024

/** What is to be done about the allocator's free pages now, and when to look again. */
export interface PurgeDecision {
  readonly purge: boolean
  readonly nextLookMs: number
}

/** A purge that returns less than this is not worth its system calls. */
const LEAST_GAIN_BYTES = 2 * MiB
/** Resident memory was seen to grow by 117 MiB in 50 ms: near the threshold it is looked at every 5 ms. */
const NEAR_BYTES = 64 * MiB
const NEAR_LOOK_MS = 5
const FAR_LOOK_MS = 20

/**
 * Above the threshold free pages go back at once; below it they are left to the allocator, which reuses them faster.
 * Looking costs 35 microseconds (docs/decisions/0002-allocator-purge.md).
 */
export function decidePurge(input: {
  readonly residentBytes: number
  readonly allocatedBytes: number
  readonly purgeAboveBytes: number
}): PurgeDecision {
  const { residentBytes, allocatedBytes, purgeAboveBytes } = input
  return {
    purge: residentBytes > purgeAboveBytes && residentBytes - allocatedBytes >= LEAST_GAIN_BYTES,
    nextLookMs: residentBytes > purgeAboveBytes - NEAR_BYTES ? NEAR_LOOK_MS : FAR_LOOK_MS,
  }
}
