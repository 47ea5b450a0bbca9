import { cancelledError, throwIfCancelled, whenAborted } from '../../base/index.ts'

interface Waiter {
  readonly pass: () => void
}

/** How often, and how long in all, somebody stood before a gate. */
export interface GateFigures {
  readonly waits: number
  /** Time during which at least one waited. */
  readonly waitedMs: number
}

/** A door that is open or closed. Those before it pass in order of arrival, all when it opens, or one by one. */
export class Gate {
  readonly #waiting: Waiter[] = []
  readonly #onWaiting: (waiting: number) => void
  #isOpen = true
  #waits = 0
  #waitedMs = 0
  #sinceMs: number | undefined

  /** `onWaiting` is told how many wait, whenever that changes. */
  constructor(onWaiting: (waiting: number) => void) {
    this.#onWaiting = onWaiting
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get waiting(): number {
    return this.#waiting.length
  }

  figures(): GateFigures {
    const open = this.#sinceMs === undefined ? 0 : performance.now() - this.#sinceMs
    return { waits: this.#waits, waitedMs: this.#waitedMs + open }
  }

  open(): void {
    this.#isOpen = true
    const all = this.#waiting.splice(0)
    this.#changed()
    for (const waiter of all) waiter.pass()
  }

  close(): void {
    this.#isOpen = false
  }

  /** Lets the first one through a closed gate. */
  passOne(): void {
    const first = this.#waiting.shift()
    this.#changed()
    first?.pass()
  }

  /** Resolves at once while the gate is open, else when it is the caller's turn. Rejects `cancelled` by the signal. */
  async whenOpen(signal?: AbortSignal): Promise<void> {
    throwIfCancelled(signal)
    if (this.#isOpen) return
    await new Promise<void>((resolve, reject) => {
      const cancel = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        this.#changed()
        if (signal !== undefined) reject(cancelledError(signal))
      }
      const waiter: Waiter = {
        pass: () => {
          leave()
          resolve()
        },
      }
      const leave = whenAborted(signal, cancel)
      this.#waiting.push(waiter)
      this.#waits++
      this.#changed()
    })
  }

  #changed(): void {
    const nowMs = performance.now()
    if (this.#waiting.length > 0) this.#sinceMs ??= nowMs
    else if (this.#sinceMs !== undefined) {
      this.#waitedMs += nowMs - this.#sinceMs
      this.#sinceMs = undefined
    }
    this.#onWaiting(this.#waiting.length)
  }
}
