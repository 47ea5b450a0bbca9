import { cancelledError, throwIfCancelled } from '../base/index.ts'

/**
 * Lets `slots` callers in at once, the rest in order of arrival. Native calls of the engine block threads of Node's
 * pool (4 unless UV_THREADPOOL_SIZE says otherwise); the file system needs one of them, or everything stands still.
 */
export class Gate {
  readonly #slots: number
  readonly #waiting: { readonly enter: () => void }[] = []
  #free: number
  #alone: Promise<unknown> = Promise.resolve()

  constructor(slots: number) {
    this.#slots = slots
    this.#free = slots
  }

  /** Runs `act` when all who came before have left, and lets nobody in meanwhile. */
  alone<T>(act: () => Promise<T>): Promise<T> {
    // One at a time: two that each hold a part of the slots would wait for each other.
    const turn = this.#alone.then(async () => {
      for (let slot = 0; slot < this.#slots; slot++) await this.enter()
      try {
        return await act()
      } finally {
        for (let slot = 0; slot < this.#slots; slot++) this.leave()
      }
    })
    this.#alone = turn.catch(() => undefined)
    return turn
  }

  /** Resolves when it is the caller's turn. Rejects `cancelled` when the signal fires before. */
  async enter(signal?: AbortSignal): Promise<void> {
    throwIfCancelled(signal)
    if (this.#free > 0) {
      this.#free--
      return
    }
    await new Promise<void>((resolve, reject) => {
      const cancel = () => {
        const at = this.#waiting.indexOf(waiter)
        if (at >= 0) this.#waiting.splice(at, 1)
        if (signal !== undefined) reject(cancelledError(signal))
      }
      const waiter = {
        enter: () => {
          signal?.removeEventListener('abort', cancel)
          resolve()
        },
      }
      signal?.addEventListener('abort', cancel, { once: true })
      this.#waiting.push(waiter)
    })
  }

  leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free++
    else next.enter()
  }
}
