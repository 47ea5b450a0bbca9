import { invalidAvro } from './invalid.ts'

const NUMBERS = 2 ** 31

/** Reads Avro's binary encoding (Avro specification, "Binary Encoding") from one block of bytes. */
export class AvroDecoder {
  private readonly bytes: Uint8Array
  private readonly buffer: Buffer
  private position = 0
  // The last long that took more than 28 bits: snapshot ids repeat from entry to entry.
  private lastLow = 0
  private lastMiddle = 0
  private lastHigh = 0
  private lastLong = 0n

  constructor(bytes: Uint8Array) {
    // Not a Buffer, whose slice() would share memory.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.bytes.length - this.position
  }

  /** An int, or a long that is known to be small (counts, lengths, branches). Rejects values beyond 2^53. */
  int(): number {
    const { bytes } = this
    let at = this.position
    let byte = bytes[at++]
    if (byte === undefined) return this.ended()
    // One byte holds most lengths, counts and branches.
    if (byte < 0x80) {
      this.position = at
      return (byte >>> 1) ^ -(byte & 1)
    }
    let raw = byte & 0x7f
    let scale = 0x80
    for (let count = 1; count < 7; count++) {
      byte = bytes[at++]
      if (byte === undefined) return this.ended()
      raw += (byte & 0x7f) * scale
      if (byte < 0x80) {
        this.position = at
        // Zigzag by arithmetic: the value may have more than 32 bits.
        return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
      }
      scale *= 0x80
    }
    const long = Number(this.long())
    if (!Number.isSafeInteger(long))
      throw invalidAvro(`a number beyond 2^53 stands where a length or an int is expected`)
    return long
  }

  long(): bigint {
    const { bytes } = this
    let at = this.position
    // Three runs of 28 bits hold the ten bytes of the longest long.
    let low = 0
    let byte = 0x80
    for (let shift = 0; shift < 28 && byte >= 0x80; shift += 7) {
      byte = bytes[at++] ?? this.ended()
      low |= (byte & 0x7f) << shift
    }
    if (byte < 0x80) {
      this.position = at
      return BigInt((low >>> 1) ^ -(low & 1))
    }
    let middle = 0
    for (let shift = 0; shift < 28 && byte >= 0x80; shift += 7) {
      byte = bytes[at++] ?? this.ended()
      middle |= (byte & 0x7f) << shift
    }
    let high = 0
    for (let shift = 0; shift < 14 && byte >= 0x80; shift += 7) {
      byte = bytes[at++] ?? this.ended()
      high |= (byte & 0x7f) << shift
    }
    if (byte >= 0x80 || high > 0xff) throw invalidAvro('a number is longer than 64 bits')
    this.position = at
    if (low === this.lastLow && middle === this.lastMiddle && high === this.lastHigh) return this.lastLong
    this.lastLow = low
    this.lastMiddle = middle
    this.lastHigh = high
    // 28 bits and 25 bits make a number that is exact.
    if (high === 0 && middle < 0x2000000) {
      const raw = low + middle * 0x10000000
      this.lastLong = BigInt(raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2)
    } else {
      const raw = BigInt(low) | (BigInt(middle) << 28n) | (BigInt(high) << 56n)
      this.lastLong = BigInt.asIntN(64, (raw >> 1n) ^ -(raw & 1n))
    }
    return this.lastLong
  }

  boolean(): boolean {
    const byte = this.bytes[this.position++]
    if (byte === undefined) return this.ended()
    return byte !== 0
  }

  float(): number {
    return this.buffer.readFloatLE(this.take(4))
  }

  double(): number {
    return this.buffer.readDoubleLE(this.take(8))
  }

  string(): string {
    const length = this.length()
    const at = this.take(length)
    return this.buffer.toString('utf8', at, at + length)
  }

  /** A copy, so that what is kept does not hold on to the block. */
  byteString(): Uint8Array {
    return this.fixed(this.length())
  }

  fixed(length: number): Uint8Array {
    const at = this.take(length)
    return this.bytes.slice(at, at + length)
  }

  skip(length: number): void {
    this.take(length)
  }

  skipLong(): void {
    const { bytes } = this
    let at = this.position
    while ((bytes[at] ?? this.ended()) >= 0x80) at++
    this.position = at + 1
  }

  skipBytes(): void {
    this.take(this.length())
  }

  /** The number of items of the next block of an array or map; 0 at its end. The block's size in bytes is passed over. */
  blockCount(): number {
    const count = this.int()
    if (count >= 0) return this.checkedCount(count)
    this.skipLong()
    return this.checkedCount(-count)
  }

  /** As {@link blockCount}, for arrays that are not wanted: blocks with a size are passed over at once. */
  skipBlocks(skipItem: () => void): void {
    for (;;) {
      const count = this.int()
      if (count === 0) return
      if (count < 0) this.skip(this.length())
      else for (let left = this.checkedCount(count); left > 0; left--) skipItem()
    }
  }

  /** An item takes a byte at least (Iceberg's arrays hold no empty records), so a count beyond the bytes left is damage. */
  private checkedCount(count: number): number {
    if (count > this.remaining) throw invalidAvro(`an array claims ${count} items in ${this.remaining} bytes`)
    return count
  }

  private length(): number {
    const length = this.int()
    if (length < 0 || length > NUMBERS) throw invalidAvro(`a value has the length ${length}`)
    return length
  }

  private take(length: number): number {
    const at = this.position
    if (at + length > this.bytes.length) return this.ended()
    this.position = at + length
    return at
  }

  private ended(): never {
    throw invalidAvro('its data end in the middle of a value')
  }
}
