/** Time that only moves forward: the wall clock may jump, and no stream may notice. */
export interface Clock {
  /** Calls once, after so many milliseconds; gives what cancels it. Does not keep the process alive. */
  after(ms: number, call: () => void): () => void
}

export const MONOTONIC_CLOCK: Clock = {
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
