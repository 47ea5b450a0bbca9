import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { IceboxError } from '../../base/index.ts'
import { parseSchema, type Schema, schemaToJson } from '../../iceberg/index.ts'
import { parseJson, printJson } from '../../base/index.ts'
import { fileError, syncPath } from '../write/files.ts'
import { checkedLine, type Frame, frameLine, scanSegment } from './frame.ts'
import type { EncodedRows } from './encoded-rows.ts'

/** A segment that is written no more. */
export interface SealedSegment {
  readonly path: string
  /** Of the rows in it. */
  readonly schema: Schema
  readonly frames: readonly Frame[]
  readonly bytes: number
}

/** An append on its way into a segment. */
export interface PendingAppend {
  readonly rows: EncodedRows
  readonly key: string | null
}

const OPEN = '.open'
const SEALED = '.rows'
export const SEGMENT_NAME = /^\d{15}\.(open|rows)$/

/** The segment that a stream writes to now: NDJSON with a frame before the rows of each append. */
export class OpenSegment {
  readonly schema: Schema
  readonly #handle: FileHandle
  readonly #path: string
  readonly #frames: Frame[] = []
  #durableBytes: number
  #nextSequence: number
  /** Set where the file may hold more than is durable and could not be cut. */
  #broken: IceboxError | undefined

  private constructor(path: string, handle: FileHandle, schema: Schema, first: number, bytes: number) {
    this.#path = path
    this.#handle = handle
    this.schema = schema
    this.#nextSequence = first
    this.#durableBytes = bytes
  }

  /** Rejects `storage/full`, `storage/denied`, `storage/io`; then nothing is left. */
  static async create(folder: string, schema: Schema, firstSequence: number): Promise<OpenSegment> {
    const path = join(folder, `${String(firstSequence).padStart(15, '0')}${OPEN}`)
    const header = checkedLine(printJson(schemaToJson(schema)))
    let handle: FileHandle | undefined
    try {
      // One that a failed attempt left holds nothing that anybody was told of.
      handle = await open(path, 'w')
      await handle.writeFile(header)
      await handle.sync()
      await syncPath(folder)
      return new OpenSegment(path, handle, schema, firstSequence, Buffer.byteLength(header))
    } catch (error) {
      await handle?.close().catch(() => undefined)
      throw fileError(`the segment ${path} cannot be made`, error)
    }
  }

  get bytes(): number {
    return this.#durableBytes
  }

  get frames(): readonly Frame[] {
    return this.#frames
  }

  /**
   * Writes appends and flushes them to the disk together; gives their frames. After a rejection (`storage/full`,
   * `storage/io`, `usage/invalid` for rows that were changed) the segment is as before.
   */
  async append(group: readonly PendingAppend[]): Promise<readonly Frame[]> {
    if (this.#broken !== undefined) throw this.#broken
    const flushedBytes = this.#durableBytes
    const frames = group.map(
      ({ rows, key }, at): Frame => ({
        sequence: this.#nextSequence + at,
        key,
        flushedBytes,
        ...rows.count,
      }),
    )
    let end = this.#durableBytes
    try {
      for (const [at, frame] of frames.entries()) {
        end = await writeAt(this.#handle, Buffer.from(frameLine(frame)), end)
        const rowsEnd = end + frame.bytes
        for (const piece of group[at]?.rows.pieces() ?? []) end = await writeAt(this.#handle, piece, end)
        if (end !== rowsEnd) throw otherLength(this.#path, frame, end - rowsEnd)
      }
      await this.#handle.datasync()
    } catch (error) {
      await this.#cut()
      throw error instanceof IceboxError ? error : fileError(`rows cannot be written to ${this.#path}`, error)
    }
    this.#durableBytes = end
    this.#nextSequence += frames.length
    this.#frames.push(...frames)
    return frames
  }

  async #cut(): Promise<void> {
    try {
      await this.#handle.truncate(this.#durableBytes)
      await this.#handle.datasync()
    } catch (error) {
      this.#broken = fileError(`${this.#path} holds half an append that cannot be cut off`, error)
    }
  }

  /** Ends the segment under its final name. Rejects `storage/io` where it could not be cut after a failed write. */
  async seal(): Promise<SealedSegment> {
    if (this.#broken !== undefined) throw this.#broken
    const path = this.#path.slice(0, -OPEN.length) + SEALED
    try {
      await this.#handle.close()
      await rename(this.#path, path)
      await syncPath(dirname(path))
    } catch (error) {
      throw fileError(`${this.#path} cannot be sealed`, error)
    }
    return { path, schema: this.schema, frames: this.#frames, bytes: this.#durableBytes }
  }

  /** Lets go of the file, which stays if there are rows in it. */
  async close(): Promise<void> {
    await this.#handle.close()
    if (this.#frames.length === 0) await rm(this.#path, { force: true })
  }
}

/** Where the bytes end. */
async function writeAt(handle: FileHandle, bytes: Uint8Array, start: number): Promise<number> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, start + done)).bytesWritten
  }
  return start + bytes.length
}

/** Most reads share one buffer: what one gives is valid until the next. */
export function readerOf(handle: FileHandle): (offset: number, length: number) => Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(1 << 20)
  return async (offset, length) => {
    const into = length <= buffer.length ? buffer : Buffer.alloc(length)
    const { bytesRead } = await handle.read(into, 0, length, offset)
    return into.subarray(0, bytesRead)
  }
}

/**
 * A segment of a process that is gone, sealed: what a kill or a power loss tore off is cut. Undefined, and the file is
 * the caller's to remove, where it holds nothing. Rejects `stream/damaged`, and cuts nothing, for one that is not whole where
 * acknowledged rows were.
 *
 * What was acknowledged: an append after the flush that covers it. A group of appends is written as a whole, flushed, and
 * acknowledged, before a byte of the next is written, and each frame says how much of the file was flushed before its group.
 * So where a frame is not whole,
 * - and a later one says that its bytes were flushed, they were on the disk and somebody changed them: damage;
 * - and only frames of its own group follow, a power loss may have kept these pages and not those, since the group was not
 *   flushed then: all of it is a torn end. A kill tears off an end only;
 * - and nothing follows, it is a torn end. A last group that was flushed, and changed afterwards, looks the same: one group
 *   is what cannot be told.
 * A sealed segment was flushed to its last byte.
 */
export async function takeOver(path: string): Promise<SealedSegment | undefined> {
  try {
    const handle = await open(path, 'r+')
    try {
      const { size } = await handle.stat()
      const scan = await scanSegment(readerOf(handle))
      const isSealed = path.endsWith(SEALED)
      const isCut = isSealed && (scan.validBytes < size || scan.frames.length === 0)
      if (isCut || scan.isDamaged) throw damaged(path, scan.validBytes, size)
      if (scan.header === undefined || scan.frames.length === 0) return undefined
      const schema = parseSchema(parseJson(scan.header))
      const sealed = isSealed ? path : path.slice(0, -OPEN.length) + SEALED
      if (!isSealed) {
        await handle.truncate(scan.validBytes)
        await handle.sync()
        await rename(path, sealed)
        await syncPath(dirname(path))
      }
      return { path: sealed, schema, frames: scan.frames, bytes: scan.validBytes }
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw error instanceof IceboxError ? error : fileError(`the segment ${path} cannot be taken over`, error)
  }
}

function otherLength(path: string, { bytes }: Frame, more: number): IceboxError {
  return new IceboxError('internal/unreachable', {
    message: `rows of ${bytes} bytes were ${bytes + more} when they were written to ${path}`,
    remedy: 'report this as a bug of Icebox; nothing of the append was kept',
  })
}

/** `wholeBytes`: up to where the file can be trusted. */
export function damaged(path: string, wholeBytes: number, sizeBytes: number): IceboxError {
  return new IceboxError('stream/damaged', {
    message: `the spool segment ${path} is damaged after byte ${wholeBytes} of ${sizeBytes}`,
    remedy: 'restore the file, or remove it to give up its rows',
    context: { file: path, wholeBytes, sizeBytes },
  })
}
