import { SingleBar } from 'cli-progress'
import { terminalWidth } from '../io.ts'
import { type ProgressState, progressLine } from './progress-line.ts'

export interface ProgressBar extends Disposable {
  /** Nobody watches: progress need not be counted. */
  readonly isIdle: boolean
  update(state: Omit<ProgressState, 'elapsedMs'>): void
  /** Takes the line off the terminal, before something else is written; a later update brings it back after a while. */
  clear(): void
}

/** Quick operations show no bar at all. */
const SHOW_AFTER_MS = 400

/** A live line on a terminal; gone again when it is disposed. */
export function startProgressBar(stream: NodeJS.WriteStream, now: () => number = Date.now): ProgressBar {
  const startedMs = now()
  let quietSinceMs = startedMs
  let latest: ProgressState | undefined
  let isShown = false
  const bar = new SingleBar({
    stream,
    clearOnComplete: true,
    hideCursor: true,
    linewrap: false,
    fps: 8,
    format: () =>
      latest === undefined
        ? ''
        : progressLine({ ...latest, elapsedMs: now() - startedMs }, (terminalWidth(stream) ?? 80) - 1),
  })
  const clear = () => {
    if (isShown) bar.stop()
    isShown = false
    quietSinceMs = now()
  }
  return {
    isIdle: false,
    update(state) {
      latest = { ...state, elapsedMs: now() - startedMs }
      if (!isShown && now() - quietSinceMs >= SHOW_AFTER_MS) {
        bar.start(1, 0)
        isShown = true
      }
      // The bar draws on its own clock; a new value is what makes it draw again.
      if (isShown) bar.update(state.fraction ?? 0)
    },
    clear,
    [Symbol.dispose]: clear,
  }
}
