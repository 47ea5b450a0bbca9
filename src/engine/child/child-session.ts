import { cancelledError, IceboxError, isIceboxError, throwIfCancelled } from '../../base/index.ts'
import { allRows } from '../all-rows.ts'
import type { EngineSession, ResultStream, RunOptions, ScalarFunction, SqlValue } from '../port.ts'
import type { Channel, Request } from './channel.ts'
import { ChildStream } from './child-stream.ts'
import { Credit } from './credit.ts'
import { type AnswerValue, strayMessage, type WireOptions } from './protocol.ts'

/** Batches of an append on their way, beside the one that the engine takes. */
const APPEND_AHEAD = 2

/** A session of the engine's process. Statements keep their order there; this side only asks. */
export class ChildSession implements EngineSession {
  readonly generation: number
  readonly #channel: Channel
  readonly #number: number
  readonly #patience: (channel: Channel, signal: AbortSignal | undefined) => Disposable
  readonly #onClose: () => void
  #open: ChildStream | undefined
  #isClosed = false

  constructor(
    channel: Channel,
    number: number,
    generation: number,
    patience: (channel: Channel, signal: AbortSignal | undefined) => Disposable,
    onClose: () => void,
  ) {
    this.#channel = channel
    this.#number = number
    this.generation = generation
    this.#patience = patience
    this.#onClose = onClose
  }

  get isLost(): boolean {
    return this.#channel.lost !== undefined
  }

  async run(sql: string, options: RunOptions = {}): Promise<void> {
    await this.#ask({ kind: 'run', session: this.#number, sql, options: wireOptions(options) }, options)
  }

  async all(sql: string, options: RunOptions = {}): Promise<Record<string, SqlValue>[]> {
    await using stream = await this.stream(sql, options)
    return await allRows(stream)
  }

  async stream(sql: string, options: RunOptions = {}): Promise<ResultStream> {
    let id = 0
    const answer = await this.#ask(
      { kind: 'stream', session: this.#number, sql, options: wireOptions(options) },
      options,
      (given) => {
        id = given
      },
    )
    if (answer === undefined || !('shape' in answer)) throw strayMessage(answer)
    const stream: ChildStream = new ChildStream(this.#channel, id, answer.shape, options.signal, () => {
      if (this.#open === stream) this.#open = undefined
    })
    this.#open = stream
    return stream
  }

  async statementKinds(sql: string): Promise<readonly string[]> {
    const answer = await this.#ask({ kind: 'kinds', session: this.#number, sql }, {})
    if (answer === undefined || !('kinds' in answer)) throw strayMessage(answer)
    return answer.kinds
  }

  async registerScalar({ name, family }: ScalarFunction): Promise<void> {
    if (family === undefined) {
      throw new IceboxError('internal/unreachable', {
        message: `the function ${name} has no family by which the engine's process could make it`,
      })
    }
    const { name: familyName, values } = family
    await this.#ask({ kind: 'register', session: this.#number, family: familyName, values }, {})
  }

  async appendArrow(table: string, batches: AsyncIterable<unknown>, options: RunOptions = {}): Promise<number> {
    const { RecordBatch, Table, tableToIPC } = await import('apache-arrow')
    const credit = new Credit(APPEND_AHEAD)
    let id = 0
    const answered = this.#ask(
      { kind: 'append', session: this.#number, table },
      options,
      (given) => {
        id = given
      },
      () => credit.give(),
    )
    // An answer before the end is a failure: nobody takes what is still to be sent.
    answered.then(
      () => credit.close(),
      () => credit.close(),
    )
    try {
      for await (const batch of batches) {
        if (!(batch instanceof RecordBatch))
          throw strayMessage('what is appended is not a record batch of apache-arrow')
        if (!(await credit.take())) break
        this.#channel.send({ kind: 'appendBatch', id }, tableToIPC(new Table([batch]), 'stream'))
      }
    } catch (error) {
      this.#channel.send({ kind: 'appendEnd', id, failed: true })
      await Promise.allSettled([answered])
      throw error
    }
    this.#channel.send({ kind: 'appendEnd', id, failed: false })
    const answer = await answered
    if (answer === undefined || !('rows' in answer)) throw strayMessage(answer)
    return answer.rows
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    try {
      await this.#open?.[Symbol.asyncDispose]()
      await this.#channel.request({ kind: 'closeSession', session: this.#number })
    } catch (error) {
      if (!isIceboxError(error, 'engine/crashed')) throw error
    } finally {
      this.#onClose()
    }
  }

  async #ask(
    request: Request,
    { signal, onProgress }: RunOptions,
    onId?: (id: number) => void,
    onTaken?: () => void,
  ): Promise<AnswerValue> {
    if (this.#isClosed) throw new IceboxError('internal/unreachable', { message: 'a closed session was used' })
    throwIfCancelled(signal)
    using _patience = this.#patience(this.#channel, signal)
    try {
      return await this.#channel.request(request, {
        signal,
        onProgress,
        ...(onId === undefined ? {} : { onId }),
        ...(onTaken === undefined ? {} : { onTaken }),
      })
    } catch (error) {
      // The caller's own reason does not cross; it is what the caller waits for.
      if (signal?.aborted === true && isIceboxError(error, 'cancelled')) throw cancelledError(signal)
      throw error
    }
  }
}

function wireOptions({ parameters, maxValueBytes, isSmallResult, threads, onProgress }: RunOptions): WireOptions {
  return {
    ...(parameters === undefined ? {} : { parameters }),
    ...(maxValueBytes === undefined ? {} : { maxValueBytes }),
    ...(isSmallResult === undefined ? {} : { isSmallResult }),
    ...(threads === undefined ? {} : { threads }),
    wantsProgress: onProgress !== undefined,
  }
}
