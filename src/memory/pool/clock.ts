/** Time as the pool sees it; replaced in tests. */
export interface PoolClock {
  nowMs(): number
  /** Runs once after the delay, unless the function that is returned was called. Does not keep the process alive. */
  after(delayMs: number, run: () => void): () => void
}

export const systemClock: PoolClock = {
  nowMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
