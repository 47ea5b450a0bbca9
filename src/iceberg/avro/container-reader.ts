import { parseJson } from '../../base/index.ts'
import { plainReads, type ReadMemory } from '../../storage/index.ts'
import { MAX_BLOCK_BYTES, unpackBlock } from './codecs.ts'
import { AvroDecoder } from './decoder.ts'
import { invalidAvro } from './invalid.ts'
import { type AvroType, parseAvroSchema } from './schema.ts'

export interface AvroHeader {
  readonly schema: AvroType
  readonly codec: string
  /** The key-value metadata as text; `avro.schema` and `avro.codec` among it. */
  readonly metadata: ReadonlyMap<string, string>
}
export interface AvroBlock {
  readonly count: number
  /** Unpacked; not to be looked at when the next block is asked for. */
  readonly bytes: Uint8Array
}

const MAGIC = [0x4f, 0x62, 0x6a, 0x01]
const SYNC_BYTES = 16
/** The header holds the table's schema as text. */
const MAX_HEADER_BYTES = 64 * 1024 * 1024

/** Bytes of a stream that were read and not used yet. */
class Window {
  private bytes: Uint8Array = new Uint8Array(0)
  private readonly source: AsyncIterator<Uint8Array>
  private ended = false
  constructor(source: AsyncIterator<Uint8Array>) {
    this.source = source
  }

  get available(): Uint8Array {
    return this.bytes
  }

  /** Has `length` bytes at least, or all that there are. */
  async want(length: number): Promise<void> {
    if (this.bytes.length >= length) return
    const parts = [this.bytes]
    let have = this.bytes.length
    while (have < length && !this.ended) {
      const next = await this.source.next()
      if (next.done === true) this.ended = true
      else {
        parts.push(next.value)
        have += next.value.length
      }
    }
    this.bytes = parts.length === 1 ? this.bytes : Buffer.concat(parts)
  }

  drop(length: number): void {
    this.bytes = this.bytes.subarray(length)
  }
}

export interface ContainerMemory {
  /** Asked before a block is read and unpacked. */
  readonly reads: ReadMemory
  /** The file, for who is refused. */
  readonly what: string
}

/**
 * Reads an Avro object container file (Avro specification, "Object Container Files") block by block: memory is that of
 * one block (I13). The first value is the header, then blocks follow.
 */
export async function* readAvroContainer(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  memory: ContainerMemory = { reads: plainReads, what: 'an Avro file' },
): AsyncGenerator<AvroHeader | AvroBlock, void> {
  const iterator = toAsync(source)
  const window = new Window(iterator)
  try {
    const { header, sync } = await readHeader(window, memory)
    yield header
    for (;;) {
      await window.want(32)
      if (window.available.length === 0) return
      const decoder = new AvroDecoder(window.available)
      const count = decoder.int()
      const size = decoder.int()
      if (count < 0 || size < 0 || size > MAX_BLOCK_BYTES)
        throw invalidAvro(`a block claims ${count} rows in ${size} bytes`)
      window.drop(window.available.length - decoder.remaining)
      using room = memory.reads.room(memory.what)
      // Chunks of a stream are gathered and joined.
      if (window.available.length < size + SYNC_BYTES) await room.grow(2 * size)
      await window.want(size + SYNC_BYTES)
      const { available } = window
      if (available.length < size + SYNC_BYTES) throw invalidAvro('it is truncated: the last block is not whole')
      if (sync.some((byte, at) => available[size + at] !== byte)) {
        throw invalidAvro('a block does not end with the marker of the file: the file is damaged')
      }
      const block = { count, bytes: await unpackBlock(header.codec, available.subarray(0, size), room) }
      window.drop(size + SYNC_BYTES)
      if (count > 0) yield block
    }
  } finally {
    await iterator.return?.()
  }
}

function toAsync(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncIterator<Uint8Array> {
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]()
  const iterator = source[Symbol.iterator]()
  return { next: () => Promise.resolve(iterator.next()) }
}

async function readHeader(window: Window, memory: ContainerMemory): Promise<{ header: AvroHeader; sync: Uint8Array }> {
  using room = memory.reads.room(memory.what)
  // The header says nowhere how long it is: read more until it parses.
  for (let want = 64 * 1024; ; want *= 4) {
    if (window.available.length < want) await room.grow(want)
    await window.want(want)
    const isWhole = window.available.length < want || want >= MAX_HEADER_BYTES
    if (MAGIC.some((byte, at) => window.available[at] !== byte)) throw invalidAvro('it is no Avro file')
    const decoder = new AvroDecoder(window.available.subarray(MAGIC.length))
    const parsed = tryHeader(decoder, isWhole)
    if (parsed === undefined) continue
    window.drop(window.available.length - decoder.remaining)
    const text = parsed.metadata.get('avro.schema')
    if (text === undefined) throw invalidAvro('it has no avro.schema in its header')
    const codec = parsed.metadata.get('avro.codec') ?? 'null'
    return { header: { schema: parseAvroSchema(parseJson(text)), codec, metadata: parsed.metadata }, sync: parsed.sync }
  }
}

/** Metadata and marker; undefined where the bytes end too early and there may be more. */
function tryHeader(decoder: AvroDecoder, isWhole: boolean) {
  try {
    const metadata = new Map<string, string>()
    for (let count = decoder.blockCount(); count > 0; count = decoder.blockCount()) {
      for (let left = count; left > 0; left--) metadata.set(decoder.string(), decoder.string())
    }
    return { metadata, sync: decoder.fixed(SYNC_BYTES) }
  } catch (error) {
    if (isWhole) throw error
    return undefined
  }
}
