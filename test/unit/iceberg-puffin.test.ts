import * as fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type DataFile,
  decodeDeletionVector,
  type DeletionVector,
  deletionVectorOf,
  readDeletionVector,
  readPuffinFooter,
  writeDeletionVectors,
} from '../../src/iceberg/index.ts'
import { MemoryStore } from '../../src/storage/index.ts'

const vectors: DeletionVector[] = []
afterEach(() => {
  for (const vector of vectors.splice(0)) vector.dispose()
})
const keep = (vector: DeletionVector) => {
  vectors.push(vector)
  return vector
}

const position = fc.oneof(
  fc.bigInt({ min: 0n, max: 200_000n }),
  fc.bigInt({ min: 2n ** 32n - 5n, max: 2n ** 32n + 5n }),
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
)
/** A few scattered positions and some dense runs, so that all kinds of containers occur. */
const positions = fc
  .tuple(
    fc.array(position, { maxLength: 50 }),
    fc.array(fc.record({ start: fc.nat(500_000), length: fc.nat(9000), step: fc.integer({ min: 1, max: 3 }) }), {
      maxLength: 3,
    }),
  )
  .map(([scattered, runs]) => [
    ...scattered,
    ...runs.flatMap((run) => Array.from({ length: run.length }, (_, at) => BigInt(run.start + at * run.step))),
  ])

function dataFile(
  filePath: string,
  written: { contentOffset: bigint; contentSizeInBytes: bigint; recordCount: bigint },
): DataFile {
  return {
    content: 'position-deletes',
    filePath,
    fileFormat: 'puffin',
    specId: 0,
    partition: [],
    fileSizeInBytes: 0n,
    ...written,
  }
}

/** {1, 5, 70000} by hand from the specifications of Puffin and Roaring; the checksum by Python's zlib.crc32. */
const BY_HAND = [
  '0000002e', // length: magic and vector
  'd1d33964', // magic
  '0100000000000000', // one bitmap
  '00000000', // for positions below 2^32
  '3a30000002000000', // no runs; two containers
  '0000010001000000', // keys 0 and 1 with 2 and 1 values (stored less one)
  '180000001c000000', // where they are
  '01000500', // 1, 5
  '7011', // 70000 - 65536
  'a9ae34b7', // checksum
].join('')

describe('deletion vectors (I17)', () => {
  it('a vector read back has the positions that were written, whatever containers hold them', async () => {
    await fc.assert(
      fc.asyncProperty(positions, async (given) => {
        const expected = [...new Set(given)].sort((a, b) => (a < b ? -1 : 1))
        const made = keep(await deletionVectorOf(given))
        const read = keep(await decodeDeletionVector(made.encode(), 'memory:///dv'))
        expect([...read]).toEqual(expected)
        expect(read.cardinality).toBe(BigInt(expected.length))
        for (const one of expected.slice(0, 20)) {
          expect(read.has(one)).toBe(true)
          expect(read.has(one + 1n)).toBe(expected.includes(one + 1n))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('the bytes are those of the specifications, worked out by hand', async () => {
    const vector = keep(await deletionVectorOf([70_000, 5, 1]))
    expect(Buffer.from(vector.encode()).toString('hex')).toBe(BY_HAND)
  })

  it('a union keeps the rows that older vectors deleted', async () => {
    const old = keep(await deletionVectorOf([1n, 2n ** 40n]))
    const merged = keep(await deletionVectorOf([7n], [old]))
    expect([...merged]).toEqual([1n, 7n, 2n ** 40n])
  })

  it('any flipped bit is noticed', async () => {
    const blob = keep(await deletionVectorOf([1, 5, 70_000, 2 ** 33])).encode()
    for (let bit = 0; bit < blob.length * 8; bit++) {
      const damaged = blob.slice()
      damaged[bit >>> 3] = (damaged[bit >>> 3] ?? 0) ^ (1 << (bit & 7))
      await expect(decodeDeletionVector(damaged, 'memory:///dv')).rejects.toMatchObject({
        code: 'iceberg/invalid-deletes',
      })
    }
    for (let length = 0; length < blob.length; length++) {
      await expect(decodeDeletionVector(blob.slice(0, length), 'memory:///dv')).rejects.toMatchObject({
        code: 'iceberg/invalid-deletes',
      })
    }
  })

  it('a position that is negative or past 63 bits is refused', async () => {
    await expect(deletionVectorOf([-1n])).rejects.toMatchObject({ code: 'usage/invalid' })
    await expect(deletionVectorOf([2n ** 63n])).rejects.toMatchObject({ code: 'usage/invalid' })
  })
})

describe('Puffin files', () => {
  it('each vector of a file is found where its manifest entry says, and the footer says the same', async () => {
    const io = new MemoryStore()
    const uri = 'memory:///t/data/dv.puffin'
    const a = keep(await deletionVectorOf([0n, 3n]))
    const b = keep(await deletionVectorOf([2n ** 35n]))
    const written = await writeDeletionVectors(io, uri, [
      { referencedDataFile: 'memory:///t/data/a.parquet', vector: a },
      { referencedDataFile: 'memory:///t/data/b.parquet', vector: b },
    ])
    expect(written.fileSizeInBytes).toBe(BigInt((await io.head(uri)).sizeBytes))
    const read = []
    for (const one of written.vectors) read.push([...keep(await readDeletionVector(io, dataFile(uri, one)))])
    expect(read).toEqual([[0n, 3n], [2n ** 35n]])
    const footer = await readPuffinFooter(io, uri)
    expect(footer.blobs.map((blob) => [blob.offset, blob.length, blob.properties])).toEqual(
      written.vectors.map((one) => [
        one.contentOffset,
        one.contentSizeInBytes,
        { 'referenced-data-file': one.referencedDataFile, cardinality: String(one.recordCount) },
      ]),
    )
    expect(footer.blobs[0]).toMatchObject({ type: 'deletion-vector-v1', snapshotId: -1n, sequenceNumber: -1n })
  })

  it('an entry whose count or place is not that of the vector is refused', async () => {
    const io = new MemoryStore()
    const uri = 'memory:///t/data/dv.puffin'
    const vector = keep(await deletionVectorOf([1n, 2n]))
    const [one] = (await writeDeletionVectors(io, uri, [{ referencedDataFile: 'x', vector }])).vectors
    if (one === undefined) throw new TypeError('no vector')
    await expect(readDeletionVector(io, dataFile(uri, { ...one, recordCount: 3n }))).rejects.toThrow(
      /has 2 positions.*says 3/,
    )
    await expect(readDeletionVector(io, dataFile(uri, { ...one, contentOffset: 5n }))).rejects.toMatchObject({
      code: 'iceberg/invalid-deletes',
    })
    await expect(readDeletionVector(io, { ...dataFile(uri, one), fileFormat: 'parquet' })).rejects.toThrow(
      /does not say where/,
    )
  })

  it('a file that is no Puffin file, is cut off, or has a packed footer is refused by name', async () => {
    const io = new MemoryStore()
    const vector = keep(await deletionVectorOf([1n]))
    await writeDeletionVectors(io, 'memory:///good', [{ referencedDataFile: 'x', vector }])
    const good = new Uint8Array((await io.read('memory:///good')).bytes)
    await io.create('memory:///short', good.slice(0, 10))
    await io.create('memory:///cut', good.slice(0, -1))
    await io.create('memory:///head', good.slice(20))
    const packed = good.slice()
    packed[packed.length - 8] = 1
    await io.create('memory:///packed', packed)
    for (const uri of ['memory:///short', 'memory:///cut']) {
      await expect(readPuffinFooter(io, uri)).rejects.toMatchObject({ code: 'iceberg/invalid-deletes' })
    }
    await expect(readPuffinFooter(io, 'memory:///packed')).rejects.toMatchObject({ code: 'iceberg/unsupported' })
  })
})
