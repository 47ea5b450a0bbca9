const utf8 = new TextEncoder()

/** Writes Avro's binary encoding into a buffer that grows. */
export class AvroEncoder {
  private bytes: Uint8Array
  private view: DataView
  private end = 0

  constructor(capacity = 128 * 1024) {
    this.bytes = new Uint8Array(capacity)
    this.view = new DataView(this.bytes.buffer)
  }

  get size(): number {
    return this.end
  }

  /** What was written; valid until the next write or `clear`. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.end)
  }

  clear(): void {
    this.end = 0
  }

  private ensure(more: number): void {
    if (this.end + more <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.end + more))
    grown.set(this.bytes.subarray(0, this.end))
    this.bytes = grown
    this.view = new DataView(grown.buffer)
  }

  /** An int, or a long of at most 53 bits. */
  int(value: number): void {
    this.ensure(10)
    // Zigzag; within 31 bits by integer operations.
    if (value >= -0x40000000 && value < 0x40000000) {
      let raw = ((value << 1) ^ (value >> 31)) >>> 0
      while (raw >= 0x80) {
        this.bytes[this.end++] = (raw & 0x7f) | 0x80
        raw >>>= 7
      }
      this.bytes[this.end++] = raw
      return
    }
    let raw = value >= 0 ? value * 2 : -value * 2 - 1
    while (raw >= 0x80) {
      this.bytes[this.end++] = (raw % 0x80) | 0x80
      raw = Math.floor(raw / 0x80)
    }
    this.bytes[this.end++] = raw
  }

  long(value: bigint): void {
    const number = Number(value)
    // 2^52 leaves room for the doubling of zigzag.
    if (number > -0x10000000000000 && number < 0x10000000000000) {
      this.int(number)
      return
    }
    this.ensure(10)
    const raw = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
    let low = Number(raw & 0xfffffffn)
    let middle = Number((raw >> 28n) & 0xfffffffn)
    const high = Number(raw >> 56n)
    for (let count = 0; count < 4; count++) {
      this.bytes[this.end++] = (low & 0x7f) | 0x80
      low >>>= 7
    }
    // Values beyond 52 bits always reach the eighth byte.
    for (let count = 0; count < 4; count++) {
      this.bytes[this.end++] = (middle & 0x7f) | (count < 3 || high > 0 ? 0x80 : 0)
      middle >>>= 7
    }
    if (high === 0) return
    if (high < 0x80) this.bytes[this.end++] = high
    else {
      this.bytes[this.end++] = (high & 0x7f) | 0x80
      this.bytes[this.end++] = high >>> 7
    }
  }

  boolean(value: boolean): void {
    this.ensure(1)
    this.bytes[this.end++] = value ? 1 : 0
  }

  float(value: number): void {
    this.ensure(4)
    this.view.setFloat32(this.end, value, true)
    this.end += 4
  }

  double(value: number): void {
    this.ensure(8)
    this.view.setFloat64(this.end, value, true)
    this.end += 8
  }

  string(text: string): void {
    // Three bytes a UTF-16 unit at most.
    this.ensure(text.length * 3 + 10)
    if (text.length < 64) {
      // The length takes one byte where all is ASCII; short texts are copied by hand, which beats the call.
      const start = this.end
      this.bytes[this.end++] = text.length * 2
      for (let at = 0; at < text.length; at++) {
        const code = text.charCodeAt(at)
        if (code >= 0x80) {
          this.end = start
          this.longString(text)
          return
        }
        this.bytes[this.end++] = code
      }
      return
    }
    this.longString(text)
  }

  private longString(text: string): void {
    // Written behind room for the longest length, then moved up to the length that it has.
    const start = this.end
    const { written } = utf8.encodeInto(text, this.bytes.subarray(start + 5))
    this.int(written)
    this.bytes.copyWithin(this.end, start + 5, start + 5 + written)
    this.end += written
  }

  byteString(bytes: Uint8Array): void {
    this.int(bytes.length)
    this.fixed(bytes)
  }

  fixed(bytes: Uint8Array): void {
    this.ensure(bytes.length)
    this.bytes.set(bytes, this.end)
    this.end += bytes.length
  }

  /** A value of the union of null and its type, in this order. */
  optional<T>(value: T | null | undefined, write: (value: T) => void): void {
    if (value === null || value === undefined) {
      this.int(0)
      return
    }
    this.int(1)
    write(value)
  }

  /** An array of `count` values, as one block. */
  array<T>(count: number, values: Iterable<T>, write: (value: T) => void): void {
    if (count > 0) {
      this.int(count)
      for (const value of values) write(value)
    }
    this.int(0)
  }
}
