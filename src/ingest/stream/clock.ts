/** Time that only moves forward: the wall clock may jump, and no stream may notice. */
export interface Clock {
  /** Milliseconds from any fixed moment. */
  now(): number
  /** Calls once, after so many milliseconds; gives what cancels it. Does not keep the process alive. */
  after(ms: number, call: () => void): () => void
}

export const MONOTONIC_CLOCK: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
