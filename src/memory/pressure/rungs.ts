/** What is done as memory gets short, mildest first. Each is begun only after the one before it. */
export const RUNGS = ['pause-sources', 'relieve', 'economise', 'queue', 'cancel'] as const
export type Rung = (typeof RUNGS)[number]

/** Shares of the budget, from the configuration. */
export interface PressureSettings {
  /** `performance.streaming.backpressure.enabled`: false leaves the sources open. */
  readonly pausesSources: boolean
  /** `performance.streaming.backpressure.threshold` */
  readonly backpressureThreshold: number
  /** `performance.memory.gc_threshold` */
  readonly gcThreshold: number
  /** `performance.memory.monitoring.alert_threshold` */
  readonly alertThreshold: number
}

/** The defaults of the configuration. */
export const DEFAULT_PRESSURE: PressureSettings = {
  pausesSources: true,
  backpressureThreshold: 0.8,
  gcThreshold: 0.8,
  alertThreshold: 0.9,
}

/**
 * Plans fill 97% of the budget (engine-plan.ts), so only what lies above is more than was planned: work is made smaller
 * from there on, new work waits, and beyond the budget the largest operation that took more than its plan is ended.
 */
const ECONOMISE_SHARE = 0.97
const QUEUE_SHARE = 0.98
const CANCEL_SHARE = 1

/** The share of the budget at which each rung begins. */
export function thresholdsOf(settings: PressureSettings): Readonly<Record<Rung, number>> {
  const { backpressureThreshold, gcThreshold } = settings
  const first = Math.max(backpressureThreshold, gcThreshold)
  return {
    'pause-sources': backpressureThreshold,
    relieve: gcThreshold,
    economise: Math.max(first, ECONOMISE_SHARE),
    queue: Math.max(first, QUEUE_SHARE),
    cancel: Math.max(first, CANCEL_SHARE),
  }
}
