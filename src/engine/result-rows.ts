import { cancelledError, IceboxError } from '../base/index.ts'
import { DecodedBatch } from './batch.ts'
import { decodeVector } from './decode.ts'
import type { Binding, Connection, DataChunk, Result } from './binding.ts'
import { ChunkMemory, type ChunkRoom } from './chunk-memory.ts'
import { decodeBody } from './arrow-out/decode-body.ts'
import type { ArrowBody } from './arrow-out/body.ts'
import type { BodyForm } from './arrow-out/make-column.ts'
import { type BatchLimits, batchLimits, Gatherer, WIDE_CHUNK_BYTES } from './arrow-out/gather.ts'
import type { BufferAllocator } from '../memory/index.ts'
import type { ArrowOptions, ArrowStream, ColumnarBatch, ResultColumn, ResultStream } from './port.ts'
import { type EngineType, readType, typeText } from './types.ts'
import { checkValueSizes } from './value-size.ts'

/** `duckdb_result_type` of a result that holds an error (duckdb.h). */
const FAILED = 0

const CONSUMER = 'engine/arrow'

const PART: BatchLimits = { rows: 2_048, bytes: 1024 * 1024 }

interface FetchedChunk {
  readonly chunk: DataChunk
  /** Bytes of texts below the chunk's vectors; 0 where they were not counted. */
  readonly variableBytes: number
}

export interface ResultRowsOptions {
  /** Where the buffers of Arrow batches come from. */
  readonly buffers: BufferAllocator
  readonly host: { readonly binding: Binding; readonly connection: Connection }
  readonly result: Result
  readonly signal: AbortSignal | undefined
  readonly maxValueBytes: number | undefined
  readonly room: ChunkRoom
  /** Has the rows that follow computed by one thread, which does nothing ahead; once is enough. */
  readonly useOneThread: () => Promise<void>
  /** Runs a native call with the session's care. */
  readonly execute: <T>(act: () => Promise<T>) => Promise<T>
  readonly explainFailure: () => Promise<IceboxError>
  readonly onClose: () => Promise<void>
}

/**
 * A streaming result: DuckDB computes the next chunk when it is asked for, and one or two ahead. Where chunks are small the next
 * one is asked for while the last is read.
 */
export class ResultRows implements ResultStream {
  readonly columns: readonly ResultColumn[]
  readonly #options: ResultRowsOptions
  readonly types: readonly EngineType[]
  readonly #memory: ChunkMemory
  #result: Result | undefined
  #fetching: Promise<unknown> | undefined
  /** Asked for while the rows before are read. */
  #ahead: Promise<DataChunk | null> | undefined
  #closing: Promise<void> = Promise.resolve()
  #isStarted = false
  /** Rows stay in buffers, and no value is made of them here. */
  #isArrow = false
  #rowsRead = 0

  constructor(options: ResultRowsOptions) {
    const { binding } = options.host
    this.#options = options
    this.#result = options.result
    this.types = Array.from({ length: binding.column_count(options.result) }, (_, index) =>
      readType(binding, binding.column_logical_type(options.result, index)),
    )
    this.#memory = new ChunkMemory(this.types, options.room)
    this.columns = this.types.map((type, index) => ({
      name: binding.column_name(options.result, index),
      type: typeText(type),
    }))
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ColumnarBatch, void, undefined> {
    const { host, buffers } = this.#options
    const { binding } = host
    let divider: Gatherer | undefined
    for await (const { chunk, variableBytes } of this.#chunks()) {
      if (variableBytes <= WIDE_CHUNK_BYTES) {
        yield this.#batchOf(binding, chunk)
        continue
      }
      // Its values decoded together would take as much again in the heap: it is read in parts.
      divider ??= new Gatherer(binding, this.types, { form: 'values', limits: PART, buffers, consumer: CONSUMER })
      for (const body of divider.take(chunk)) yield* this.#partOf(body)
      const rest = divider.finish()
      if (rest !== undefined) yield* this.#partOf(rest)
    }
  }

  *#partOf(part: ArrowBody): Generator<ColumnarBatch, void, undefined> {
    using body = part
    this.#memory.decoded(body.layout.rowCount)
    yield new DecodedBatch(this.columns, body.layout.rowCount, decodeBody(this.types, body.layout, body.bytes))
  }

  async arrow(options: ArrowOptions = {}): Promise<ArrowStream> {
    const limits = batchLimits(options)
    // Made before apache-arrow is loaded: it names the column that has no form.
    const bodies = this.bodies('arrow', limits)
    const { BodyStream } = await import('./arrow-out/arrow-stream.ts')
    return new BodyStream(this.columns, this.types, bodies)
  }

  #batchOf(binding: Binding, chunk: DataChunk): ColumnarBatch {
    const rowCount = binding.data_chunk_get_size(chunk)
    return new DecodedBatch(this.columns, rowCount, (index) => {
      const type = this.types[index]
      if (type === undefined) throw new RangeError(`column ${index} of ${this.types.length}`)
      return decodeVector(binding, binding.data_chunk_get_vector(chunk, index), type, rowCount)
    })
  }

  /** The rows as bodies of record batches, for another process: in the form that values are decoded from, or Arrow's. */
  bodies(form: BodyForm, limits: BatchLimits): AsyncGenerator<ArrowBody, void, undefined> {
    const { host, buffers } = this.#options
    this.#isArrow = form === 'arrow'
    return this.#bodies(new Gatherer(host.binding, this.types, { form, limits, buffers, consumer: CONSUMER }))
  }

  async *#bodies(gatherer: Gatherer): AsyncGenerator<ArrowBody, void, undefined> {
    for await (const { chunk } of this.#chunks()) yield* gatherer.take(chunk)
    const last = gatherer.finish()
    if (last !== undefined) yield last
  }

  async *#chunks(): AsyncGenerator<FetchedChunk, void, undefined> {
    if (this.#isStarted) throw new IceboxError('internal/unreachable', { message: 'a result was read twice' })
    this.#isStarted = true
    const { signal } = this.#options
    try {
      for (;;) {
        const result = this.#result
        if (result === undefined) {
          if (signal?.aborted === true) throw cancelledError(signal)
          return
        }
        const chunk = await this.#next(result)
        if (chunk === undefined) return
        yield chunk
      }
    } catch (error) {
      // A failed statement is over: there is nothing left to interrupt.
      await this.#finish()
      throw error
    } finally {
      await this[Symbol.asyncDispose]()
    }
  }

  /** The next rows, or undefined at the end. A chunk without rows is the end or a failure, which look alike. */
  async #next(result: Result): Promise<FetchedChunk | undefined> {
    const { explainFailure, signal, maxValueBytes } = this.#options
    const { binding } = this.#options.host
    const fetch = this.#ahead ?? this.#fetch(result)
    this.#ahead = undefined
    const chunk = await fetch
    this.#fetching = undefined
    if (chunk !== null && binding.data_chunk_get_size(chunk) > 0) {
      const { columns, types } = this
      const rows = binding.data_chunk_get_size(chunk)
      // Looking at every length costs a quarter of the time of an Arrow stream: it is done where it is asked for.
      const sizes =
        maxValueBytes === undefined
          ? { totalBytes: 0, rowBytes: 0, rowObjectBytes: 0 }
          : checkValueSizes(binding, chunk, { columns, types }, this.#rowsRead, maxValueBytes)
      const variableBytes = sizes.totalBytes
      this.#memory.beforeRead(sizes.rowBytes, this.#isArrow ? 0 : sizes.rowObjectBytes, this.#rowsRead)
      this.#rowsRead += rows
      this.#memory.handedOut(rows, variableBytes)
      if (this.#memory.isTight) await this.#options.useOneThread()
      else if (this.#memory.mayFetchAhead) this.#ahead = this.#fetch(result)
      return { chunk, variableBytes }
    }
    const returnType: number = binding.result_return_type(result)
    const hasFailed = returnType === FAILED
    // Closed by dispose() meanwhile: what was interrupted has not failed.
    if (this.#result === undefined) return undefined
    if (hasFailed) {
      if (signal?.aborted === true) throw cancelledError(signal)
      throw await explainFailure()
    }
    await this.#finish()
    return undefined
  }

  /** Throws `memory/exhausted` where the rows have no room. */
  #fetch(result: Result): Promise<DataChunk | null> {
    const { execute, host } = this.#options
    this.#memory.beforeFetch()
    const fetch = execute(() => host.binding.fetch_chunk(result))
    // Waited for by whoever closes this meanwhile, and handled where nobody asks for it any more.
    this.#fetching = fetch.catch(() => undefined)
    return fetch
  }

  /** Stops the statement if it still runs. DuckDB frees what it held once the interrupted fetch has come back. */
  [Symbol.asyncDispose](): Promise<void> {
    const result = this.#result
    if (result === undefined) return this.#closing
    this.#result = undefined
    this.#closing = this.#stop(result)
    return this.#closing
  }

  async #stop(result: Result): Promise<void> {
    const { binding, connection } = this.#options.host
    try {
      binding.interrupt(connection)
      await this.#fetching
      // The interrupt is noticed by a fetch, which ends the statement and releases its memory.
      for (;;) {
        const chunk = await binding.fetch_chunk(result)
        if (chunk === null || binding.data_chunk_get_size(chunk) === 0) return
        binding.interrupt(connection)
      }
    } finally {
      await this.#options.onClose()
    }
  }

  #finish(): Promise<void> {
    if (this.#result === undefined) return this.#closing
    this.#result = undefined
    this.#closing = this.#options.onClose()
    return this.#closing
  }
}

/** The statement with its rows thrown away as they come. (A COPY to /dev/null would lock that against other processes.) */
export function discardingRows(sql: string): string {
  return `EXPLAIN ANALYZE SELECT * FROM (\n${sql.replace(/[\s;]+$/, '')}\n)`
}
