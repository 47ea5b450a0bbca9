/** A zstd frame of one raw block (RFC 8878, section 3.1.1): what packers write of bytes that they cannot make smaller; Node 20 has none. */
export function zstdFrame(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(12)
  head.writeUInt32LE(0xfd2fb528, 0)
  // A single segment with four bytes of content size.
  head.writeUInt8(0b1010_0000, 4)
  head.writeUInt32LE(bytes.length, 5)
  head.writeUIntLE((bytes.length << 3) | 1, 9, 3)
  return Buffer.concat([head, bytes])
}
