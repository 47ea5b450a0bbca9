import { Gate, type GateFigures } from './gate.ts'

/** What sources of rows await before they take in more. */
export interface SourceGate {
  readonly isOpen: boolean
  /** Resolves when more may be taken in. Rejects `cancelled` when the signal fires before. */
  whenOpen(signal?: AbortSignal): Promise<void>
}

/** A paused source goes on by one step so often: pressure slows a stream down, and never stops it for good. */
const TRICKLE_MS = 1000

/** The gate that the first rung closes. */
export class Sources implements SourceGate {
  #timer: NodeJS.Timeout | undefined
  readonly #gate = new Gate((waiting) => {
    if (waiting === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
      return
    }
    // Not unref'd: a source that waits is work to be done.
    this.#timer ??= setInterval(() => this.#gate.passOne(), TRICKLE_MS)
  })

  get isOpen(): boolean {
    return this.#gate.isOpen
  }

  whenOpen(signal?: AbortSignal): Promise<void> {
    return this.#gate.whenOpen(signal)
  }

  figures(): GateFigures {
    return this.#gate.figures()
  }

  pause(): void {
    this.#gate.close()
  }

  resume(): void {
    this.#gate.open()
  }
}
