/** What the process tree was seen to hold, and what is known of it. */
export interface Seen {
  /** Memory of the process tree as the operating system counts it. */
  readonly usedBytes: number
  /** What it held when the governor began. */
  readonly baseBytes: number
  /** What V8's heaps grew by since then. */
  readonly heapGrowthBytes: number
  /** All promises, and those that lie within a measured part, by its name. */
  readonly promisedBytes: number
  readonly promisedWithin: (name: string) => number
  /** What parts of the process measured of themselves. */
  readonly measured: ReadonlyMap<string, number>
}

/** Bytes that are held without a promise. With base and promises they add up to what was seen, or to more. */
export interface Attribution {
  /** By measured part, beyond the promises within it. */
  readonly measured: ReadonlyMap<string, number>
  readonly heapsBytes: number
  readonly unattributedBytes: number
}

/**
 * Divides what was seen among those who may hold it, each byte once: first what parts measured of themselves, but no
 * more than the process has beside its base (jemalloc's `stats.resident` counts pages that were never touched), then
 * the promises, then what V8's heaps grew by; the rest is unattributed. A promise is taken to be used: what it covers
 * is not unattributed, whether or not its memory was touched by now.
 */
export function attribute(seen: Seen): Attribution {
  const measured = new Map<string, number>()
  let roomBytes = Math.max(0, seen.usedBytes - seen.baseBytes)
  let knownBytes = seen.baseBytes + seen.promisedBytes
  for (const [name, bytes] of [...seen.measured].toSorted((a, b) => b[1] - a[1])) {
    const share = Math.min(bytes, roomBytes)
    roomBytes -= share
    const beyondPromises = Math.max(0, share - seen.promisedWithin(name))
    knownBytes += beyondPromises
    measured.set(name, beyondPromises)
  }
  const restBytes = Math.max(0, seen.usedBytes - knownBytes)
  const heapsBytes = Math.min(restBytes, Math.max(0, seen.heapGrowthBytes))
  return { measured, heapsBytes, unattributedBytes: restBytes - heapsBytes }
}
