import { IceboxError } from '../base/index.ts'

/** The signal of one call: aborted by the caller's own or by the end of the lakehouse. Disposed when the call is over. */
interface Call extends Disposable {
  readonly signal: AbortSignal
}

/** What runs in an open lakehouse, so that closing ends it instead of waiting for it or pulling the engine away below it. */
export class Running {
  readonly #calls = new Set<AbortController>()
  readonly #waits = new Set<Promise<unknown>>()
  #end: IceboxError | undefined

  /** What `act` answers with; {@link end} cancels it and waits for it. */
  async during<T>(own: AbortSignal | undefined, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    using call = this.#begin(own)
    return await this.#waitedFor(act(call.signal))
  }

  /** The same items; {@link end} waits for the one that is being made, and not for a reader who takes no more. */
  async *items<T>(
    own: AbortSignal | undefined,
    make: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
  ): AsyncGenerator<T, void, undefined> {
    using call = this.#begin(own)
    const source = make(call.signal)
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
    this.#end = new IceboxError('cancelled', {
      message: 'the lakehouse was closed',
      remedy: 'close it when its results were read',
    })
    for (const call of this.#calls) call.abort(this.#end)
    await Promise.all(this.#waits)
  }

  /** Not AbortSignal.any, which leaves something of each call at the signal that lives as long as the lakehouse. */
  #begin(own: AbortSignal | undefined): Call {
    const call = new AbortController()
    const follow = () => call.abort(own?.reason)
    if (this.#end !== undefined) call.abort(this.#end)
    if (own?.aborted === true) follow()
    this.#calls.add(call)
    own?.addEventListener('abort', follow, { once: true })
    return {
      signal: call.signal,
      [Symbol.dispose]: () => {
        this.#calls.delete(call)
        own?.removeEventListener('abort', follow)
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
