import { crc32 } from 'node:zlib'
import { IceboxError } from '../../base/index.ts'

/** What one append put into a segment. */
export interface Frame {
  /** Number of the append in its stream, from 1, without gaps within a segment. */
  readonly sequence: number
  readonly rows: number
  /** Length of the rows in bytes, without the frame's own line. */
  readonly bytes: number
  /** Bytes of the longest row: the reader's buffers follow from it. */
  readonly longest: number
  /** Digest of the idempotency key ({@link keyDigest}); null for an append without one. */
  readonly key: string | null
  /** CRC-32 of the rows. */
  readonly crc: number
  /** So many bytes of the file were flushed to the disk before this frame was written; left out by older writers. */
  readonly flushedBytes?: number
}

/** A frame and where its rows lie in the file. */
export interface PlacedFrame extends Frame {
  /** Of the frame's own line. */
  readonly start: number
  /** After the last row. */
  readonly end: number
}

/** What reading a segment found. */
export interface SegmentScan {
  /** Text of the segment's first line; undefined where not even that is whole. */
  readonly header: string | undefined
  readonly frames: readonly PlacedFrame[]
  /** Everything before is whole. */
  readonly validBytes: number
  /**
   * What follows the whole part was flushed once, so it is no torn end of a write: a later frame says so. False does not
   * prove that nothing is lost of the last group of appends, which no frame follows.
   */
  readonly isDamaged: boolean
}

/** Reads up to `length` bytes at `offset`; fewer only at the end of the file. What it gives is valid until the next call. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>

const CHUNK_BYTES = 1 << 20
/** Lines are looked for in so many bytes first, and in eight times as many each time that the end is not among them. */
const FIRST_LINE_BYTES = 512
/** Longer lines are no frame or header: a schema of some hundred thousand columns. */
const MAX_LINE_BYTES = FIRST_LINE_BYTES * 8 ** 5
const NEW_LINE = 10

/**
 * A line of JSON before the rows of an append. A segment is NDJSON as a whole, so that the engine reads it as it lies:
 * what has the member `#` is ours, and no row has it. The line is checked by its own CRC, the rows by the one in it. Throws
 * `internal/unreachable` for a frame that {@link scanSegment} would not take: what follows it would be lost.
 */
export function frameLine({ sequence, rows, bytes, longest, key, crc, flushedBytes }: Frame): string {
  const values = [sequence, rows, bytes, longest, key, crc, ...(flushedBytes === undefined ? [] : [flushedBytes])]
  const json = JSON.stringify(values)
  if (parseFrame(json) === undefined) throw unreadable('frame', json)
  return checkedLine(json)
}

/** `{"#":[value,crc]}` and a line end; the CRC is that of the value's text. Throws `internal/unreachable` for what is no line. */
export function checkedLine(json: string): string {
  const line = `{"#":[${json},${crc32(json)}]}\n`
  if (json.includes('\n') || Buffer.byteLength(line) > MAX_LINE_BYTES) throw unreadable('line', json)
  return line
}

function unreadable(what: string, json: string): IceboxError {
  return new IceboxError('internal/unreachable', {
    message: `a ${what} of a segment that could not be read again (${json.length} characters): ${json.slice(0, 200)}`,
    remedy: 'report this as a bug of Icebox; nothing of the append was kept',
  })
}

const CHECKED_LINE = /^\{"#":\[(.*),(\d{1,10})\]\}$/s

/** The text of the value of a {@link checkedLine}; undefined for anything else. */
export function openCheckedLine(line: string): string | undefined {
  const match = CHECKED_LINE.exec(line)
  const json = match?.[1]
  return json !== undefined && crc32(json) === Number(match?.[2]) ? json : undefined
}

/** Finds the frames of a segment, up to the first that is not whole (invariant N9). */
export async function scanSegment(read: ReadAt): Promise<SegmentScan> {
  const first = await lineAt(read, 0)
  const header = first === undefined ? undefined : openCheckedLine(first.text)
  const frames: PlacedFrame[] = []
  let at = 0
  if (first !== undefined && header !== undefined) {
    at = first.end
    for (;;) {
      const line = await lineAt(read, at)
      const frame = line === undefined ? undefined : parseFrame(openCheckedLine(line.text))
      if (line === undefined || frame === undefined) break
      const previous = frames.at(-1)?.sequence
      if (previous !== undefined && frame.sequence !== previous + 1) break
      const crc = await crcOf(read, line.end, frame.bytes)
      if (crc !== frame.crc) break
      frames.push({ ...frame, start: at, end: line.end + frame.bytes })
      at = line.end + frame.bytes
    }
  }
  const isDamaged = await wasFlushed(read, at, frames.at(-1)?.sequence ?? 0)
  return { header, frames, validBytes: at, isDamaged }
}

/** Stands nowhere in rows: there the quotes of a string are escaped, and a member has the number of a column. */
const FRAME_START = Buffer.from('{"#":[[')

/**
 * Whether a frame after `from` says that the byte there was flushed before it was written. The rows after that frame prove
 * nothing more, and frames of an earlier life of these blocks have smaller numbers.
 */
async function wasFlushed(read: ReadAt, from: number, lastSequence: number): Promise<boolean> {
  for (let at = from; ; ) {
    const chunk = await read(at, CHUNK_BYTES)
    const found = chunk.length < FRAME_START.length ? -1 : asBuffer(chunk).indexOf(FRAME_START)
    if (found >= 0) {
      const start = at + found
      const line = await lineAt(read, start)
      const frame = line === undefined ? undefined : parseFrame(openCheckedLine(line.text))
      if (frame !== undefined && start > from && frame.sequence > lastSequence) {
        // Frames of older writers do not say: then nothing is cut off that might be somebody's.
        const flushed = frame.flushedBytes ?? start
        if (flushed > from && flushed <= start) return true
      }
      at = start + FRAME_START.length
    } else if (chunk.length < CHUNK_BYTES) {
      return false
    } else {
      at += chunk.length - FRAME_START.length + 1
    }
  }
}

function parseFrame(json: string | undefined): Frame | undefined {
  const value: unknown = json === undefined ? undefined : JSON.parse(json)
  if (!Array.isArray(value) || value.length < 6 || value.length > 7) return undefined
  const [sequence, rows, bytes, longest, key, crc, flushedBytes]: unknown[] = value
  if (!isCount(sequence) || !isCount(rows) || !isCount(bytes) || !isCount(longest) || !isCount(crc)) return undefined
  if (key !== null && typeof key !== 'string') return undefined
  const frame = { sequence, rows, bytes, longest, key, crc }
  if (value.length === 6) return frame
  return isCount(flushedBytes) ? { ...frame, flushedBytes } : undefined
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

async function lineAt(read: ReadAt, start: number): Promise<{ text: string; end: number } | undefined> {
  // Frames are short; only the header, with its schema, may be long.
  for (let length = FIRST_LINE_BYTES; length <= MAX_LINE_BYTES; length *= 8) {
    const bytes = await read(start, length)
    const end = bytes.indexOf(NEW_LINE)
    if (end >= 0) return { text: Buffer.from(bytes.subarray(0, end)).toString('utf8'), end: start + end + 1 }
    if (bytes.length < length) return undefined
  }
  return undefined
}

/** CRC-32 of `length` bytes; undefined where the file ends before. */
async function crcOf(read: ReadAt, start: number, length: number): Promise<number | undefined> {
  let crc = 0
  for (let done = 0; done < length; ) {
    const chunk = await read(start + done, Math.min(CHUNK_BYTES, length - done))
    if (chunk.length === 0) return undefined
    crc = crc32(chunk, crc)
    done += chunk.length
  }
  return crc
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
