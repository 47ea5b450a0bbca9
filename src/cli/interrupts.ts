import { IceboxError } from '../base/index.ts'

/**
 * What Ctrl-C does: the first one cancels (the signal fires, the command ends with exit code 130), the second ends the
 * process at once. The shell takes interrupts over while it runs; SIGTERM ends the shell too.
 */
export class Interrupts {
  readonly #controller = new AbortController()
  readonly #kill: () => void
  #handler: (() => void) | undefined
  #count = 0

  /** `kill` ends the process at once. */
  constructor(kill: () => void) {
    this.#kill = kill
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Returns true for the first interrupt that nobody took over: the moment to say that a second one kills. */
  interrupt(): boolean {
    if (this.#handler === undefined) return this.end('stopped by Ctrl-C')
    this.#handler()
    return false
  }

  /** Ends the command, whoever took interrupts over. Returns true the first time. */
  end(reason: string): boolean {
    this.#count++
    if (this.#count > 1) {
      this.#kill()
      return false
    }
    this.#controller.abort(new IceboxError('cancelled', { message: reason }))
    return true
  }

  /** Gives interrupts to the caller until the returned value is disposed. */
  takeOver(handler: () => void): Disposable {
    const before = this.#handler
    this.#handler = handler
    return {
      [Symbol.dispose]: () => {
        this.#handler = before
      },
    }
  }
}
