import { IceboxError } from '../base/index.ts'

/** What runs in an open lakehouse, so that closing ends it instead of waiting for it or pulling the engine away below it. */
export class Running {
  readonly #end = new AbortController()
  readonly #calls = new Set<Promise<unknown>>()

  /** Aborted by `own` or by the end of the lakehouse. */
  signal(own?: AbortSignal): AbortSignal {
    // One for each call, since each listens.
    return AbortSignal.any(own === undefined ? [this.#end.signal] : [this.#end.signal, own])
  }

  /** `call`, which {@link end} waits for. */
  during<T>(call: Promise<T>): Promise<T> {
    const settled = call.then(
      () => undefined,
      () => undefined,
    )
    this.#calls.add(settled)
    void settled.then(() => this.#calls.delete(settled))
    return call
  }

  /** The same items; {@link end} waits for the one that is being made, and not for a reader who takes no more. */
  async *items<T>(source: AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        const next = await this.during(source.next())
        if (next.done === true) return
        yield next.value
      }
    } finally {
      await source.return()
    }
  }

  /** Cancels all calls with `cancelled` and waits until they have ended. */
  async end(): Promise<void> {
    this.#end.abort(
      new IceboxError('cancelled', {
        message: 'the lakehouse was closed',
        remedy: 'close it when its results were read',
      }),
    )
    await Promise.all(this.#calls)
  }
}
