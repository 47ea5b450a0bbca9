import type { EnginePlan } from '../engine-plan.ts'

/** What planners should make of their plans while memory is short. A value; read it when a plan is made. */
export interface Advice {
  /** Row groups and buffers times this. */
  readonly bufferScale: number
  /** Threads of a statement times this; at least one. */
  readonly threadScale: number
  /** The engine's limit times this. */
  readonly engineLimitScale: number
}

export const NO_ADVICE: Advice = { bufferScale: 1, threadScale: 1, engineLimitScale: 1 }

/** Row groups and threads of half the size halve what a writer holds (cost = rows x width x threads). */
export const ECONOMY: Advice = { bufferScale: 0.5, threadScale: 0.5, engineLimitScale: 0.85 }

/**
 * What a statement that begins now is planned by: less memory for row groups and buffers, and fewer threads. The engine's
 * own limit is lowered apart from this (`engineLimitScale`).
 */
export function advised(engine: EnginePlan, advice: Advice): EnginePlan {
  const threads = (count: number): number => Math.max(1, Math.floor(count * advice.threadScale))
  return {
    ...engine,
    memoryLimitBytes: Math.floor(engine.memoryLimitBytes * advice.bufferScale),
    threads: threads(engine.threads),
    copyThreads: threads(engine.copyThreads),
  }
}
