import { formatBytes, formatCount, IceboxError } from '../base/index.ts'
import { collectGarbage, VECTOR_ROWS } from '../memory/index.ts'
import { TYPE } from './binding.ts'
import type { EngineType } from './types.ts'

/** Chunks of this many bytes together are worth a young collection (about half a millisecond). */
const COLLECT_BYTES = 8 * 1024 * 1024
/** Rows with so many bytes of text are read one by one: their chunk and what is made of them grow old meanwhile. */
const LONG_ROW_BYTES = 4_096
/** Of such rows: worth a collection of all, which alone finds what has grown old. */
const LONG_COLLECT_BYTES = 16 * 1024 * 1024
/** A text's place in a vector and its content on average. */
const TEXT_BYTES = 48
/** Of a list, where nobody has looked. */
const USUAL_ELEMENTS = 2

/** Of a text, what its vector holds of it: length, and the text itself or its place. */
const TEXT_ENTRY_BYTES = 16
/** Texts of a vector lie in blocks, each twice as large as the last one, up to this. */
const LARGEST_BLOCK_BYTES = 16 * 1024 * 1024
/** The chunk that is computed, the one that waits for its reader, and what planning so many columns left. */
const CHUNKS_AHEAD = 2.6
/** Chunks below this are left to the engine's headroom. */
const WIDE_BYTES = 16 * 1024 * 1024
/** Decoding a wide chunk: garbage between two collections, beside a copy of its vectors. */
const DECODE_BYTES = 8 * 1024 * 1024
/** So many values of a wide chunk, some 10 MB in V8's heap, are worth a collection of all (10 to 28 ms). */
const PART_COLLECT_VALUES = 200_000
/** A row of so many bytes is looked at before it is read. */
const LARGE_ROW_BYTES = 8 * 1024 * 1024
/** What reading a large row takes: its bytes in a batch, its values, and what its reader makes of them. */
const READ_FACTOR = 3
/** Chunks up to this are asked for while the last one is read. */
const AHEAD_BYTES = 1024 * 1024
/** With more threads one computes ahead while the rows before are decoded: that must leave this share of what is free. */
const AHEAD_SHARE = 0.25

/** What of the budget is free for what DuckDB does not count: the vectors of results. */
export interface ChunkRoom {
  /** As it is now; undefined where nobody knows. */
  freeBytes(): number | undefined
  /** Gives back what the engine's allocator has free. */
  giveBack(): void
}

/**
 * The native memory of a result's chunks, which DuckDB does not count against its limit: 28 MB each for 300 texts of 18 bytes.
 * It is freed when a chunk's handle is collected, and V8 sees a handle of a few bytes: a reader that makes no garbage of its
 * own held 70 MB of dead chunks. So a collection is asked for by the bytes handed out, and a wide chunk is computed only
 * where it has room.
 */
export class ChunkMemory {
  readonly #rowBytes: number
  readonly #fixedBytes: number
  readonly #columns: number
  readonly #room: ChunkRoom
  #bytes = 0
  #longBytes = 0
  #partValues = 0
  /** The last chunk was. */
  #isWide = false
  /** What the next fetch is expected to allocate. */
  #nextBytes = 0

  constructor(types: readonly EngineType[], room: ChunkRoom) {
    const rowBytes = (text: number, elements: number): number =>
      types.reduce((sum, type) => sum + widthOf(type, { text, elements }), 0)
    this.#rowBytes = rowBytes(TEXT_BYTES, USUAL_ELEMENTS)
    // Vectors are made for all of a chunk's rows, however few come; what texts and lists hold is measured when they are there.
    this.#fixedBytes = VECTOR_ROWS * rowBytes(TEXT_ENTRY_BYTES, 0)
    this.#columns = types.length
    this.#room = room
  }

  /** A chunk is about to be asked for. Rejects (throws) `memory/exhausted` where it has no room, after making some. */
  beforeFetch(): void {
    if (this.#isWide || this.#longBytes >= LONG_COLLECT_BYTES) {
      collectGarbage('major')
      this.#longBytes = 0
    }
    requireRoom(this.#nextBytes, this.#fixedBytes, this.#columns, this.#room)
  }

  /** The next chunk may wait in native memory while the last one is read: it is expected to be small. */
  get mayFetchAhead(): boolean {
    return !this.#isWide && this.#nextBytes <= AHEAD_BYTES
  }

  /** Whether the next chunk is to be computed when it is asked for and not ahead, which one thread does. */
  get isTight(): boolean {
    return isTight(this.#nextBytes, this.#room)
  }

  /**
   * The largest of a chunk's rows is about to be copied out of native memory, and the reader makes something of it, with
   * `objectBytes` beside the row's own. Rejects (throws) `memory/exhausted` where that has no room. `rowsBefore` are those
   * of the chunks before.
   */
  beforeRead(rowBytes: number, objectBytes: number, rowsBefore: number): void {
    const bytes = rowBytes * READ_FACTOR + objectBytes
    if (bytes < LARGE_ROW_BYTES * READ_FACTOR) return
    const freeBytes = freeOrMade(bytes, this.#room)
    if (freeBytes === undefined) return
    throw new IceboxError('memory/exhausted', {
      message: `a row of ${formatBytes(rowBytes)}, among the ${formatCount(VECTOR_ROWS)} after row ${formatCount(rowsBefore)} of this result, needs ${formatBytes(bytes)} to be read, and ${formatBytes(freeBytes)} of the budget are free`,
      remedy:
        'select a part of it, such as substring(…, 1, 1000), length(…) or the rows of unnest(…), write it as Arrow, or raise performance.memory.max_usage',
      context: { rowBytes, askedBytes: bytes, freeBytes },
    })
  }

  /** A chunk of so many rows was handed out, with so many bytes of texts below it where that is known. */
  handedOut(rows: number, variableBytes: number): void {
    const unusedBytes = Math.min(variableBytes, LARGEST_BLOCK_BYTES * this.#columns)
    this.#nextBytes = this.#fixedBytes + variableBytes + unusedBytes
    this.#partValues = 0
    const bytes = Math.max(rows * this.#rowBytes, variableBytes)
    // Such a chunk is read in parts, and its handle has grown old meanwhile: a young collection does not find it.
    this.#isWide = bytes >= COLLECT_BYTES
    if (variableBytes >= rows * LONG_ROW_BYTES) this.#longBytes += variableBytes
    this.#bytes += this.#isWide ? 0 : bytes
    if (this.#bytes < COLLECT_BYTES) return
    this.#bytes = 0
    collectGarbage('minor')
  }

  /** A part of a wide chunk was decoded: its values outlive young collections while they are written, and die then. */
  decoded(rows: number): void {
    this.#partValues += rows * this.#columns
    if (this.#partValues < PART_COLLECT_VALUES) return
    this.#partValues = 0
    collectGarbage('major')
  }
}

/**
 * Looks at a result before its first rows are computed, by the type ids of its columns. Answers whether its rows are to be
 * computed when they are asked for and not ahead, which one thread does. Rejects (throws) `memory/exhausted`.
 */
export function requireRoomForFirst(typeIds: readonly number[], room: ChunkRoom): { readonly isTight: boolean } {
  const bytesOf = (text: number): number =>
    VECTOR_ROWS * typeIds.reduce((sum, id) => sum + (isTextId(id) ? text : 8), 0)
  const bytes = bytesOf(TEXT_BYTES) * CHUNKS_AHEAD
  if (bytes < WIDE_BYTES) return { isTight: false }
  requireRoom(bytes, bytesOf(TEXT_ENTRY_BYTES), typeIds.length, room)
  return { isTight: isTight(bytes, room) }
}

function isTight(bytes: number, room: ChunkRoom): boolean {
  const free = bytes < WIDE_BYTES ? undefined : room.freeBytes()
  return free !== undefined && bytes > free * AHEAD_SHARE
}

function requireRoom(chunkBytes: number, fixedBytes: number, columns: number, room: ChunkRoom): void {
  if (chunkBytes < WIDE_BYTES) return
  const bytes = chunkBytes + fixedBytes + DECODE_BYTES
  const freeBytes = freeOrMade(bytes, room)
  if (freeBytes === undefined) return
  throw new IceboxError('memory/exhausted', {
    message: `${VECTOR_ROWS} rows of this result, which are computed together, need ${formatBytes(bytes)} for ${columns} columns, and ${formatBytes(freeBytes)} of the budget are free`,
    remedy: 'ask for fewer columns at once, or raise performance.memory.max_usage',
    context: { askedBytes: bytes, freeBytes, columns },
  })
}

/** Undefined where `bytes` are free, perhaps since some were made free; else what is. */
function freeOrMade(bytes: number, room: ChunkRoom): number | undefined {
  const hasRoom = (): boolean => (room.freeBytes() ?? bytes) >= bytes
  if (hasRoom()) return undefined
  collectGarbage('major')
  room.giveBack()
  return hasRoom() ? undefined : (room.freeBytes() ?? 0)
}

function isTextId(id: number): boolean {
  return id === TYPE.VARCHAR || id === TYPE.BLOB
}

/** What a row takes in the vectors of a type; below texts and lists so much as `guess` says. */
function widthOf(type: EngineType, guess: { readonly text: number; readonly elements: number }): number {
  switch (type.kind) {
    case 'plain':
    case 'enum':
      return isTextId(type.id) ? guess.text : 8
    case 'decimal':
      return 16
    case 'list':
      return 16 + guess.elements * widthOf(type.element, guess)
    case 'array':
      return type.length * widthOf(type.element, guess)
    case 'map':
      return 16 + guess.elements * (widthOf(type.key, guess) + widthOf(type.value, guess))
    case 'struct':
    case 'union':
      return type.fields.reduce((sum, field) => sum + widthOf(field.type, guess), 0)
  }
}
