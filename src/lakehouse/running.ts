import { IceboxError, messageOf, throwIfCancelled, whenAborted } from '../base/index.ts'

/** The signal of one call: aborted by the caller's own or by the end of the lakehouse. Disposed when the call is over. */
export interface Call {
  readonly signal: AbortSignal
  /**
   * A callback of the caller's that may be called from anywhere: what it throws cancels the call instead of ending the
   * process, or leaving the work half done where it was called.
   */
  readonly guard: <Args extends readonly unknown[]>(
    name: string,
    callback: (...args: Args) => unknown,
  ) => (...args: Args) => void
}

/** What runs in an open lakehouse, so that closing ends it instead of waiting for it or pulling the engine away below it. */
export class Running {
  readonly #calls = new Set<AbortController>()
  readonly #waits = new Set<Promise<unknown>>()
  #end: IceboxError | undefined

  /** What `act` answers with; {@link end} cancels it and waits for it. Rejects `cancelled` once that was called. */
  async during<T>(own: AbortSignal | undefined, act: (call: Call) => Promise<T>): Promise<T> {
    using call = this.#begin(own)
    throwIfCancelled(call.signal)
    return await this.#waitedFor(act(call))
  }

  /** The same items; {@link end} waits for the one that is being made, and not for a reader who takes no more. */
  async *items<T>(
    own: AbortSignal | undefined,
    make: (call: Call) => AsyncGenerator<T, void, undefined>,
  ): AsyncGenerator<T, void, undefined> {
    using call = this.#begin(own)
    throwIfCancelled(call.signal)
    const source = make(call)
    try {
      for (;;) {
        const next = await this.#waitedFor(source.next())
        if (next.done === true) return
        yield next.value
      }
    } finally {
      await source.return()
    }
  }

  /** Cancels all calls with `cancelled`, also those that come later, and waits until they have ended. */
  async end(): Promise<void> {
    this.#end = closedLakehouse()
    for (const call of this.#calls) call.abort(this.#end)
    await Promise.all(this.#waits)
  }

  /** Not AbortSignal.any, which leaves something of each call at the signal that lives as long as the lakehouse. */
  #begin(own: AbortSignal | undefined): Call & Disposable {
    const call = new AbortController()
    const follow = () => call.abort(own?.reason)
    if (this.#end !== undefined) call.abort(this.#end)
    if (own?.aborted === true) follow()
    this.#calls.add(call)
    const leave = whenAborted(own, follow)
    return {
      signal: call.signal,
      guard: (name, callback) => {
        const fail = (error: unknown) => call.abort(callbackFailed(name, error))
        return (...args) => {
          try {
            const answer = callback(...args)
            // A promise of any kind, of this realm or another.
            Promise.resolve(answer).catch(fail)
          } catch (error) {
            fail(error)
          }
        }
      },
      [Symbol.dispose]: () => {
        this.#calls.delete(call)
        leave()
      },
    }
  }

  #waitedFor<T>(call: Promise<T>): Promise<T> {
    const settled: Promise<unknown> = call.then(
      () => this.#waits.delete(settled),
      () => this.#waits.delete(settled),
    )
    this.#waits.add(settled)
    return call
  }
}

export function closedLakehouse(): IceboxError {
  return new IceboxError('cancelled', {
    message: 'the lakehouse was closed',
    remedy: 'close it when its results were read',
  })
}

function callbackFailed(name: string, error: unknown): IceboxError {
  return new IceboxError('cancelled', {
    message: `${name} threw: ${messageOf(error)}`,
    remedy: 'mend the callback: what it throws ends the call',
    cause: error,
  })
}
