import type { RecordBatch, RecordBatchReader, Schema } from 'apache-arrow'
import { IceboxError, messageOf } from '../../base/index.ts'
import { arrowHeads } from '../../engine/index.ts'
import type { BufferAllocator, Lease } from '../../memory/index.ts'
import { type ArrowColumn, arrowColumns, hasSameColumns } from './arrow-columns.ts'
import { ArrowFile, type ArrowMessage, schemaOf } from './arrow-file.ts'
import { columnsOf } from './column-tree.ts'
import { type CutBatch, cutBatch, type ReadBody, wholeBatch } from './cut-batch.ts'
import { truncated } from './errors.ts'
import { type PackedMetadata, unpackedBatch } from './unpack-body.ts'

/** Where bodies of messages are while they are read. */
export interface ArrowRoom {
  readonly buffers: BufferAllocator
  readonly consumer: string
  /** A record batch that has more is read in parts. Default 4 MiB. */
  readonly mostBatchBytes?: number
}

interface DictionaryMetadata {
  readonly id: number
  readonly isDelta: boolean
  readonly data: PackedMetadata
}

/** pandas and pyarrow write a table as one batch, however large. */
const MOST_BATCH_BYTES = 4 << 20

/**
 * The record batches of files, one after another, each valid until the next is asked for; large ones are cut. Streams that
 * follow each other in a file (`cat`) are read to the last; one with other columns than the first is `schema/mismatch`.
 * Dictionaries are held until their stream ends. Rejects `source/truncated`, `source/format`, `memory/refused`.
 */
export async function* arrowBatches(paths: readonly string[], room: ArrowRoom): AsyncGenerator<RecordBatch> {
  for (const path of paths) {
    await using file = await ArrowFile.open(path)
    yield* batchesOf(file, room)
  }
}

async function* batchesOf(file: ArrowFile, room: ArrowRoom): AsyncGenerator<RecordBatch> {
  const { RecordBatchReader: Reader } = await import('apache-arrow')
  const messages = new Ahead(file.messages())
  let first: readonly ArrowColumn[] | undefined
  for (let count = 1; ; count++) {
    const head = await messages.next()
    if (head === undefined && first !== undefined) return
    const schema = schemaOf(file.path, head)
    const columns = arrowColumns(schema)
    first ??= columns
    if (!hasSameColumns(first, columns)) throw otherStream(file.path, count)
    const source = new StreamSource(file, schema, messages, room)
    try {
      const reader: RecordBatchReader = await Reader.from(source.bytes(head?.head ?? new Uint8Array()))
      for await (const batch of reader) yield batch
    } catch (error) {
      throw arrowError(file.path, error)
    } finally {
      source.release()
    }
  }
}

/** One stream of a file, for apache-arrow to read. */
class StreamSource {
  readonly #file: ArrowFile
  readonly #schema: Schema
  readonly #messages: Ahead<ArrowMessage>
  readonly #room: ArrowRoom
  readonly #dictionaries: Body[] = []
  #batch: Body | undefined

  constructor(file: ArrowFile, schema: Schema, messages: Ahead<ArrowMessage>, room: ArrowRoom) {
    this.#file = file
    this.#schema = schema
    this.#messages = messages
    this.#room = room
  }

  release(): void {
    this.#batch?.release()
    this.#batch = undefined
    for (const body of this.#dictionaries) body.release()
  }

  /** The next chunk is asked for when the batch of those before was read. */
  async *bytes(schemaHead: Uint8Array): AsyncGenerator<Uint8Array> {
    yield schemaHead
    for (let next = await this.#messages.peek(); next !== undefined; next = await this.#messages.peek()) {
      // The next stream begins, also where this one has no mark of its end.
      if (next.message.isSchema()) return
      await this.#messages.next()
      const { message } = next
      if (message.isRecordBatch()) yield* this.#batches(next, message.header())
      else if (message.isDictionaryBatch()) yield* this.#dictionary(next, message.header())
    }
  }

  async *#batches(next: ArrowMessage, metadata: PackedMetadata): AsyncGenerator<Uint8Array> {
    const { batchHead } = await arrowHeads()
    for await (const { layout, fill } of this.#parts(next, metadata)) {
      yield batchHead(layout)
      const body = this.#batchBody(layout.bodyBytes)
      await fill(body.bytes)
      if (body.bytes.byteLength > 0) yield body.bytes
    }
  }

  /** One, or several of a batch that is large; packed buffers are unpacked as wholes. */
  async *#parts(next: ArrowMessage, metadata: PackedMetadata): AsyncGenerator<CutBatch> {
    const { mostBatchBytes = MOST_BATCH_BYTES } = this.#room
    const isLarge = metadata.compression === null && next.bodyBytes > mostBatchBytes
    const types = this.#schema.fields.map((field) => field.type)
    const columns = isLarge ? columnsOf(types, metadata) : undefined
    if (columns === undefined) yield await this.#whole(next, metadata)
    else yield* cutBatch(columns, metadata.length, next.bodyBytes, mostBatchBytes, this.#reader(next))
  }

  async *#dictionary(next: ArrowMessage, { id, isDelta, data }: DictionaryMetadata): AsyncGenerator<Uint8Array> {
    const { dictionaryHead } = await arrowHeads()
    const { layout, fill } = await this.#whole(next, data)
    yield dictionaryHead(layout, id, isDelta)
    const body = this.#body(layout.bodyBytes)
    this.#dictionaries.push(body)
    await fill(body.bytes)
    if (body.bytes.byteLength > 0) yield body.bytes
  }

  async #whole(next: ArrowMessage, metadata: PackedMetadata): Promise<CutBatch> {
    const read = this.#reader(next)
    if (metadata.compression === null) return wholeBatch(metadata, next.bodyBytes, read)
    return await unpackedBatch(metadata, { path: this.#file.path, read, borrow: (bytes) => this.#body(bytes) })
  }

  #reader({ bodyAt }: ArrowMessage): ReadBody {
    return (target, offset) => this.#file.readInto(target, bodyAt + offset)
  }

  /** The one of the batch before was read. */
  #batchBody(bytes: number): Body {
    this.#batch?.release()
    this.#batch = undefined
    this.#batch = this.#body(bytes)
    return this.#batch
  }

  #body(bytes: number): Body {
    return new Body(this.#room.buffers.lease(bytes, `${this.#room.consumer}/arrow`))
  }
}

/** The body of a message, which stays where it is until it is released: apache-arrow has views of it. */
class Body implements Disposable {
  readonly bytes: Uint8Array
  readonly #lease: Lease

  constructor(lease: Lease) {
    this.#lease = lease
    this.bytes = lease.pin()
  }

  release(): void {
    this.#lease.unpin()
    this.#lease.release()
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

/** Messages, the next of which can be looked at. */
class Ahead<T> {
  readonly #items: AsyncIterator<T, void, undefined>
  #next: Promise<T | undefined> | undefined

  constructor(items: AsyncIterator<T, void, undefined>) {
    this.#items = items
  }

  peek(): Promise<T | undefined> {
    this.#next ??= this.#items.next().then((result) => (result.done === true ? undefined : result.value))
    return this.#next
  }

  async next(): Promise<T | undefined> {
    const next = await this.peek()
    this.#next = undefined
    return next
  }
}

function otherStream(path: string, count: number): IceboxError {
  return new IceboxError('schema/mismatch', {
    message: `${path} holds several Arrow streams, and number ${count} has other columns than the first`,
    remedy: 'write each to a file of its own, and import the files apart',
    context: { file: path, stream: count },
  })
}

function arrowError(path: string, error: unknown): IceboxError {
  if (error instanceof IceboxError) return error
  return truncated(path, messageOf(error), error)
}
