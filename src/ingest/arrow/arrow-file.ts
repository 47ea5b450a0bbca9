import { type FileHandle, open } from 'node:fs/promises'
import type { Message, Schema } from 'apache-arrow'
import { IceboxError, messageOf } from '../../base/index.ts'
import { arrowHeads } from '../../engine/index.ts'
import { readError } from '../source/bytes.ts'
import { truncated } from './errors.ts'

/** An encapsulated message of a file (Arrow format, "Encapsulated message format"). */
export interface ArrowMessage {
  readonly message: Message
  /** Prefix and metadata as they are in the file. */
  readonly head: Uint8Array
  /** Where the body begins in the file. */
  readonly bodyAt: number
  readonly bodyBytes: number
}

const MAGIC = 'ARROW1'
/** Mark and length of a message. */
const MARKED_PREFIX = 8
/** Of the file format: magic and padding before the first message. */
const FILE_PREFIX = 8
/** The length of the footer, and magic. */
const FILE_SUFFIX = 4 + MAGIC.length
/** The mark of an end of a stream (8 bytes) and padding between the last message and the footer. */
const MOST_BEFORE_FOOTER = 64
/** Schemas of 100,000 columns take some 20 MB. */
const MOST_METADATA = 64 << 20

/** A file with Arrow IPC data, in the file format or in the stream format. Nothing of a body is read before it is asked for. */
export class ArrowFile {
  readonly path: string
  readonly sizeBytes: number
  readonly #handle: FileHandle
  readonly #isFile: boolean

  private constructor(path: string, sizeBytes: number, handle: FileHandle, isFile: boolean) {
    this.path = path
    this.sizeBytes = sizeBytes
    this.#handle = handle
    this.#isFile = isFile
  }

  /** Rejects `source/not-found`, `source/unreadable`, `source/format` for Feather files of version 1. */
  static async open(path: string): Promise<ArrowFile> {
    const handle = await open(path, 'r').catch((error: unknown) => {
      throw readError(path, error)
    })
    try {
      const { size } = await handle.stat()
      const magic = Buffer.alloc(MAGIC.length)
      await handle.read(magic, 0, magic.length, 0)
      if (magic.toString('latin1').startsWith('FEA1')) throw oldFeather(path)
      return new ArrowFile(path, size, handle, magic.toString('latin1') === MAGIC)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * In the order in which they are to be read: a schema, its dictionaries, its record batches. Streams that were put one behind
   * the other (`cat`) begin with a schema each. Rejects `source/truncated`, `source/format` for several files in the file
   * format, of which only the last could be read.
   */
  messages(): AsyncGenerator<ArrowMessage, void, undefined> {
    return this.#isFile ? this.#ofFile() : this.#ofStreams()
  }

  /** Bytes of the file. Rejects `source/truncated` where it ends before. */
  async readInto(target: Uint8Array, at: number): Promise<void> {
    for (let done = 0; done < target.byteLength; ) {
      const { bytesRead } = await this.#handle.read(target, done, target.byteLength - done, at + done)
      if (bytesRead === 0) throw truncated(this.path, `it ends at byte ${at + done}`)
      done += bytesRead
    }
  }

  async *#ofStreams(): AsyncGenerator<ArrowMessage, void, undefined> {
    let hasEnded = false
    for (let at = 0; at < this.sizeBytes; ) {
      const next = await this.#messageAt(at, this.sizeBytes)
      hasEnded = !('message' in next)
      at = next.end
      if ('message' in next) yield next
    }
    // A stream that was cut between two messages reads as a shorter one.
    if (!hasEnded) throw truncated(this.path, 'its end is missing')
  }

  async *#ofFile(): AsyncGenerator<ArrowMessage, void, undefined> {
    const { Message } = await import('apache-arrow')
    const { Footer } = await import('apache-arrow/ipc/metadata/file')
    const size = this.sizeBytes
    const suffix = await this.#bytes(Math.max(FILE_PREFIX, size - FILE_SUFFIX), FILE_SUFFIX)
    const footerAt = size - FILE_SUFFIX - suffix.readInt32LE(0)
    const isWhole = suffix.toString('latin1', 4) === MAGIC && footerAt >= FILE_PREFIX && footerAt < size - FILE_SUFFIX
    if (!isWhole) throw truncated(this.path, 'its footer is missing or damaged')
    const bytes = await this.#bytes(footerAt, size - FILE_SUFFIX - footerAt)
    const footer = decoded(this.path, () => Footer.decode(bytes))
    const { schemaMessage } = await arrowHeads()
    const head = decoded(this.path, () => schemaMessage(footer.schema))
    const first = await this.#messageAt(FILE_PREFIX, footerAt)
    const blocks = [...footer.dictionaryBatches(), ...footer.recordBatches()]
    const ends = blocks.map((block) => block.offset + block.metaDataLength + block.bodyLength)
    // The last footer counts from the beginning: between what it names and itself is at least one file that nobody would read.
    const end = ends.reduce((most, one) => Math.max(most, one), first.end)
    if (footerAt - end > MOST_BEFORE_FOOTER) throw severalFiles(this.path)
    // Files of apache-arrow (JavaScript) have a schema in the footer only.
    yield { message: Message.decode(head.subarray(MARKED_PREFIX)), head, bodyAt: 0, bodyBytes: 0 }
    for (const block of blocks) {
      const next = await this.#messageAt(block.offset, footerAt)
      if (!('message' in next)) throw truncated(this.path, `its footer names a message at byte ${block.offset}`)
      yield next
    }
  }

  /** The message that begins there, or the mark of an end. */
  async #messageAt(at: number, limit: number): Promise<(ArrowMessage & { end: number }) | { end: number }> {
    const { Message } = await import('apache-arrow')
    const word = (await this.#bytes(at, 4)).readInt32LE(0)
    // Before Arrow 0.15 messages, and the end, had no mark.
    const prefix = word === -1 ? MARKED_PREFIX : 4
    const length = word === -1 ? (await this.#bytes(at + 4, 4)).readInt32LE(0) : word
    if (length === 0) return { end: at + prefix }
    const bodyAt = at + prefix + length
    if (length < 0 || length > MOST_METADATA || bodyAt > limit)
      throw truncated(this.path, `no message begins at byte ${at}`)
    const head = await this.#bytes(at, prefix + length)
    const message = decoded(this.path, () => Message.decode(head.subarray(prefix)))
    const bodyBytes = message.bodyLength
    if (!(bodyBytes >= 0 && bodyAt + bodyBytes <= limit)) {
      throw truncated(this.path, `the message at byte ${at} goes beyond its end`)
    }
    return { message, head, bodyAt, bodyBytes, end: bodyAt + bodyBytes }
  }

  async #bytes(at: number, length: number): Promise<Buffer> {
    const buffer = Buffer.alloc(length)
    await this.readInto(buffer, at)
    return buffer
  }
}

/** The columns of a file. Rejects as {@link ArrowFile.messages} does, and `source/format` where it begins with something else. */
export async function arrowSchemaOf(file: ArrowFile): Promise<Schema> {
  const first = await file.messages().next()
  return schemaOf(file.path, first.done === true ? undefined : first.value)
}

export function schemaOf(path: string, first: ArrowMessage | undefined): Schema {
  if (first === undefined) throw truncated(path, 'it has no schema')
  if (!first.message.isSchema()) throw truncated(path, 'it does not begin with a schema')
  const { message } = first
  return decoded(path, () => message.header())
}

/** The reader of damaged metadata stumbles over what is not there; one of a type that it does not know says so. */
function decoded<T>(path: string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    const type = /^Unrecognized type: "(\w+)"/.exec(messageOf(error))?.[1]
    throw type === undefined ? truncated(path, 'its metadata is damaged', error) : unknownType(path, type, error)
  }
}

function unknownType(path: string, type: string, cause: unknown): IceboxError {
  return new IceboxError('schema/unsupported-type', {
    message: `${path} has a column of Arrow's type ${type}, which is not read`,
    remedy:
      'cast the column where the file is written (a view or run-end encoded column to a plain one), or write Parquet',
    context: { file: path, type },
    cause,
  })
}

function severalFiles(path: string): IceboxError {
  return new IceboxError('source/format', {
    message: `${path} holds more than one Arrow file, one behind the other, and only the last could be read`,
    remedy: 'import the files apart; what is written as a stream may be concatenated',
    context: { file: path },
  })
}

function oldFeather(path: string): IceboxError {
  return new IceboxError('source/format', {
    message: `${path} is a Feather file of version 1, which is not Arrow`,
    remedy: 'write it again as Feather version 2, or as Parquet',
    context: { file: path },
  })
}
