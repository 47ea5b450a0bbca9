import { randomBytes } from 'node:crypto'
import { packDeflate } from './codecs.ts'
import { AvroEncoder } from './encoder.ts'

/** Values are gathered to blocks of this size before packing, as Java does. */
const BLOCK_BYTES = 64 * 1024

/**
 * Writes an Avro object container file with deflated blocks. `write` encodes a value; bytes come out as they become
 * whole blocks, so memory is that of one block.
 */
export class AvroContainerWriter {
  private readonly encoder = new AvroEncoder(BLOCK_BYTES * 2)
  private readonly sync = new Uint8Array(randomBytes(16))
  private count = 0

  /** Magic, metadata, marker: the first bytes of the file. */
  header(schema: string, metadata: Readonly<Record<string, string>>): Uint8Array {
    const all = { 'avro.schema': schema, 'avro.codec': 'deflate', ...metadata }
    const header = new AvroEncoder(schema.length * 2 + 4096)
    header.fixed(Uint8Array.of(0x4f, 0x62, 0x6a, 0x01))
    const entries = Object.entries(all)
    header.int(entries.length)
    for (const [key, value] of entries) {
      header.string(key)
      header.string(value)
    }
    header.int(0)
    header.fixed(this.sync)
    return header.written()
  }

  /** Adds a value; returns a block when one became full. */
  append(encode: (encoder: AvroEncoder) => void): Uint8Array | undefined {
    encode(this.encoder)
    this.count++
    return this.encoder.size >= BLOCK_BYTES ? this.flush() : undefined
  }

  /** The last block; undefined where nothing is left. */
  flush(): Uint8Array | undefined {
    if (this.count === 0) return undefined
    const packed = packDeflate(this.encoder.written())
    const block = new AvroEncoder(packed.length + 64)
    block.int(this.count)
    block.byteString(packed)
    block.fixed(this.sync)
    this.encoder.clear()
    this.count = 0
    return block.written()
  }
}
