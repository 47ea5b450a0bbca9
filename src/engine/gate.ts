import { cancelledError, throwIfCancelled } from '../base/index.ts'

/**
 * Lets `slots` callers in at once, the rest in order of arrival. Native calls of the engine block threads of Node's
 * pool (4 unless UV_THREADPOOL_SIZE says otherwise); the file system needs one of them, or everything stands still.
 */
export class Gate {
  readonly #waiting: { readonly enter: () => void }[] = []
  #free: number

  constructor(slots: number) {
    this.#free = slots
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
