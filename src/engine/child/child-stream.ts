import { cancelledError, IceboxError, isIceboxError } from '../../base/index.ts'
import type { ArrowBody } from '../arrow-out/body.ts'
import { decodeBody } from '../arrow-out/decode-body.ts'
import { type BatchLimits, batchLimits } from '../arrow-out/gather.ts'
import type { BodyForm } from '../arrow-out/make-column.ts'
import { DecodedBatch } from '../batch.ts'
import type { ArrowOptions, ArrowStream, ColumnarBatch, ResultColumn, ResultStream } from '../port.ts'
import type { EngineType } from '../types.ts'
import type { Channel, StreamReceiver } from './channel.ts'
import type { StreamShape } from './protocol.ts'

/** A batch of values is one chunk of DuckDB's, as in this process. */
const VALUE_LIMITS: BatchLimits = { rows: 2_048, bytes: 16 * 1024 * 1024 }

/** A result in the engine's process. The process sends two batches ahead and one more for each that was taken. */
export class ChildStream implements ResultStream, StreamReceiver {
  readonly columns: readonly ResultColumn[]
  readonly #types: readonly EngineType[]
  readonly #channel: Channel
  readonly #id: number
  readonly #signal: AbortSignal | undefined
  readonly #onClose: () => void
  readonly #arrived: ArrowBody[] = []
  #end: { readonly error: IceboxError | undefined } | undefined
  #wake: (() => void) | undefined
  #isRead = false
  #closing: Promise<void> | undefined

  constructor(channel: Channel, id: number, shape: StreamShape, signal: AbortSignal | undefined, onClose: () => void) {
    this.columns = shape.columns
    this.#types = shape.types
    this.#channel = channel
    this.#id = id
    this.#signal = signal
    this.#onClose = onClose
    channel.receive(id, this)
    signal?.addEventListener('abort', this.#cancel, { once: true })
    // Aborted while the statement started: no event comes any more.
    if (signal?.aborted === true) this.#cancel()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ColumnarBatch, void, undefined> {
    for await (const body of this.#bodies('values', VALUE_LIMITS)) {
      const decode = decodeBody(this.#types, body.layout, body.bytes)
      try {
        yield new DecodedBatch(this.columns, body.layout.rowCount, decode)
      } finally {
        body[Symbol.dispose]()
      }
    }
  }

  async arrow(options: ArrowOptions = {}): Promise<ArrowStream> {
    const { BodyStream } = await import('../arrow-out/arrow-stream.ts')
    return new BodyStream(this.columns, this.#types, this.#bodies('arrow', batchLimits(options)))
  }

  body(body: ArrowBody): void {
    this.#arrived.push(body)
    this.#wake?.()
  }

  end(error: IceboxError | undefined): void {
    this.#end ??= { error }
    this.#wake?.()
  }

  /** Stops the statement if it still runs; resolves once it has. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  readonly #cancel = (): void => this.#channel.send({ kind: 'cancel', id: this.#id })

  async #close(): Promise<void> {
    const isOver = this.#end !== undefined
    this.#end ??= { error: undefined }
    this.#signal?.removeEventListener('abort', this.#cancel)
    this.#channel.forget(this.#id)
    for (const body of this.#arrived.splice(0)) body[Symbol.dispose]()
    this.#wake?.()
    try {
      if (!isOver) await this.#channel.request({ kind: 'closeStream', stream: this.#id })
    } catch (error) {
      // A process that is gone has closed everything.
      if (!isIceboxError(error, 'engine/crashed')) throw error
    } finally {
      this.#onClose()
    }
  }

  async *#bodies(form: BodyForm, limits: BatchLimits): AsyncGenerator<ArrowBody, void, undefined> {
    if (this.#isRead) throw new IceboxError('internal/unreachable', { message: 'a result was read twice' })
    this.#isRead = true
    try {
      this.#channel.send({ kind: 'read', id: this.#id, form, limits })
      for (;;) {
        const body = this.#arrived.shift()
        if (body !== undefined) {
          // The one that is read counts as being on its way.
          this.#channel.send({ kind: 'credit', id: this.#id })
          yield body
          continue
        }
        if (this.#end !== undefined) return this.#finish(this.#end.error)
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      await this[Symbol.asyncDispose]()
    }
  }

  #finish(error: IceboxError | undefined): void {
    const signal = this.#signal
    if (signal?.aborted === true && (error === undefined || error.code === 'cancelled')) throw cancelledError(signal)
    if (error !== undefined) throw error
  }
}
