import { crc32 } from 'node:zlib'

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
  /** Everything before is whole; what follows is the torn end of a write. */
  readonly validBytes: number
}

/** Reads up to `length` bytes at `offset`; fewer only at the end of the file. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>

/** Longer lines of a frame or header are no such thing: a schema of some thousand columns. */
const MAX_LINE_BYTES = 16_000_000
const CHUNK_BYTES = 1 << 20
const NEW_LINE = 10

/**
 * A line of JSON before the rows of an append. A segment is NDJSON as a whole, so that the engine reads it as it lies:
 * what has the member `#` is ours, and no row has it. The line is checked by its own CRC, the rows by the one in it.
 */
export function frameLine({ sequence, rows, bytes, longest, key, crc }: Frame): string {
  return checkedLine(JSON.stringify([sequence, rows, bytes, longest, key, crc]))
}

/** `{"#":[value,crc]}` and a line end; the CRC is that of the value's text. */
export function checkedLine(json: string): string {
  return `{"#":[${json},${crc32(json)}]}\n`
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
  if (first === undefined || header === undefined) return { header: undefined, frames: [], validBytes: 0 }
  const frames: PlacedFrame[] = []
  let at = first.end
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
  return { header, frames, validBytes: at }
}

function parseFrame(json: string | undefined): Frame | undefined {
  const value: unknown = json === undefined ? undefined : JSON.parse(json)
  if (!Array.isArray(value) || value.length !== 6) return undefined
  const [sequence, rows, bytes, longest, key, crc]: unknown[] = value
  if (!isCount(sequence) || !isCount(rows) || !isCount(bytes) || !isCount(longest) || !isCount(crc)) return undefined
  if (key !== null && typeof key !== 'string') return undefined
  return { sequence, rows, bytes, longest, key, crc }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

async function lineAt(read: ReadAt, start: number): Promise<{ text: string; end: number } | undefined> {
  // Frames are short; only the header, with its schema, may be long.
  for (let length = 512; length <= MAX_LINE_BYTES; length *= 8) {
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
