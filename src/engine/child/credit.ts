/** Permits that are taken one at a time and given by the other side; a closed one holds nobody up. */
export class Credit {
  #free: number
  #isClosed = false
  #wake: (() => void) | undefined

  constructor(free: number) {
    this.#free = free
  }

  /** Waits for a permit: true when it was taken, false where there is nothing to wait for any more. For one waiter at a time. */
  async take(): Promise<boolean> {
    while (this.#free === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#isClosed) return false
    this.#free--
    return true
  }

  give(): void {
    this.#free++
    this.#wake?.()
  }

  close(): void {
    this.#isClosed = true
    this.#wake?.()
  }
}
