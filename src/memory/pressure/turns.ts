import { cancelledError, throwIfCancelled } from '../../base/index.ts'

/** Bytes of the engine's memory, and how many it has. */
export interface Hold {
  readonly bytes: number
  readonly capacityBytes: number
}

interface Waiter {
  readonly hold: Hold
  readonly pass: () => void
}

/** Who plans to hold memory of the engine: one after the other, in order of arrival, where it has no room for all of them. */
export class Turns {
  readonly #holding = new Set<Hold>()
  readonly #waiting: Waiter[] = []

  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * Resolves when what others hold leaves room, and at once where nobody holds anything: what is larger than the engine
   * must fit by itself. The bytes are held until the result is disposed, once. Rejects `cancelled`.
   */
  async take(hold: Hold, signal?: AbortSignal): Promise<Disposable> {
    throwIfCancelled(signal)
    if (this.#waiting.length > 0 || !this.#fits(hold)) await this.#wait(hold, signal)
    else this.#holding.add(hold)
    return {
      [Symbol.dispose]: () => {
        if (this.#holding.delete(hold)) this.#letIn()
      },
    }
  }

  #fits({ bytes, capacityBytes }: Hold): boolean {
    if (this.#holding.size === 0) return true
    let held = bytes
    for (const other of this.#holding) held += other.bytes
    return held <= capacityBytes
  }

  async #wait(hold: Hold, signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const cancel = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        // It may have been the first, and those behind it small.
        this.#letIn()
        if (signal !== undefined) reject(cancelledError(signal))
      }
      const waiter: Waiter = {
        hold,
        pass: () => {
          signal?.removeEventListener('abort', cancel)
          resolve()
        },
      }
      signal?.addEventListener('abort', cancel, { once: true })
      this.#waiting.push(waiter)
    })
  }

  #letIn(): void {
    for (let first = this.#waiting[0]; first !== undefined && this.#fits(first.hold); first = this.#waiting[0]) {
      this.#waiting.shift()
      this.#holding.add(first.hold)
      first.pass()
    }
  }
}
