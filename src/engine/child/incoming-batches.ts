import { IceboxError } from '../../base/index.ts'

/** Record batches that arrive as IPC streams of one batch each, for `appendArrow` to pull. */
export class IncomingBatches implements AsyncIterable<unknown> {
  readonly #taken: () => void
  readonly #waiting: Uint8Array[] = []
  #wake: (() => void) | undefined
  #end: 'open' | 'ended' | 'failed' = 'open'

  /** `taken` is called for each batch that was pulled. */
  constructor(taken: () => void) {
    this.#taken = taken
  }

  add(bytes: Uint8Array): void {
    this.#waiting.push(bytes)
    this.#wake?.()
  }

  /** `failed`: the source failed, and what was appended must not stay. */
  end(failed: boolean): void {
    this.#end = failed ? 'failed' : 'ended'
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    // Loaded for the first batch: this process has no other use for it.
    const { tableFromIPC } = await import('apache-arrow')
    for (;;) {
      const bytes = this.#waiting.shift()
      if (bytes !== undefined) {
        this.#taken()
        yield* tableFromIPC(bytes).batches
        continue
      }
      if (this.#end === 'ended') return
      if (this.#end === 'failed') throw new IceboxError('cancelled', { message: 'the source of the rows failed' })
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
