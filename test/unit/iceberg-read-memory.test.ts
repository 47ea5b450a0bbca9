import { deflateRawSync, gzipSync, inflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { AvroContainerWriter, AvroEncoder, readAvroContainer } from '../../src/iceberg/avro/index.ts'
import {
  type DataFile,
  printTableMetadata,
  readManifest,
  readManifestList,
  readTableMetadata,
  writeManifest,
  writeManifestList,
} from '../../src/iceberg/index.ts'
import { unpackWithin } from '../../src/iceberg/unpack.ts'
import { MemoryStore } from '../../src/storage/index.ts'
import { CountedReads } from './support/counted-reads.ts'
import { newTable, SCHEMA } from './support/iceberg-table.ts'

const MIB = 1024 * 1024
const UNPARTITIONED = { specId: 0, fields: [] }

function storeWith(roomLimit?: number): { io: MemoryStore; reads: CountedReads } {
  const reads = new CountedReads(roomLimit)
  return { io: new MemoryStore({ reads }), reads }
}

function expectNothingHeld(reads: CountedReads): void {
  expect({ buffers: reads.heldBuffers, room: reads.heldRoomBytes }).toEqual({ buffers: 0, room: 0 })
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const gathered: T[] = []
  for await (const item of items) gathered.push(item)
  return gathered
}

describe('unpacking what is as long as nobody knows', () => {
  it.each([0, 1, 300_000, 512 * 1024, 512 * 1024 + 1, 5 * MIB])(
    'gives %i bytes, and asks for what an attempt may take before it',
    async (length) => {
      const packed = deflateRawSync(new Uint8Array(length).fill(7))
      const reads = new CountedReads()
      using room = reads.room('it')
      const attempts: number[] = []
      const unpack = (maxOutputLength: number) => {
        attempts.push(maxOutputLength)
        expect(reads.heldRoomBytes).toBe(2 * maxOutputLength)
        return inflateRawSync(packed, { maxOutputLength })
      }
      const bytes = await unpackWithin(unpack, 64 * MIB, room)
      expect(Buffer.compare(bytes, Buffer.alloc(length, 7))).toBe(0)
      expect(attempts.at(-1)).toBeLessThanOrEqual(Math.max(512 * 1024, 4 * length))
    },
  )

  it('ends where the most is not enough, and where room is refused', async () => {
    const packed = deflateRawSync(new Uint8Array(5 * MIB))
    const unpack = (maxOutputLength: number) => inflateRawSync(packed, { maxOutputLength })
    const reads = new CountedReads(8 * MIB)
    using room = reads.room('it')
    await expect(unpackWithin(unpack, 3 * MIB, room)).rejects.toMatchObject({ code: 'ERR_BUFFER_TOO_LARGE' })
    using other = reads.room('it')
    await expect(unpackWithin(unpack, 64 * MIB, other)).rejects.toMatchObject({ code: 'memory/refused' })
  })
})

describe('table metadata', () => {
  const text = printTableMetadata(newTable({ properties: { note: 'x'.repeat(100_000) } }))

  it.each([
    ['plain', Buffer.from(text)],
    ['gzip', gzipSync(text)],
  ])('is read (%s) within room for several times its text, all of it given back', async (_, bytes) => {
    const { io, reads } = storeWith()
    await io.create('memory:///m.json', bytes)
    const metadata = await readTableMetadata(io, 'memory:///m.json')
    expect(metadata.properties['note']).toHaveLength(100_000)
    expect(reads.mostRoomBytes).toBeGreaterThanOrEqual(4 * text.length)
    expect([...reads.asked]).toEqual(['the metadata file memory:///m.json'])
    expectNothingHeld(reads)
  })

  it('that has no room is refused before it is parsed, and nothing stays held', async () => {
    const { io, reads } = storeWith(200_000)
    await io.create('memory:///m.json', Buffer.from(text))
    await io.create('memory:///m.gz.json', gzipSync(text))
    await io.create('memory:///broken.json', Buffer.from('{'.repeat(1000)))
    for (const uri of ['memory:///m.json', 'memory:///m.gz.json']) {
      await expect(readTableMetadata(io, uri)).rejects.toMatchObject({ code: 'memory/refused' })
    }
    await expect(readTableMetadata(io, 'memory:///broken.json')).rejects.toMatchObject({
      code: 'iceberg/invalid-metadata',
    })
    expectNothingHeld(reads)
  })
})

describe('manifests and manifest lists', () => {
  const files: DataFile[] = Array.from({ length: 3000 }, (_, at) => ({
    content: 'data',
    filePath: `memory:///data/${at}.parquet`,
    fileFormat: 'parquet',
    specId: 0,
    partition: [],
    recordCount: BigInt(at),
    fileSizeInBytes: 1000n,
    lowerBounds: new Map([[2, Buffer.from(`region ${at}`)]]),
  }))
  const written = async (io: MemoryStore) =>
    await writeManifest(io, 'memory:///m.avro', {
      formatVersion: 2,
      schema: SCHEMA,
      spec: UNPARTITIONED,
      content: 'data',
      snapshotId: 5n,
      entries: files.map((dataFile) => ({
        status: 'added',
        snapshotId: 5n,
        sequenceNumber: null,
        fileSequenceNumber: null,
        dataFile,
      })),
    })

  it('entries keep their values when the bytes that they came from are used for something else', async () => {
    const { io, reads } = storeWith()
    const manifest = { ...(await written(io)), sequenceNumber: 1n }
    const entries = await all(readManifest(io, manifest, [UNPARTITIONED], SCHEMA))
    // The counted buffers were overwritten when they were given back.
    expect(entries.map((entry) => entry.dataFile.filePath)).toEqual(files.map((file) => file.filePath))
    expect(entries.map((entry) => entry.dataFile.lowerBounds?.get(2))).toEqual(
      files.map((file) => new Uint8Array(file.lowerBounds?.get(2) ?? [])),
    )
    expect([...reads.asked]).toEqual(['the manifest memory:///m.avro'])
    expectNothingHeld(reads)
  })

  it('a reader that stops early or is refused leaves nothing held', async () => {
    const { io, reads } = storeWith()
    const manifest = { ...(await written(io)), sequenceNumber: 1n }
    for await (const entry of readManifest(io, manifest, [UNPARTITIONED], SCHEMA)) {
      expect(reads.heldBuffers).toBe(1)
      expect(entry.dataFile.filePath).toBe('memory:///data/0.parquet')
      break
    }
    expectNothingHeld(reads)
    const small = storeWith(100_000)
    const other = { ...(await written(small.io)), sequenceNumber: 1n }
    await expect(all(readManifest(small.io, other, [UNPARTITIONED], SCHEMA))).rejects.toMatchObject({
      code: 'memory/refused',
    })
    expectNothingHeld(small.reads)
  })

  it('a list holds room for all of its manifests until it was read', async () => {
    const { io, reads } = storeWith()
    const manifest = await written(io)
    await writeManifestList(io, 'memory:///l.avro', {
      formatVersion: 2,
      snapshotId: 5n,
      sequenceNumber: 1n,
      manifests: Array.from({ length: 5000 }, (_, at) => ({ ...manifest, manifestPath: `memory:///${at}.avro` })),
    })
    const manifests = await readManifestList(io, 'memory:///l.avro')
    expect(manifests).toHaveLength(5000)
    expect(manifests[4999]?.manifestPath).toBe('memory:///4999.avro')
    // 5,000 manifests of 40 bytes and more.
    expect(reads.mostRoomBytes).toBeGreaterThan(5000 * 40 * 6)
    expectNothingHeld(reads)
  })

  it('a block that unpacks to a thousand times its size is refused where there is no room for it', async () => {
    const header = new AvroContainerWriter().header('"null"', {})
    const packed = deflateRawSync(new Uint8Array(40 * MIB))
    const block = new AvroEncoder(packed.length + 64)
    block.int(1)
    block.byteString(packed)
    block.fixed(header.slice(-16))
    const bomb = [header, block.written()]
    const roomy = new CountedReads()
    const parts = await all(readAvroContainer(bomb, { reads: roomy, what: 'the bomb' }))
    expect(parts).toHaveLength(2)
    expect(roomy.mostRoomBytes).toBeGreaterThanOrEqual(2 * 40 * MIB)
    expectNothingHeld(roomy)
    const small = new CountedReads(20 * MIB)
    await expect(all(readAvroContainer(bomb, { reads: small, what: 'the bomb' }))).rejects.toMatchObject({
      code: 'memory/refused',
    })
    expectNothingHeld(small)
  })
})
