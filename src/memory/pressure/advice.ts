/** What planners should make of their plans while memory is short. A value; read it when a plan is made. */
export interface Advice {
  /** Rows of a row group, and bytes of buffers, times this. */
  readonly rowGroupScale: number
  /** Threads of a statement times this; at least one. */
  readonly threadScale: number
  /** The engine's limit times this, between statements. */
  readonly engineLimitScale: number
  /** Writers finish what they have now instead of when it is full. */
  readonly flushEarly: boolean
}

export const NO_ADVICE: Advice = { rowGroupScale: 1, threadScale: 1, engineLimitScale: 1, flushEarly: false }

/** Row groups and threads of half the size halve what a writer holds (cost = rows x width x threads). */
export const ECONOMY: Advice = { rowGroupScale: 0.5, threadScale: 0.5, engineLimitScale: 0.85, flushEarly: true }
