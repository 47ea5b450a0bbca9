import { formatDuration, IceboxError } from '../../base/index.ts'

/** The limit on one statement's time; it counts until it is stopped. */
export interface StatementTimeout {
  /** Fires with the caller's signal, and with `sql/timeout` when the time is over; undefined where neither can be. */
  readonly signal: AbortSignal | undefined
  stop(): void
}

/** Node fires at once where more is asked; 24 days are no limit that a statement meets. */
const MOST_TIMER_MS = 2 ** 31 - 1

/** Starts to count the time of a statement: `query.timeout`, no limit without it. */
export function startTimeout(timeoutMs: number | undefined, signal: AbortSignal | undefined): StatementTimeout {
  if (timeoutMs === undefined) return { signal, stop: () => undefined }
  const controller = new AbortController()
  const timer = setTimeout(
    () => {
      controller.abort(
        new IceboxError('sql/timeout', {
          message: `the statement ran longer than query.timeout (${formatDuration(timeoutMs)})`,
          remedy: 'raise query.timeout, or ask for less',
          context: { timeoutMs },
        }),
      )
    },
    Math.min(timeoutMs, MOST_TIMER_MS),
  )
  timer.unref()
  return {
    signal: signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]),
    stop: () => clearTimeout(timer),
  }
}
