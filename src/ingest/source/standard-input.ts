import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGunzip, gunzipSync } from 'node:zlib'
import { IceboxError, makeFolders, throwIfCancelled } from '../../base/index.ts'
import type { GivenDialect } from '../inspect/dialect.ts'
import { fileError } from '../write/files.ts'
import type { WriteJournal } from '../write/journal.ts'
import { readError } from './bytes.ts'
import { compressionOf, detectFormat, type SourceFormat } from './format.ts'
import { Pipe, type RawBytes, STANDARD_INPUT } from './pipe.ts'
import { shapeOf } from './pipe-shape.ts'

/** Standard input, or the beginning of it, as a file: sampling and retries read it more than once. */
export interface Spooled {
  readonly path: string
  /** What follows the file; undefined where the file holds all. */
  readonly pipe: Pipe | undefined
  /** Of the whole, where the file is not the bytes as they came. */
  readonly fingerprint: string | undefined
  /** Stops reading, and removes the files; a second call does nothing. */
  remove(): Promise<void>
}

/** What is needed to cut a text into records. */
export interface CutOptions {
  readonly dialect: GivenDialect
  /** `ingest.max_line_size` */
  readonly maxLineSizeBytes: number
  /** What is imported at once. */
  readonly pieceBytes: number
}

export interface StandardInputOptions {
  readonly standardInput: AsyncIterable<Uint8Array>
  readonly spoolDirectory: string
  readonly journal: WriteJournal
  readonly format?: SourceFormat
  /** Undefined: it is written to one file as a whole. */
  readonly cut?: CutOptions
  readonly signal?: AbortSignal
}

/** As much as the dialect of a file is told from. */
const HEAD_BYTES = 256 * 1024
const RAW_HEAD_BYTES = 64 * 1024
/** Of gzip, which may inflate a thousandfold. */
const GZIP_LOOK_BYTES = 32 * 1024

/**
 * Text that can be cut at records is read as it is imported ({@link Pipe}); everything else is written to a file first.
 * Rejects `storage/full` and other `storage/*`, `source/*`, `cancelled`.
 */
export async function spoolStandardInput(options: StandardInputOptions): Promise<Spooled> {
  const { journal, signal } = options
  const folderOf = (id: string) => join(options.spoolDirectory, `stdin-${id}`)
  const entry = await journal.begin({ folders: (id) => [folderOf(id)] })
  const folder = folderOf(entry.writeId)
  const input = new Input(options.standardInput, signal)
  const remove = async () => {
    input.end()
    await rm(folder, { recursive: true, force: true })
    await journal.end(entry)
  }
  try {
    await makeFolders(folder)
    const pipe = await openPipe(input, folder, options)
    const first = await pipe?.next()
    if (pipe === undefined || first === undefined) {
      const path = join(folder, 'whole')
      await pipeline(input.all(), createWriteStream(path, { flags: 'wx' }), signal === undefined ? {} : { signal })
      return { path, pipe: undefined, fingerprint: undefined, remove }
    }
    return {
      path: first.path,
      pipe: pipe.isEnded ? undefined : pipe,
      fingerprint: pipe.isEnded ? pipe.fingerprint() : undefined,
      remove: async () => {
        input.end()
        await pipe.close()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throwIfCancelled(signal)
    throw error instanceof IceboxError ? error : fileError(`${STANDARD_INPUT} cannot be spooled`, error)
  }
}

/** Undefined where the text cannot be cut; then what was read is still in `input`. */
async function openPipe(input: Input, folder: string, options: StandardInputOptions): Promise<Pipe | undefined> {
  const { cut, format, signal } = options
  if (cut === undefined) return undefined
  const raw = await input.head(HEAD_BYTES)
  const compression = compressionOf(raw)
  if (raw.length === 0 || compression === 'zstd') return undefined
  const look = compression === 'gzip' ? firstOfGzip(raw) : raw
  const found = detectFormat({ path: STANDARD_INPUT, head: look.subarray(0, RAW_HEAD_BYTES), asked: format })
  if (found !== 'csv' && found !== 'ndjson') return undefined
  if (compression === 'gzip') input.inflate()
  const head = await input.head(HEAD_BYTES)
  const shape = shapeOf(head, head.length < HEAD_BYTES, found, cut.dialect)
  if (shape === undefined) return undefined
  return new Pipe({
    name: STANDARD_INPUT,
    chunks: input.all(),
    raw: input.raw,
    folder,
    shape,
    maxLineSizeBytes: cut.maxLineSizeBytes,
    pieceBytes: cut.pieceBytes,
    ...(signal === undefined ? {} : { signal }),
  })
}

function firstOfGzip(raw: Buffer): Buffer {
  try {
    return gunzipSync(raw.subarray(0, GZIP_LOOK_BYTES), { finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    // Damaged: told with its place by whoever reads all of it.
    return Buffer.alloc(0)
  }
}

/** Standard input, its beginning looked at before the rest is read. */
class Input {
  readonly raw: RawBytes = { bytes: 0, head: Buffer.alloc(0) }
  readonly #source: Readable
  #chunks: AsyncIterator<unknown>
  #looked: Buffer[] = []

  constructor(source: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
    this.#source = source instanceof Readable ? source : Readable.from(source)
    this.#chunks = this.#counted()
    // A source that stalls must not hold up who cancels.
    if (signal?.aborted === true) this.end()
    else signal?.addEventListener('abort', () => this.end(), { once: true })
  }

  /** The first bytes, at least `least` unless there are fewer; they are still to come in {@link all}. */
  async head(least: number): Promise<Buffer> {
    let length = this.#looked.reduce((sum, chunk) => sum + chunk.length, 0)
    while (length < least) {
      const value = await nextOf(this.#chunks)
      if (value === undefined) break
      this.#looked.push(value)
      length += value.length
    }
    this.#looked = [Buffer.concat(this.#looked)]
    return (this.#looked[0] ?? Buffer.alloc(0)).subarray(0, least)
  }

  /** From here on the bytes are what gzip holds. */
  inflate(): void {
    const gunzip = createGunzip({ chunkSize: 1 << 18 })
    const packed = Readable.from(this.all())
    packed.on('error', (error) => gunzip.destroy(error))
    this.#chunks = packed.pipe(gunzip)[Symbol.asyncIterator]()
  }

  /** Everything, once. */
  all(): AsyncGenerator<Buffer> {
    const looked = this.#looked
    this.#looked = []
    return joined(looked, this.#chunks)
  }

  end(): void {
    this.#source.destroy()
  }

  async *#counted(): AsyncGenerator<Buffer> {
    for await (const chunk of this.#source) {
      const bytes = toBuffer(chunk)
      this.raw.bytes += bytes.length
      if (this.raw.head.length < RAW_HEAD_BYTES)
        this.raw.head = Buffer.concat([this.raw.head, bytes.subarray(0, RAW_HEAD_BYTES - this.raw.head.length)])
      yield bytes
    }
  }
}

async function* joined(looked: readonly Buffer[], chunks: AsyncIterator<unknown>): AsyncGenerator<Buffer> {
  for (const chunk of looked) if (chunk.length > 0) yield chunk
  for (;;) {
    const value = await nextOf(chunks)
    if (value === undefined) return
    yield value
  }
}

/** What fails here is the source (damaged gzip, say) and not the spool that it is written to. */
async function nextOf(chunks: AsyncIterator<unknown>): Promise<Buffer | undefined> {
  try {
    const { value, done } = await chunks.next()
    return done === true || !Buffer.isBuffer(value) ? undefined : value
  } catch (error) {
    throw readError(STANDARD_INPUT, error)
  }
}

function toBuffer(chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  return Buffer.from(String(chunk))
}
