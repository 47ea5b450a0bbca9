import avro from 'avsc'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type DataFile,
  type ManifestEntry,
  type ManifestFile,
  parseTransform,
  type PartitionSpec,
  type PartitionTuple,
  type PrimitiveType,
  readManifest,
  readManifestBlocks,
  readManifestList,
  type Schema,
  UNASSIGNED_SEQUENCE_NUMBER,
  writeManifest,
  writeManifestList,
} from '../../src/iceberg/index.ts'
import { MemoryStore } from '../../src/storage/index.ts'

const SNAPSHOT = 5_360_349_974_502_781_641n

/** One identity-partitioned column of each type, and values of it. */
const PARTITIONED: [PrimitiveType, fc.Arbitrary<PartitionTuple[number]>][] = [
  [{ kind: 'boolean' }, fc.boolean()],
  [{ kind: 'int' }, fc.integer()],
  [{ kind: 'long' }, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  [{ kind: 'float' }, fc.float()],
  [{ kind: 'double' }, fc.double()],
  [{ kind: 'date' }, fc.integer()],
  [{ kind: 'time' }, fc.bigInt({ min: 0n, max: 86_399_999_999n })],
  [{ kind: 'timestamp' }, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  [{ kind: 'timestamptz_ns' }, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  [{ kind: 'string' }, fc.string({ unit: 'binary' })],
  [{ kind: 'uuid' }, fc.uint8Array({ minLength: 16, maxLength: 16 })],
  [{ kind: 'binary' }, fc.uint8Array()],
  [{ kind: 'fixed', length: 3 }, fc.uint8Array({ minLength: 3, maxLength: 3 })],
  [{ kind: 'decimal', precision: 9, scale: 2 }, fc.bigInt({ min: -999_999_999n, max: 999_999_999n })],
  [{ kind: 'decimal', precision: 38, scale: 0 }, fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n })],
]
const schema: Schema = {
  schemaId: 3,
  identifierFieldIds: [],
  fields: PARTITIONED.map(([type], at) => ({ id: at + 1, name: `c ${at}`, required: false, type })),
}
const spec: PartitionSpec = {
  specId: 7,
  fields: PARTITIONED.map((_, at) => ({
    fieldId: 1000 + at,
    sourceIds: [at + 1],
    name: `1c ${at}`,
    transform: parseTransform('identity'),
  })),
}
const unpartitioned: PartitionSpec = { specId: 0, fields: [] }

const count = fc.bigInt({ min: 0n, max: 2n ** 60n })
const countMap = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 5000 }), count), { maxLength: 6 })
  .map((pairs) => new Map(pairs))
const boundMap = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.uint8Array({ maxLength: 20 })), { maxLength: 6 })
  .map((pairs) => new Map(pairs))
const dataFile: fc.Arbitrary<DataFile> = fc.record(
  {
    content: fc.constant<'data'>('data'),
    filePath: fc.string({ unit: 'grapheme', maxLength: 200 }),
    fileFormat: fc.constantFrom<'parquet' | 'avro' | 'orc'>('parquet', 'avro', 'orc'),
    specId: fc.constant(spec.specId),
    partition: fc.tuple(...PARTITIONED.map(([, value]) => fc.option(value))),
    recordCount: count,
    fileSizeInBytes: count,
    columnSizes: countMap,
    valueCounts: countMap,
    nullValueCounts: countMap,
    nanValueCounts: countMap,
    lowerBounds: boundMap,
    upperBounds: boundMap,
    splitOffsets: fc.array(count, { maxLength: 5 }),
    sortOrderId: fc.nat(),
    referencedDataFile: fc.string(),
  },
  { requiredKeys: ['content', 'filePath', 'fileFormat', 'specId', 'partition', 'recordCount', 'fileSizeInBytes'] },
)
const entry: fc.Arbitrary<ManifestEntry> = fc.oneof(
  fc.record({
    status: fc.constantFrom<'existing' | 'deleted'>('existing', 'deleted'),
    snapshotId: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
    sequenceNumber: fc.bigInt({ min: 1n, max: 50n }),
    fileSequenceNumber: fc.bigInt({ min: 1n, max: 50n }),
    dataFile,
  }),
  fc.record({
    status: fc.constant<'added'>('added'),
    snapshotId: fc.constant(null),
    sequenceNumber: fc.constant(null),
    fileSequenceNumber: fc.constant(null),
    dataFile,
  }),
)

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

function plainFile(filePath: string, more: Partial<DataFile> = {}): DataFile {
  return {
    content: 'data',
    filePath,
    fileFormat: 'parquet',
    specId: 0,
    partition: [],
    recordCount: 10n,
    fileSizeInBytes: 100n,
    ...more,
  }
}
const added = (file: DataFile): ManifestEntry => ({
  status: 'added',
  snapshotId: null,
  sequenceNumber: null,
  fileSequenceNumber: null,
  dataFile: file,
})
const common = { formatVersion: 2, spec: unpartitioned, schema, content: 'data', snapshotId: SNAPSHOT } as const

function manifestFile(more: Partial<ManifestFile> = {}): ManifestFile {
  return {
    manifestPath: 'memory:///m.avro',
    manifestLength: 1n,
    partitionSpecId: 0,
    content: 'data',
    sequenceNumber: 9n,
    minSequenceNumber: 1n,
    addedSnapshotId: SNAPSHOT,
    ...more,
  }
}

describe('manifests', () => {
  it('come back as they were written, with numbers inherited (I10)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 8 }), async (entries) => {
        const io = new MemoryStore()
        const file = await writeManifest(io, 'memory:///m.avro', { ...common, spec, entries, sequenceNumber: 60n })
        const expected = entries.map((one) =>
          one.status === 'added' ? { ...one, snapshotId: SNAPSHOT, sequenceNumber: 60n, fileSequenceNumber: 60n } : one,
        )
        expect(await all(readManifest(io, file, [unpartitioned, spec], schema))).toEqual(expected)
      }),
      { numRuns: 200 },
    )
  })

  it('are read by avsc, an independent codec, with the keys that the specification requires (I9)', async () => {
    const io = new MemoryStore()
    const file = plainFile('memory:///t/data/é.parquet', {
      valueCounts: new Map([[1, 10n]]),
      lowerBounds: new Map([[2, Uint8Array.of(1, 2)]]),
      splitOffsets: [4n],
    })
    await writeManifest(io, 'memory:///m.avro', { ...common, entries: [added(file)] })
    const { rows, metadata } = await avscRead((await io.read('memory:///m.avro')).bytes)
    expect(rows).toMatchObject([
      {
        status: 1,
        sequence_number: null,
        file_sequence_number: null,
        data_file: {
          content: 0,
          file_path: 'memory:///t/data/é.parquet',
          file_format: 'PARQUET',
          record_count: 10,
          value_counts: [{ key: 1, value: 10 }],
          lower_bounds: [{ key: 2, value: Buffer.of(1, 2) }],
          upper_bounds: null,
          split_offsets: [4],
        },
      },
    ])
    expect(metadata).toMatchObject({
      'schema-id': '3',
      'partition-spec-id': '0',
      'partition-spec': '[]',
      'format-version': '2',
      content: 'data',
    })
    expect(JSON.parse(metadata['schema'] ?? '')).toMatchObject({ type: 'struct', 'schema-id': 3 })
    const ids = JSON.stringify(JSON.parse(metadata['avro.schema'] ?? '')).match(/"(?:field|element)-id":\d+/g) ?? []
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of [0, 1, 2, 3, 4, 100, 101, 102, 103, 104, 108, 109, 110, 117, 118, 125, 128, 134, 137, 140, 143]) {
      expect(ids).toContain(`"field-id":${id}`)
    }
  })

  it('say in the list how many files and rows they have, and between which partition values they lie', async () => {
    const io = new MemoryStore()
    const byDouble: PartitionSpec = {
      specId: 7,
      fields: [
        { fieldId: 1000, sourceIds: [5], name: 'x', transform: parseTransform('identity') },
        { fieldId: 1001, sourceIds: [10], name: 's', transform: parseTransform('identity') },
      ],
    }
    const of = (x: number | null, s: string | null, status: ManifestEntry['status']): ManifestEntry => ({
      ...added(plainFile('f', { specId: 7, partition: [x, s], recordCount: 5n })),
      status,
      ...(status !== 'added' && { sequenceNumber: 4n, fileSequenceNumber: 4n, snapshotId: 1n }),
    })
    const entries = [
      of(Number.NaN, 'b', 'added'),
      of(0, 'é', 'added'),
      of(-0, 'b', 'existing'),
      of(null, 'a', 'deleted'),
    ]
    const file = await writeManifest(io, 'memory:///m.avro', { ...common, spec: byDouble, entries })
    expect(file).toMatchObject({
      addedFilesCount: 2,
      existingFilesCount: 1,
      deletedFilesCount: 1,
      addedRowsCount: 10n,
      existingRowsCount: 5n,
      deletedRowsCount: 5n,
      sequenceNumber: UNASSIGNED_SEQUENCE_NUMBER,
      minSequenceNumber: 4n,
      manifestLength: BigInt((await io.head('memory:///m.avro')).sizeBytes),
      partitions: [
        // NaN is no bound, and -0 lies before 0.
        {
          containsNull: true,
          containsNan: true,
          lowerBound: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128),
          upperBound: new Uint8Array(8),
        },
        { containsNull: false, lowerBound: Uint8Array.of(0x61), upperBound: Uint8Array.of(0xc3, 0xa9) },
      ],
    })
  })

  it('with the statistics left out read the same but for those', async () => {
    const io = new MemoryStore()
    const file = plainFile('f', {
      valueCounts: new Map([
        [1, 10n],
        [2, 11n],
      ]),
      upperBounds: new Map([
        [1, Uint8Array.of(1)],
        [2, Uint8Array.of(2)],
      ]),
      splitOffsets: [4n],
      sortOrderId: 1,
    })
    const manifest = await writeManifest(io, 'memory:///m.avro', { ...common, entries: [added(file)] })
    const [lean] = await all(readManifest(io, manifest, [unpartitioned], schema, { projection: 'no-stats' }))
    expect(lean?.dataFile).toEqual(plainFile('f', { splitOffsets: [4n], sortOrderId: 1 }))
    const [one] = await all(readManifest(io, manifest, [unpartitioned], schema, { statsFieldIds: new Set([2]) }))
    expect(one?.dataFile.valueCounts).toEqual(new Map([[2, 11n]]))
    expect(one?.dataFile.upperBounds).toEqual(new Map([[2, Uint8Array.of(2)]]))
  })

  it('of many files are read block by block, and what is kept of a bound is not the block (I13)', async () => {
    const io = new MemoryStore()
    const entries = Array.from({ length: 3000 }, (_, at) =>
      added(plainFile(`memory:///t/data/${at}.parquet`, { lowerBounds: new Map([[1, Uint8Array.of(at & 0xff)]]) })),
    )
    const manifest = await writeManifest(io, 'memory:///m.avro', { ...common, entries })
    let blocks = 0
    let files = 0
    for await (const block of readManifestBlocks(io, manifest, [unpartitioned], schema)) {
      blocks++
      files += block.length
      expect(block[0]?.dataFile.lowerBounds?.get(1)?.buffer.byteLength).toBe(1)
    }
    expect(files).toBe(3000)
    expect(blocks).toBeGreaterThan(2)
  })

  it('of v3 give files without a first row id one, in order, and leave the others (first row id inheritance)', async () => {
    const io = new MemoryStore()
    const existing: ManifestEntry = {
      status: 'existing',
      snapshotId: 1n,
      sequenceNumber: 1n,
      fileSequenceNumber: 1n,
      dataFile: plainFile('data1', { recordCount: 25n, firstRowId: 800n }),
    }
    const entries = [
      existing,
      added(plainFile('data2', { recordCount: 50n })),
      added(plainFile('data3', { recordCount: 50n })),
    ]
    const manifest = await writeManifest(io, 'memory:///m.avro', { ...common, formatVersion: 3, entries })
    const read = await all(
      readManifest(io, { ...manifest, sequenceNumber: 2n, firstRowId: 1000n }, [unpartitioned], schema),
    )
    expect(read.map((one) => one.dataFile.firstRowId)).toEqual([800n, 1000n, 1050n])
    const upgraded = await all(readManifest(io, { ...manifest, sequenceNumber: 2n }, [unpartitioned], schema))
    expect(upgraded.map((one) => one.dataFile.firstRowId)).toEqual([800n, undefined, undefined])
  })

  it('that are not there are told as what a snapshot names, with what to do', async () => {
    const io = new MemoryStore()
    await expect(readManifestList(io, 'memory:///gone.avro')).rejects.toMatchObject({
      code: 'storage/not-found',
      message: expect.stringContaining('a snapshot of the table names memory:///gone.avro'),
      remedy: expect.stringContaining('from a copy'),
    })
  })

  it('refuse entries that do not belong', async () => {
    const io = new MemoryStore()
    const write = (one: ManifestEntry) => writeManifest(io, 'memory:///no.avro', { ...common, entries: [one] })
    await expect(write(added(plainFile('f', { specId: 4 })))).rejects.toThrow(/is of the partition spec 4, not 0/)
    await expect(write(added(plainFile('f', { content: 'equality-deletes' })))).rejects.toThrow(/does not belong/)
    await expect(write({ ...added(plainFile('f')), status: 'existing' })).rejects.toThrow(/no sequence number/)
    const unknown: PartitionSpec = {
      specId: 0,
      fields: [{ fieldId: 1000, sourceIds: [1], name: 'z', transform: parseTransform('zorder[2]') }],
    }
    await expect(
      writeManifest(io, 'memory:///no.avro', { ...common, spec: unknown, entries: [] }),
    ).rejects.toMatchObject({ code: 'iceberg/unsupported' })
    await expect(io.head('memory:///no.avro')).rejects.toMatchObject({ code: 'storage/not-found' })
  })
})

describe('manifests of other writers', () => {
  const read = async (bytes: Uint8Array, more: Partial<ManifestFile> = {}, specs = [unpartitioned], as = schema) => {
    const io = new MemoryStore()
    await io.create('memory:///m.avro', bytes)
    return all(readManifest(io, manifestFile(more), specs, as))
  }

  it('of v1: no content, no sequence numbers, a deprecated block size; all is data of sequence number 0', async () => {
    const type: avro.Schema = {
      type: 'record',
      name: 'manifest_entry',
      fields: [
        { name: 'status', type: 'int' },
        { name: 'snapshot_id', type: 'long' },
        {
          name: 'data_file',
          type: {
            type: 'record',
            name: 'r2',
            fields: [
              { name: 'file_path', type: 'string' },
              { name: 'file_format', type: 'string' },
              {
                name: 'partition',
                type: { type: 'record', name: 'r102', fields: [{ name: 'day', type: ['null', 'int'] }] },
              },
              { name: 'record_count', type: 'long' },
              { name: 'file_size_in_bytes', type: 'long' },
              { name: 'block_size_in_bytes', type: 'long' },
            ],
          },
        },
      ],
    }
    const file = {
      file_path: 'f',
      file_format: 'parquet',
      partition: { day: 17 },
      record_count: 3,
      file_size_in_bytes: 9,
      block_size_in_bytes: 67_108_864,
    }
    const bytes = await avscWrite(type, [{ status: 0, snapshot_id: 77, data_file: file }])
    const daily: PartitionSpec = {
      specId: 0,
      fields: [{ fieldId: 1000, sourceIds: [6], name: 'day', transform: parseTransform('day') }],
    }
    expect(await read(bytes, { sequenceNumber: 0n }, [daily])).toEqual([
      {
        status: 'existing',
        snapshotId: 77n,
        sequenceNumber: 0n,
        fileSequenceNumber: 0n,
        dataFile: plainFile('f', { partition: [17], recordCount: 3n, fileSizeInBytes: 9n }),
      },
    ])
  })

  it('with other orders, unions, widths and fields that we do not know', async () => {
    // Fields by id under other names and in another order, null last in unions, int for long, a map with text keys.
    const type: avro.Schema = {
      type: 'record',
      name: 'entry',
      fields: [
        withId(2, 'file', [
          {
            type: 'record',
            name: 'f',
            fields: [
              {
                name: 'new_thing',
                type: { type: 'map', values: { type: 'array', items: ['null', 'double', 'string'] } },
              },
              withId(104, 'size', 'int'),
              withId(103, 'rows', ['int', 'null']),
              withId(109, 'counts', [{ type: 'map', values: 'int' }, 'null']),
              withId(102, 'p', {
                type: 'record',
                name: 'pp',
                fields: [withId(1001, 'other', ['string', 'null']), withId(1000, 'id_part', ['null', 'int'])],
              }),
              withId(101, 'fmt', 'string'),
              withId(100, 'path', ['null', 'string']),
              withId(134, 'kind', ['null', 'int']),
            ],
          },
          'null',
        ]),
        withId(0, 'status', 'int'),
        { name: 'unheard_of', type: { type: 'enum', name: 'e', symbols: ['A', 'B'] } },
        withId(3, 'seq', ['null', 'long']),
      ],
    }
    const rows = [
      {
        file: {
          f: {
            new_thing: { k: [null, { double: 1.5 }, { string: 'x' }] },
            size: 9,
            rows: { int: 3 },
            counts: { map: { 5: 6, 1: 2 } },
            p: { other: null, id_part: { int: 4 } },
            fmt: 'ORC',
            path: { string: 'f' },
            kind: { int: 0 },
          },
        },
        status: 1,
        unheard_of: 'B',
        seq: null,
      },
    ]
    const bytes = await avscWrite(type, rows, { wrapUnions: true })
    const bySource: PartitionSpec = {
      specId: 0,
      fields: [
        { fieldId: 1000, sourceIds: [3], name: 'id', transform: parseTransform('identity') },
        { fieldId: 1001, sourceIds: [999], name: 'gone', transform: parseTransform('identity') },
      ],
    }
    expect(await read(bytes, {}, [bySource])).toEqual([
      {
        status: 'added',
        snapshotId: SNAPSHOT,
        sequenceNumber: 9n,
        fileSequenceNumber: 9n,
        // The column was widened from int to long: the value too.
        dataFile: plainFile('f', {
          fileFormat: 'orc',
          partition: [4n, null],
          recordCount: 3n,
          fileSizeInBytes: 9n,
          valueCounts: new Map([
            [5, 6n],
            [1, 2n],
          ]),
        }),
      },
    ])
  })

  it('partition values of transforms that we do not know, and of void, are read as they were written (I4)', async () => {
    const fields = [withId(1000, 'z', ['null', 'int']), withId(1001, 'v', ['null', 'int']), withId(1002, 'm', 'bytes')]
    const type: avro.Schema = {
      type: 'record',
      name: 'manifest_entry',
      fields: [
        withId(0, 'status', 'int'),
        withId(2, 'data_file', {
          type: 'record',
          name: 'r2',
          fields: [
            withId(100, 'file_path', 'string'),
            withId(101, 'file_format', 'string'),
            withId(102, 'partition', { type: 'record', name: 'r102', fields }),
            withId(103, 'record_count', 'long'),
            withId(104, 'file_size_in_bytes', 'long'),
          ],
        }),
      ],
    }
    const file = { file_path: 'f', file_format: 'parquet', record_count: 10, file_size_in_bytes: 100 }
    const partition = { z: 77, v: null, m: Buffer.of(1, 2) }
    const bytes = await avscWrite(type, [{ status: 1, data_file: { ...file, partition } }])
    const odd: PartitionSpec = {
      specId: 0,
      fields: [
        { fieldId: 1000, sourceIds: [1], name: 'z', transform: parseTransform('zorder[2]') },
        { fieldId: 1001, sourceIds: [10], name: 'v', transform: parseTransform('void') },
        { fieldId: 1002, sourceIds: [1, 2], name: 'm', transform: parseTransform('multi') },
      ],
    }
    const [entry] = await read(bytes, {}, [odd])
    expect(entry?.dataFile.partition).toEqual([77, null, Uint8Array.of(1, 2)])
  })

  it('with any byte changed are read or refused; nothing else is thrown', async () => {
    const io = new MemoryStore()
    const dataFileOf = (at: number) => plainFile(`f${at}`, { valueCounts: new Map([[1, 3n]]), splitOffsets: [4n] })
    await writeManifest(io, 'memory:///m.avro', { ...common, entries: [0, 1, 2].map((at) => added(dataFileOf(at))) })
    const { rows: values, schema: written } = await avscRead((await io.read('memory:///m.avro')).bytes)
    const plain = await avscWrite(
      written,
      values.map((row) => Object.assign(row, { snapshot_id: 7 })),
      { codec: 'null' },
    )
    await fc.assert(
      fc.asyncProperty(fc.nat(plain.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const damaged = new Uint8Array(plain)
        damaged[at] = (damaged[at] ?? 0) ^ change
        const result = await read(damaged).catch((error: unknown) => error)
        if (!Array.isArray(result)) {
          expect(result).toMatchObject({ code: expect.stringMatching(/^iceberg\/(invalid-manifest|unsupported)$/) })
        }
      }),
      { numRuns: 1500 },
    )
  })

  it('that lack what is needed, or are damaged, are refused with their name', async () => {
    const type: avro.Schema = { type: 'record', name: 'manifest_entry', fields: [withId(0, 'status', 'int')] }
    await expect(read(await avscWrite(type, [{ status: 1 }]))).rejects.toMatchObject({
      code: 'iceberg/invalid-manifest',
      message: expect.stringMatching(
        /^memory:\/\/\/m\.avro: its records \(manifest_entry\) have no field data_file \(id 2\)/,
      ),
    })
    await expect(read(new TextEncoder().encode('{}'))).rejects.toThrow(/memory:\/\/\/m\.avro: it is no Avro file/)
    const io = new MemoryStore()
    const entries = Array.from({ length: 50 }, (_, at) => added(plainFile(`f${at}`)))
    const manifest = await writeManifest(io, 'memory:///good.avro', { ...common, entries })
    const good = new Uint8Array((await io.read('memory:///good.avro')).bytes)
    for (let length = 0; length < good.length; length += 31) {
      const result = await read(good.slice(0, length)).catch((error: unknown) => error)
      // Cut behind the header there are no entries; anywhere else it is refused.
      if (Array.isArray(result)) expect(result).toEqual([])
      else expect(result).toMatchObject({ code: 'iceberg/invalid-manifest' })
    }
    await expect(all(readManifest(io, { ...manifest, partitionSpecId: 5 }, [unpartitioned], schema))).rejects.toThrow(
      /partition spec 5, which the table does not have/,
    )
    await expect(
      all(readManifest(io, { ...manifest, keyMetadata: Uint8Array.of(1) }, [unpartitioned], schema)),
    ).rejects.toMatchObject({ code: 'iceberg/unsupported' })
  })

  it('an existing file without a sequence number in a v2 manifest is refused: deletes could not be placed', async () => {
    const io = new MemoryStore()
    const manifest = await writeManifest(io, 'memory:///m.avro', { ...common, entries: [added(plainFile('f'))] })
    const { rows, schema: written } = await avscRead((await io.read('memory:///m.avro')).bytes)
    const bytes = await avscWrite(
      written,
      rows.map((row) => Object.assign(row, { status: 0, snapshot_id: 7 })),
    )
    await expect(read(bytes, { ...manifest, sequenceNumber: 9n })).rejects.toThrow(
      /f is an existing file without a sequence number/,
    )
  })
})

describe('manifest lists', () => {
  const manifest = fc.record<ManifestFile>(
    {
      manifestPath: fc.string({ unit: 'grapheme' }),
      manifestLength: count,
      partitionSpecId: fc.nat(),
      content: fc.constantFrom('data', 'deletes'),
      sequenceNumber: fc.bigInt({ min: 0n, max: 2n ** 40n }),
      minSequenceNumber: fc.bigInt({ min: 0n, max: 2n ** 40n }),
      addedSnapshotId: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
      addedFilesCount: fc.nat(),
      existingFilesCount: fc.nat(),
      deletedFilesCount: fc.nat(),
      addedRowsCount: count,
      existingRowsCount: count,
      deletedRowsCount: count,
      partitions: fc.array(
        fc.record(
          {
            containsNull: fc.boolean(),
            containsNan: fc.boolean(),
            lowerBound: fc.uint8Array(),
            upperBound: fc.uint8Array(),
          },
          { requiredKeys: ['containsNull'] },
        ),
        { maxLength: 4 },
      ),
      firstRowId: count,
    },
    {
      requiredKeys: [
        'manifestPath',
        'manifestLength',
        'partitionSpecId',
        'content',
        'sequenceNumber',
        'minSequenceNumber',
        'addedSnapshotId',
        'addedFilesCount',
        'existingFilesCount',
        'deletedFilesCount',
        'addedRowsCount',
        'existingRowsCount',
        'deletedRowsCount',
      ],
    },
  )

  it('come back as they were written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(manifest, { maxLength: 8 }), async (manifests) => {
        const io = new MemoryStore()
        await writeManifestList(io, 'memory:///l.avro', {
          formatVersion: 2,
          snapshotId: SNAPSHOT,
          sequenceNumber: 9n,
          manifests,
        })
        const withoutRowIds = manifests.map((one) => ({ ...one, firstRowId: undefined }))
        expect(await readManifestList(io, 'memory:///l.avro')).toEqual(withoutRowIds)
      }),
      { numRuns: 200 },
    )
  })

  it('give the numbers of the snapshot to manifests that have none yet', async () => {
    const io = new MemoryStore()
    const fresh = manifestFile({
      sequenceNumber: UNASSIGNED_SEQUENCE_NUMBER,
      minSequenceNumber: UNASSIGNED_SEQUENCE_NUMBER,
    })
    const merged = manifestFile({ sequenceNumber: UNASSIGNED_SEQUENCE_NUMBER, minSequenceNumber: 3n })
    const options = { formatVersion: 2, snapshotId: SNAPSHOT, parentSnapshotId: 1n, sequenceNumber: 12n } as const
    await writeManifestList(io, 'memory:///l.avro', { ...options, manifests: [fresh, merged, manifestFile()] })
    const read = await readManifestList(io, 'memory:///l.avro')
    expect(read.map((one) => [one.sequenceNumber, one.minSequenceNumber])).toEqual([
      [12n, 12n],
      [12n, 3n],
      [9n, 1n],
    ])
    const { metadata } = await avscRead((await io.read('memory:///l.avro')).bytes)
    expect(metadata).toMatchObject({
      'snapshot-id': String(SNAPSHOT),
      'parent-snapshot-id': '1',
      'sequence-number': '12',
      'format-version': '2',
    })
    await expect(
      writeManifestList(io, 'memory:///x.avro', { ...options, manifests: [{ ...fresh, addedSnapshotId: 5n }] }),
    ).rejects.toThrow(/of snapshot 5 has no sequence number/)
  })

  it('of v3 assign first row ids as in the example of the specification', async () => {
    const io = new MemoryStore()
    const of = (manifestPath: string, addedRows: bigint, existingRows: bigint, more: Partial<ManifestFile> = {}) =>
      manifestFile({ manifestPath, addedRowsCount: addedRows, existingRowsCount: existingRows, ...more })
    const written = await writeManifestList(io, 'memory:///l.avro', {
      formatVersion: 3,
      snapshotId: SNAPSHOT,
      sequenceNumber: 12n,
      firstRowId: 1000n,
      manifests: [
        of('existing', 75n, 0n, { firstRowId: 925n }),
        of('added1', 100n, 25n),
        of('added2', 0n, 100n),
        of('added3', 125n, 25n),
        of('deletes', 5n, 0n, { content: 'deletes' }),
      ],
    })
    const read = await readManifestList(io, 'memory:///l.avro')
    expect(read.map((one) => one.firstRowId)).toEqual([925n, 1000n, 1125n, 1225n, undefined])
    expect(written.nextRowId).toBe(1375n)
  })

  it('of v1 lack content, sequence numbers and counts', async () => {
    const type: avro.Schema = {
      type: 'record',
      name: 'manifest_file',
      fields: [
        withId(500, 'manifest_path', 'string'),
        withId(501, 'manifest_length', 'long'),
        withId(502, 'partition_spec_id', 'int'),
        withId(503, 'added_snapshot_id', ['null', 'long']),
        withId(504, 'added_data_files_count', ['null', 'int']),
      ],
    }
    const io = new MemoryStore()
    await io.create(
      'memory:///l.avro',
      await avscWrite(type, [
        {
          manifest_path: 'm',
          manifest_length: 5,
          partition_spec_id: 0,
          added_snapshot_id: 7,
          added_data_files_count: 2,
        },
        {
          manifest_path: 'n',
          manifest_length: 5,
          partition_spec_id: 0,
          added_snapshot_id: 7,
          added_data_files_count: null,
        },
      ]),
    )
    const base = {
      manifestLength: 5n,
      partitionSpecId: 0,
      content: 'data',
      sequenceNumber: 0n,
      minSequenceNumber: 0n,
      addedSnapshotId: 7n,
    }
    expect(await readManifestList(io, 'memory:///l.avro')).toEqual([
      { ...base, manifestPath: 'm', addedFilesCount: 2 },
      { ...base, manifestPath: 'n' },
    ])
  })

  it('that are no Avro files are refused with their name', async () => {
    const io = new MemoryStore()
    await io.create('memory:///l.avro', new Uint8Array(100))
    await expect(readManifestList(io, 'memory:///l.avro')).rejects.toThrow(/^memory:\/\/\/l\.avro: it is no Avro file/)
  })
})

function withId(id: number, name: string, type: avro.Schema): { name: string; type: avro.Schema } {
  return Object.assign({ name, type }, { 'field-id': id })
}

/** Writes rows with avsc; its types drop the field ids, so the schema as given goes into the file. */
async function avscWrite(
  schema: avro.Schema,
  rows: readonly unknown[],
  options: { wrapUnions?: boolean; codec?: 'null' | 'deflate' } = {},
): Promise<Uint8Array> {
  const text = JSON.stringify(schema)
  const metadata = { 'avro.schema': Buffer.from(text) }
  const encoder = new avro.streams.BlockEncoder(
    avro.Type.forSchema(schema, options),
    Object.assign({ codec: options.codec ?? ('deflate' as const) }, { metadata }),
  )
  const chunks: Uint8Array[] = []
  encoder.on('data', (chunk: Uint8Array) => chunks.push(chunk))
  const ended = new Promise((resolve) => {
    encoder.on('end', resolve)
  })
  for (const row of rows) encoder.write(row)
  encoder.end()
  await ended
  return Buffer.concat(chunks)
}

async function avscRead(
  bytes: Uint8Array,
): Promise<{ rows: object[]; schema: avro.Schema; metadata: Record<string, string> }> {
  const long = avro.types.LongType.__with({
    fromBuffer: (buffer: Buffer) => Number(buffer.readBigInt64LE()),
    toBuffer: (value: number) => {
      const buffer = Buffer.alloc(8)
      buffer.writeBigInt64LE(BigInt(value))
      return buffer
    },
    fromJSON: Number,
    toJSON: Number,
    isValid: (value: unknown) => typeof value === 'number',
    compare: (a: number, b: number) => a - b,
  })
  const decoder = new avro.streams.BlockDecoder({
    parseHook: (schema: avro.Schema) => avro.Type.forSchema(schema, { registry: { long } }),
  })
  const rows: object[] = []
  const metadata: Record<string, string> = {}
  decoder.on('metadata', (_type: avro.Type, _codec: string, header: { meta: Record<string, Buffer> }) => {
    for (const [key, value] of Object.entries(header.meta)) metadata[key] = value.toString()
  })
  decoder.on('data', (row: object) => rows.push(row))
  const ended = new Promise((resolve, reject) => decoder.on('end', resolve).on('error', reject))
  decoder.end(Buffer.from(bytes))
  await ended
  const schema: avro.Schema = JSON.parse(metadata['avro.schema'] ?? '')
  return { rows, schema, metadata }
}
