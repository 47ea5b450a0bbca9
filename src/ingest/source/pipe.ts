import { type FileHandle, open, rm, statfs } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { formatBytes, IceboxError, throwIfCancelled } from '../../base/index.ts'
import { fileError } from '../write/files.ts'
import { readError } from './bytes.ts'
import type { RecordCutter } from './record-cutter.ts'

/** Whole records of a pipe, in a file of their own. */
export interface PipeSegment {
  readonly path: string
  readonly bytes: number
  /** Number of its first record's line in the whole text, from 1. */
  readonly firstLine: number
  /** Lines of the header that was put before the records; 0 for the first segment, which has its own. */
  readonly headerLines: number
}

/** How the text of a pipe is cut. */
export interface PipeShape {
  readonly cutter: RecordCutter
  /** Put before the records of every segment but the first. */
  readonly header: Uint8Array
}

export interface PipeOptions {
  /** What is read, for messages. */
  readonly name: string
  /** The text, decompressed. Chunks of 1 MiB may be used again for the next. */
  readonly chunks: AsyncIterator<Uint8Array>
  /** The bytes as they came, counted by whoever reads them. */
  readonly raw: RawBytes
  readonly folder: string
  readonly shape: PipeShape
  /** `ingest.max_line_size` */
  readonly maxLineSizeBytes: number
  /** What is imported at once: the first segment and the second together. */
  readonly pieceBytes: number
  readonly signal?: AbortSignal
}

/** What the fingerprint of a source is made of. */
export interface RawBytes {
  bytes: number
  head: Buffer
}

/** Enough for the sample that types are found in. */
const FIRST_SEGMENT_BYTES = 32_000_000
/**
 * The first and the second are copied together, and nothing is copied until both are there: 0.7 s of a fast pipe for a
 * whole piece. So the file that they make is a small one.
 */
const SECOND_SEGMENT_BYTES = 96_000_000
/** Two segments are on disk at most: one is copied while the next fills. */
const LARGEST_SEGMENT_BYTES = 512_000_000
const LEAST_SEGMENT_BYTES = 4_000_000
/** What a segment may take of the space that is free when it begins. */
const DISK_SHARE = 0.25
/** Chunks of a pipe are small: so many bytes are written at once. */
const WRITE_BYTES = 1 << 20
const NEW_LINE = 10
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

export const STANDARD_INPUT = 'standard input'

/**
 * A text that comes through a pipe, as segments of whole records: one is filled while the one before is imported, and no
 * further. Looks at every byte for what the engine's readers pass over, as `scanText` does for files.
 */
export class Pipe {
  readonly #options: PipeOptions
  /** The beginning of a record after the last cut, looked at. */
  #carried: Buffer | undefined
  #next: Promise<PipeSegment | undefined> | undefined
  #count = 0
  /** Of the next byte that is looked at. */
  #line = 1
  /** Of the record that is not at its end, and its bytes so far. */
  #recordLine = 1
  #recordBytes = 0
  #position = 0
  #isEnded = false
  #isClosed = false
  #segmentBytes = FIRST_SEGMENT_BYTES

  constructor(options: PipeOptions) {
    this.#options = options
  }

  get name(): string {
    return this.#options.name
  }

  /** Bytes that were read so far, as they came. */
  get rawBytes(): number {
    return this.#options.raw.bytes
  }

  /** True when the last segment was given. */
  get isEnded(): boolean {
    return this.#isEnded && this.#next === undefined
  }

  /** As of a file of the same bytes; final when the pipe is at its end. */
  fingerprint(): string {
    const { bytes, head } = this.#options.raw
    return createHash('sha256').update(`${bytes};`).update(head).digest('hex')
  }

  /** Of the segment that is begun next. */
  set segmentBytes(bytes: number) {
    this.#segmentBytes = Math.min(LARGEST_SEGMENT_BYTES, Math.max(LEAST_SEGMENT_BYTES, Math.floor(bytes)))
  }

  /**
   * The next segment, and begins the one after it; undefined at the end. Rejects `source/encoding`, `source/truncated`,
   * `source/line-too-long`, `storage/full`, `cancelled`.
   */
  async next(): Promise<PipeSegment | undefined> {
    const segment = await (this.#next ?? this.#begin())
    this.#next = undefined
    if (segment !== undefined && !this.#isEnded) {
      this.#next = this.#begin()
      // Told by the next call; a pipe that is closed before has nobody to tell.
      this.#next.catch(() => undefined)
    }
    return segment
  }

  /** Stops filling, and waits until no file is written any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#next?.catch(() => undefined)
  }

  async #begin(): Promise<PipeSegment | undefined> {
    const { folder, pieceBytes } = this.#options
    if (this.#isEnded) return undefined
    const path = join(folder, String(this.#count))
    const header = this.#count === 0 ? new Uint8Array() : this.#options.shape.header
    const firstLine = this.#recordLine
    const limit = Math.min(this.#segmentBytes, (await freeBytes(folder)) * DISK_SHARE)
    this.#count++
    if (this.#count === 1) this.segmentBytes = Math.min(SECOND_SEGMENT_BYTES, pieceBytes - FIRST_SEGMENT_BYTES)
    if (this.#count === 2) this.segmentBytes = pieceBytes
    let handle: FileHandle | undefined
    try {
      handle = await open(path, 'wx')
      if (header.length > 0) await handle.writeFile(header)
      const bytes = await this.#fill(handle, limit)
      if (bytes > 0) return { path, bytes, firstLine, headerLines: countLines(Buffer.from(header)) }
    } catch (error) {
      if (error instanceof IceboxError) throw error
      throw fileError(`${this.name} cannot be spooled`, error)
    } finally {
      await handle?.close()
    }
    await rm(path, { force: true })
    return undefined
  }

  /** Writes whole records until there are `limit` bytes of them; what begins the next segment stays in `#rest`. */
  async #fill(handle: FileHandle, limit: number): Promise<number> {
    let written = 0
    let pending: Buffer[] = []
    let pendingBytes = 0
    const flush = async () => {
      if (pending.length > 0) await writeAll(handle, pending)
      written += pendingBytes
      pending = []
      pendingBytes = 0
    }
    if (this.#carried !== undefined) {
      pending.push(this.#carried)
      pendingBytes += this.#carried.length
      this.#carried = undefined
    }
    for (;;) {
      const chunk = await this.#chunk()
      if (chunk === undefined) break
      const end = this.#look(chunk)
      if (end > 0 && written + pendingBytes + end >= limit) {
        pending.push(chunk.subarray(0, end))
        pendingBytes += end
        await flush()
        if (end < chunk.length) this.#carried = Buffer.from(chunk.subarray(end))
        return written
      }
      pending.push(chunk)
      pendingBytes += chunk.length
      if (pendingBytes >= WRITE_BYTES) await flush()
    }
    await flush()
    this.#isEnded = true
    return written
  }

  async #chunk(): Promise<Buffer | undefined> {
    const { signal, chunks } = this.#options
    throwIfCancelled(signal)
    if (this.#isClosed) throw new IceboxError('cancelled', { message: `${this.name} is read no further` })
    try {
      const { value, done } = await chunks.next()
      return done === true ? undefined : asBuffer(value)
    } catch (error) {
      // Who cancels destroys the stream under the read.
      throwIfCancelled(signal)
      throw readError(this.name, error)
    }
  }

  /** Where the last record of the chunk ends; keeps count of lines. */
  #look(chunk: Buffer): number {
    const { shape, maxLineSizeBytes } = this.#options
    const nul = chunk.indexOf(0)
    if (nul >= 0) throw nulByte(this.name, this.#line + countLines(chunk.subarray(0, nul)), this.#position + nul)
    // The mark is no part of the first field: a quote after it opens that.
    const skipped = this.#position === 0 && chunk.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0
    const found = shape.cutter.push(chunk.subarray(skipped))
    const end = found === 0 ? 0 : found + skipped
    this.#line += countLines(chunk)
    this.#position += chunk.length
    this.#recordBytes = end > 0 ? chunk.length - end : this.#recordBytes + chunk.length
    if (end > 0) this.#recordLine = this.#line - countLines(chunk.subarray(end))
    if (this.#recordBytes > maxLineSizeBytes) throw longRecord(this.name, this.#recordLine, maxLineSizeBytes)
    return end
  }
}

async function writeAll(handle: FileHandle, parts: readonly Buffer[]): Promise<void> {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  const { bytesWritten } = await handle.writev(parts)
  // A nearly full disk takes a part; the rest says why.
  if (bytesWritten < bytes) await handle.writeFile(Buffer.concat(parts).subarray(bytesWritten))
}

async function freeBytes(folder: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  } catch (error) {
    throw fileError(`${folder} cannot be looked at`, error)
  }
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}

function countLines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(NEW_LINE); at >= 0; at = bytes.indexOf(NEW_LINE, at + 1)) count++
  return count
}

function nulByte(file: string, line: number, at: number): IceboxError {
  return new IceboxError('source/encoding', {
    message: `${file} holds a NUL byte in line ${line} (byte ${at + 1})`,
    remedy: 'the text is damaged or is UTF-16: convert it to UTF-8, or name its encoding',
    context: { file, line, byte: at + 1 },
  })
}

function longRecord(file: string, line: number, limitBytes: number): IceboxError {
  return new IceboxError('source/line-too-long', {
    message: `the record that begins in line ${line} of ${file} is longer than ${formatBytes(limitBytes)}`,
    remedy: 'raise ingest.max_line_size, or check that the text has line ends and balanced quotes',
    context: { file, line, limitBytes },
  })
}
