import { isIceboxError } from '../../base/index.ts'
import { integerProperty } from '../metadata/index.ts'

export interface RetryPolicy {
  readonly maxRetries: number
  readonly minWaitMs: number
  readonly maxWaitMs: number
  readonly totalTimeoutMs: number
}

/**
 * `commit.retry.num-retries`, `.min-wait-ms`, `.max-wait-ms`, `.total-timeout-ms`. The reference defaults are 4 and 100 ms,
 * meant for object stores; commits here take milliseconds, so more and shorter waits lose fewer races in the same time.
 */
export function retryPolicy(properties: Readonly<Record<string, string>>): RetryPolicy {
  return {
    maxRetries: integerProperty(properties, 'commit.retry.num-retries', 10),
    minWaitMs: integerProperty(properties, 'commit.retry.min-wait-ms', 20),
    maxWaitMs: integerProperty(properties, 'commit.retry.max-wait-ms', 60_000),
    totalTimeoutMs: integerProperty(properties, 'commit.retry.total-timeout-ms', 1_800_000),
  }
}

/** Milliseconds before retry `retry` (from 0): doubled each time, half of it by chance so that writers part. */
export function waitBefore(policy: RetryPolicy, retry: number, random: number): number {
  const full = Math.min(policy.maxWaitMs, policy.minWaitMs * 2 ** Math.min(retry, 30))
  return full * (0.5 + random / 2)
}

export type CommitOutcome = 'conflict' | 'failed' | 'unknown'

const SURE_KINDS = ['storage/', 'iceberg/', 'table/', 'namespace/', 'usage/', 'name/'] as const

/**
 * What a rejected commit means for the table. `conflict`: not applied, another try may succeed. `failed`: not applied.
 * `unknown`: it may have been applied, so nothing may be deleted before looking (I5, I7); that is the answer for every error
 * that does not say otherwise.
 */
export function outcomeOf(error: unknown): CommitOutcome {
  if (isIceboxError(error, 'catalog/commit-conflict')) return 'conflict'
  // The catalog waited for its lock already: as many waits as there are retries would look like a hang.
  if (isIceboxError(error, 'catalog/locked')) return 'failed'
  return SURE_KINDS.some((kind) => isIceboxError(error, kind)) ? 'failed' : 'unknown'
}
