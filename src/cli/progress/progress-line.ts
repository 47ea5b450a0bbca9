import { formatBytes, formatDuration } from '../../base/index.ts'

/** What is known of an operation at one moment. */
export interface ProgressState {
  /** `write`, `commit`, … */
  readonly phase: string
  readonly elapsedMs: number
  readonly rows: number | undefined
  readonly bytesRead: number | undefined
  readonly bytesTotal: number | undefined
  /** 0..1 */
  readonly fraction: number | undefined
  readonly rssBytes: number | undefined
  readonly budgetBytes: number
}

const BAR_WIDTH = 20
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/**
 * One line: phase, bar, share, rows and rate, bytes, time left, memory against the budget. Parts that do not fit into
 * `width` are left out, the least telling first.
 */
export function progressLine(state: ProgressState, width: number): string {
  const seconds = state.elapsedMs / 1000
  const fraction = state.fraction === undefined ? undefined : Math.min(Math.max(state.fraction, 0), 1)
  const bar =
    fraction === undefined
      ? spinner(state.elapsedMs)
      : `${barText(fraction)} ${String(Math.floor(fraction * 100)).padStart(3)}%`
  const rows = state.rows === undefined ? '' : `${compact(state.rows)} rows`
  const rate = state.rows === undefined || seconds < 0.5 ? '' : `${compact(state.rows / seconds)} rows/s`
  const bytes =
    state.bytesRead === undefined
      ? ''
      : state.bytesTotal === undefined
        ? formatBytes(state.bytesRead)
        : `${formatBytes(state.bytesRead)} of ${formatBytes(state.bytesTotal)}`
  const left =
    fraction === undefined || fraction < 0.02 || fraction >= 1 || seconds < 1
      ? ''
      : `${formatDuration((state.elapsedMs / fraction) * (1 - fraction))} left`
  const memory =
    state.rssBytes === undefined ? '' : `${formatBytes(state.rssBytes)} of ${formatBytes(state.budgetBytes)} memory`

  // Each character here takes one column. From the most to the least telling; what is shown keeps its place in the line.
  const parts = [state.phase.padEnd(7), bar, rows, rate, bytes, left, memory]
  const order = [1, 0, 5, 6, 3, 2, 4]
  const kept = new Set<number>()
  let used = 0
  for (const index of order) {
    const part = parts[index] ?? ''
    const more = part.length + (kept.size === 0 ? 0 : 2)
    if (part === '' || used + more > width) continue
    kept.add(index)
    used += more
  }
  return parts.filter((_, index) => kept.has(index)).join('  ')
}

function barText(fraction: number): string {
  const full = Math.round(fraction * BAR_WIDTH)
  return '█'.repeat(full) + '░'.repeat(BAR_WIDTH - full)
}

function spinner(elapsedMs: number): string {
  return SPINNER[Math.floor(elapsedMs / 100) % SPINNER.length] ?? ''
}

/** `1.23M`, `12.3k`, `999`: three digits. */
export function compact(value: number): string {
  if (value < 999.5) return String(Math.round(value))
  const [divisor, unit] = value < 999_500 ? [1e3, 'k'] : value < 999_500_000 ? [1e6, 'M'] : [1e9, 'G']
  const scaled = value / divisor
  return `${scaled < 9.995 ? scaled.toFixed(2) : scaled < 99.95 ? scaled.toFixed(1) : scaled.toFixed(0)}${unit}`
}
