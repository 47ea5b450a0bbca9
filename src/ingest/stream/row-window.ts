import { cancellable } from './cancellable.ts'

/** What appends of all streams hold in memory until it is on disk: new rows are encoded while it is less than a limit. */
export class RowWindow {
  readonly #mostBytes: number
  readonly #waiting: (() => void)[] = []
  #bytes = 0

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  get isFull(): boolean {
    return this.#bytes >= this.#mostBytes
  }

  /** Resolves when something was let go. Rejects `cancelled` when the signal fires before. */
  changed(signal: AbortSignal | undefined): Promise<void> {
    const changed = new Promise<void>((resolve) => this.#waiting.push(resolve))
    return cancellable(changed, signal)
  }

  /** Bytes that are held until the result is disposed, once. */
  hold(bytes: number): Disposable {
    this.#bytes += bytes
    let isHeld = true
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return
        isHeld = false
        this.#bytes -= bytes
        for (const wake of this.#waiting.splice(0)) wake()
      },
    }
  }
}
