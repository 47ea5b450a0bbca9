import { deflateRaw } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AvroDecoder, AvroEncoder, parseAvroSchema, readAvroContainer } from '../../src/iceberg/avro/index.ts'
import { unpackBlock } from '../../src/iceberg/avro/codecs.ts'
import { decompressSnappy } from '../../src/iceberg/avro/snappy.ts'
import { unpackZstandard } from '../../src/base/index.ts'
import type { Room } from '../../src/storage/index.ts'
import { zstdFrame } from '../support/zstd-frame.ts'
import avro from 'avsc'

const long = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  // Around every number of bytes that a long can take.
  fc
    .tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: -2, max: 2 }))
    .map(([bits, near]) => BigInt.asIntN(64, 2n ** BigInt(bits) + BigInt(near))),
  fc.bigInt({ min: -300n, max: 300n }),
)

/** Avro's zigzag by its definition, one byte at a time. */
function longBytes(value: bigint): number[] {
  let raw = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  const bytes: number[] = []
  while (raw >= 0x80n) {
    bytes.push(Number(raw & 0x7fn) | 0x80)
    raw >>= 7n
  }
  return [...bytes, Number(raw)]
}

describe('binary encoding of Avro', () => {
  it('longs of every size come back, in the bytes of the definition', () => {
    fc.assert(
      fc.property(fc.array(long, { minLength: 1 }), (values) => {
        const encoder = new AvroEncoder(4)
        for (const value of values) encoder.long(value)
        expect([...encoder.written()]).toEqual(values.flatMap(longBytes))
        const decoder = new AvroDecoder(encoder.written())
        expect(values.map(() => decoder.long())).toEqual(values)
        expect(decoder.remaining).toBe(0)
      }),
      { numRuns: 1000 },
    )
  })

  it('ints up to 2^53 come back', () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.integer()), (value) => {
        const encoder = new AvroEncoder(4)
        encoder.int(value)
        if (Math.abs(value) < 2 ** 52) expect([...encoder.written()]).toEqual(longBytes(BigInt(value)))
        if (Math.abs(value) < 2 ** 52) expect(new AvroDecoder(encoder.written()).int()).toBe(value)
      }),
      { numRuns: 1000 },
    )
  })

  it('all else comes back, and passes over as many bytes as it has', () => {
    fc.assert(
      fc.property(
        fc.record({
          text: fc.string({ unit: 'binary', maxLength: 300 }),
          bytes: fc.uint8Array({ maxLength: 300 }),
          double: fc.double(),
          float: fc.float(),
          flag: fc.boolean(),
        }),
        ({ text, bytes, double, float, flag }) => {
          const encoder = new AvroEncoder(4)
          encoder.string(text)
          encoder.byteString(bytes)
          encoder.double(double)
          encoder.float(float)
          encoder.boolean(flag)
          const decoder = new AvroDecoder(encoder.written())
          expect([
            decoder.string(),
            decoder.byteString(),
            decoder.double(),
            decoder.float(),
            decoder.boolean(),
            decoder.remaining,
          ]).toEqual([text, bytes, double, float, flag, 0])
          const skipping = new AvroDecoder(encoder.written())
          skipping.skipBytes()
          skipping.skipBytes()
          expect(skipping.double()).toBe(double)
        },
      ),
    )
  })

  it('data that end in the middle of a value, and absurd lengths, are refused', () => {
    expect(() => new AvroDecoder(Uint8Array.of()).long()).toThrow(/end in the middle/)
    expect(() => new AvroDecoder(Uint8Array.of(0x80, 0x80)).long()).toThrow(/end in the middle/)
    expect(() => new AvroDecoder(Uint8Array.of(6, 65)).string()).toThrow(/end in the middle/)
    expect(() => new AvroDecoder(Uint8Array.of(1)).string()).toThrow(/length -1/)
    expect(() => new AvroDecoder(Uint8Array.from({ length: 11 }, () => 0xff)).long()).toThrow(/longer than 64 bits/)
    expect(() => new AvroDecoder(Uint8Array.of(0x80, 0x80, 0x08)).blockCount()).toThrow(/array claims/)
  })
})

function asZstdFrame(bytes: Uint8Array, done: (error: null, packed: Buffer) => void): void {
  done(null, zstdFrame(bytes))
}

describe('container files', () => {
  const rowType = () =>
    avro.Type.forSchema({
      type: 'record',
      name: 'r',
      fields: [
        { name: 'id', type: 'long' },
        { name: 'name', type: ['null', 'string'] },
      ],
    })
  const rows = Array.from({ length: 500 }, (_, id) => ({ id, name: id % 3 === 0 ? null : `n${id}` }))

  async function avscFile(codec: string, blockSize = 1000): Promise<Uint8Array> {
    const encoder = new avro.streams.BlockEncoder(rowType(), {
      codec,
      blockSize,
      codecs: { null: (bytes, done) => done(null, bytes), deflate: deflateRaw, zstandard: asZstdFrame },
    })
    const chunks: Uint8Array[] = []
    encoder.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    const ended = new Promise((resolve) => encoder.on('end', resolve))
    for (const row of rows) encoder.write(row)
    encoder.end()
    await ended
    return Buffer.concat(chunks)
  }

  it('a zstandard block that ends early, or holds more than its room, is refused', async () => {
    const frame = zstdFrame(Buffer.alloc(1000, 7))
    const free: Room = { grow: () => Promise.resolve(), [Symbol.dispose]: () => undefined }
    await expect(unpackBlock('zstandard', frame.subarray(0, -1), free)).rejects.toMatchObject({
      code: 'iceberg/invalid-manifest',
    })
    await expect(unpackZstandard(frame, 999)).rejects.toMatchObject({ code: 'ERR_BUFFER_TOO_LARGE' })
    expect(await unpackZstandard(frame, 1000)).toEqual(Buffer.alloc(1000, 7))
  })

  function* inPieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  }

  async function readIds(source: Iterable<Uint8Array>): Promise<number[]> {
    const ids: number[] = []
    for await (const part of readAvroContainer(source)) {
      if (!('bytes' in part)) continue
      const decoder = new AvroDecoder(part.bytes)
      for (let left = part.count; left > 0; left--) {
        ids.push(decoder.int())
        if (decoder.int() === 1) decoder.skipBytes()
      }
      expect(decoder.remaining).toBe(0)
    }
    return ids
  }

  it.each([
    ['null', 1],
    ['null', 7],
    ['deflate', 64],
    ['deflate', 100_000],
    ['zstandard', 64],
  ] as const)('that avsc wrote (%s) are read in pieces of %i bytes', async (codec, size) => {
    expect(await readIds(inPieces(await avscFile(codec), size))).toEqual(rows.map((row) => row.id))
  })

  it.each(['deflate', 'zstandard'])(
    'of %s cut anywhere are refused or end at a block; never a wrong row',
    async (codec) => {
      const file = await avscFile(codec)
      for (let length = 0; length < file.length; length += 13) {
        const ids = await readIds([file.subarray(0, length)]).catch((error: unknown) => error)
        if (Array.isArray(ids)) expect(ids).toEqual(rows.map((row) => row.id).slice(0, ids.length))
        else expect(ids).toMatchObject({ code: 'iceberg/invalid-manifest' })
      }
    },
  )

  it('with a damaged marker or block are refused', async () => {
    const file = new Uint8Array(await avscFile('deflate'))
    const last = file.slice()
    last[last.length - 1] = (last[last.length - 1] ?? 0) ^ 1
    await expect(readIds([last])).rejects.toThrow(/does not end with the marker/)
    await expect(readIds([new TextEncoder().encode('PAR1 and so on')])).rejects.toThrow(/no Avro file/)
  })

  it('with a codec that is not known are refused by name', async () => {
    const file = Buffer.from(await avscFile('null'))
    const at = file.indexOf('avro.codec')
    // The value follows its length: 4 letters, so put another name of 4 letters there.
    file.write('zstd', at + 'avro.codec'.length + 1)
    await expect(readIds([file])).rejects.toMatchObject({
      code: 'iceberg/unsupported',
      message: expect.stringContaining('zstd'),
    })
  })
})

describe('Avro schemas', () => {
  it('names are resolved in their namespaces, and field ids are kept', () => {
    const type = parseAvroSchema({
      type: 'record',
      name: 'a.b.outer',
      fields: [
        { name: 'u', type: { type: 'fixed', name: 'uuid_fixed', size: 16, logicalType: 'uuid' }, 'field-id': 7 },
        { name: 'again', type: ['null', 'uuid_fixed'] },
        { name: 'full', type: 'a.b.uuid_fixed' },
      ],
    })
    expect(type).toMatchObject({
      kind: 'record',
      fields: [
        { fieldId: 7, type: { kind: 'fixed', size: 16 } },
        { fieldId: undefined, type: { branches: [{ kind: 'null' }, { kind: 'fixed' }] } },
        { type: { kind: 'fixed' } },
      ],
    })
  })

  it('that are broken are refused', () => {
    expect(() => parseAvroSchema('nothing')).toThrow(/names the type "nothing"/)
    expect(() => parseAvroSchema({ type: 'record', name: 'r' })).toThrow(/no fields/)
    expect(() => parseAvroSchema({ type: 'fixed', name: 'f' })).toThrow(/no size/)
    let deep: Parameters<typeof parseAvroSchema>[0] = 'int'
    for (let level = 0; level < 100; level++) deep = { type: 'array', items: deep }
    expect(() => parseAvroSchema(deep)).toThrow(/nests deeper/)
  })
})

describe('snappy', () => {
  it('literals and copies, overlapping ones too, are unpacked (worked out by hand from the format)', () => {
    // "abcabcabcabc" + "Z": literal abc, copy of 9 from 3 before (one byte offset), literal Z.
    const packed = Uint8Array.of(13, 0x08, 0x61, 0x62, 0x63, 0x15, 0x03, 0x00, 0x5a)
    expect(new TextDecoder().decode(decompressSnappy(packed, 100))).toBe('abcabcabcabcZ')
    // The same copy with an offset of two bytes.
    const two = Uint8Array.of(13, 0x08, 0x61, 0x62, 0x63, 0x22, 0x03, 0x00, 0x00, 0x5a)
    expect(new TextDecoder().decode(decompressSnappy(two, 100))).toBe('abcabcabcabcZ')
    // A literal of 61 bytes takes a length byte.
    const text = new Uint8Array(61).fill(0x78)
    expect(decompressSnappy(Uint8Array.of(61, 60 << 2, 60, ...text), 100)).toEqual(text)
  })

  it('damage is refused, not read', () => {
    for (const packed of [
      [5],
      [5, 0x08, 0x61],
      [5, 0x15, 0x03],
      [2, 0x08, 0x61, 0x62, 0x63],
      [200, 1, 0x08, 0x61, 0x62, 0x63],
    ]) {
      expect(() => decompressSnappy(Uint8Array.from(packed), 100)).toThrow(/snappy/)
    }
  })
})
