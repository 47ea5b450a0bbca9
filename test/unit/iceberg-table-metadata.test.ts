import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Json, parseJson, printJson } from '../../src/base/index.ts'
import {
  parseNameMapping,
  parseSchema,
  parseTableMetadata,
  printTableMetadata,
  readTableMetadata,
  schemaToJson,
} from '../../src/iceberg/index.ts'
import { MemoryStore } from '../../src/storage/index.ts'

const LOCATION = 'memory:///t/metadata/00001-x.metadata.json'
type Document = { [key: string]: Json }

const schemaJson: Document = {
  type: 'struct',
  'schema-id': 1,
  'identifier-field-ids': [1],
  fields: [
    { id: 1, name: 'x', required: true, type: 'long' },
    {
      id: 2,
      name: 'y',
      required: false,
      type: 'decimal(9, 2)',
      doc: 'money',
      'initial-default': '14.20',
      'write-default': '0.00',
    },
    {
      id: 3,
      name: 'tags',
      required: false,
      type: { type: 'list', 'element-id': 4, element: 'string', 'element-required': true },
    },
    {
      id: 5,
      name: 'props',
      required: false,
      type: {
        type: 'map',
        'key-id': 6,
        key: 'string',
        'value-id': 7,
        value: { type: 'struct', fields: [{ id: 8, name: 'z', required: false, type: 'fixed[16]' }] },
        'value-required': false,
      },
    },
  ],
}

/** Every part of v2 metadata, with ids that a double cannot hold, and keys that nobody knows in every object. */
const full = (): Document => ({
  'format-version': 2,
  'table-uuid': '9c12d441-03fe-4693-9a96-a0705ddf69c1',
  location: 's3://bucket/test/location',
  'last-sequence-number': 34,
  'last-updated-ms': 1602638573590,
  'last-column-id': 8,
  'current-schema-id': 1,
  schemas: [
    { type: 'struct', 'schema-id': 0, fields: [{ id: 1, name: 'x', required: true, type: 'long', odd: 1 }] },
    { ...schemaJson, odd: [true] },
  ],
  'default-spec-id': 0,
  'partition-specs': [
    {
      'spec-id': 0,
      fields: [{ 'source-id': 1, 'field-id': 1000, name: 'x', transform: 'bucket[16]', odd: {} }],
      odd: 'b',
    },
    { 'spec-id': 1, fields: [{ 'source-ids': [1, 2], 'field-id': 1001, name: 'm', transform: 'zorder' }] },
  ],
  'last-partition-id': 1001,
  'default-sort-order-id': 3,
  'sort-orders': [
    {
      'order-id': 3,
      fields: [
        { 'source-id': 1, transform: 'identity', direction: 'asc', 'null-order': 'nulls-first', odd: 1.5 },
        { 'source-id': 2, transform: 'truncate[4]', direction: 'desc', 'null-order': 'nulls-last' },
      ],
    },
  ],
  properties: { 'read.split.target.size': '134217728', 'unknown.to.all': 'kept', ['__proto__']: 'x' },
  'current-snapshot-id': 3055729675574597004n,
  refs: {
    main: { 'snapshot-id': 3055729675574597004n, type: 'branch', 'min-snapshots-to-keep': 3, odd: 2 },
    test: { 'snapshot-id': 3051729675574597004n, type: 'tag', 'max-ref-age-ms': 9_007_199_254_740_993n },
  },
  snapshots: [
    {
      'snapshot-id': 3051729675574597004n,
      'sequence-number': 0,
      'timestamp-ms': 1515100955770,
      'manifest-list': 's3://a/b/1.avro',
      summary: { operation: 'append' },
    },
    {
      'snapshot-id': 3055729675574597004n,
      'parent-snapshot-id': 3051729675574597004n,
      'sequence-number': 1,
      'timestamp-ms': 1555100955770,
      'manifest-list': 's3://a/b/2.avro',
      summary: { operation: 'overwrite', 'added-records': '12' },
      'schema-id': 1,
      odd: { a: [9_007_199_254_740_993n] },
    },
  ],
  'snapshot-log': [
    { 'snapshot-id': 3051729675574597004n, 'timestamp-ms': 1515100955770 },
    { 'snapshot-id': 3055729675574597004n, 'timestamp-ms': 1555100955770, odd: { a: 9_007_199_254_740_993n } },
  ],
  'metadata-log': [{ 'metadata-file': 's3://bucket/x.metadata.json', 'timestamp-ms': 1515100, odd: [null] }],
  statistics: [{ 'snapshot-id': 3055729675574597004n, 'statistics-path': 's3://a/b/stats.puffin' }],
  'some-future-key': { deep: [1, 9_007_199_254_740_993n, null] },
})

const parse = (document: Document) => parseTableMetadata(printJson(document), LOCATION)

describe('table metadata of v2', () => {
  it('survives a read and a write with every key and every digit (I1, I2)', () => {
    expect(parseJson(printTableMetadata(parse(full())))).toEqual(full())
  })

  it('is parsed into its parts', () => {
    const metadata = parse(full())
    expect(metadata).toMatchObject({
      formatVersion: 2,
      tableUuid: '9c12d441-03fe-4693-9a96-a0705ddf69c1',
      lastSequenceNumber: 34n,
      lastColumnId: 8,
      currentSnapshotId: 3055729675574597004n,
      defaultSortOrderId: 3,
    })
    expect(metadata.schemas[1]?.fields[1]).toMatchObject({ initialDefault: 1420n, writeDefault: 0n, doc: 'money' })
    expect(metadata.partitionSpecs[1]?.fields[0]).toEqual({
      fieldId: 1001,
      sourceIds: [1, 2],
      name: 'm',
      transform: { kind: 'unknown', text: 'zorder' },
    })
    expect(Object.keys(metadata.extra)).toEqual(['statistics', 'some-future-key'])
    expect(metadata.refs['test']?.maxRefAgeMs).toBe(9_007_199_254_740_993n)
  })

  it('a trailing slash of the location is not part of it', () => {
    expect(parse({ ...full(), location: 's3://b/t//' }).location).toBe('s3://b/t')
    expect(parse({ ...full(), location: 'file:///' }).location).toBe('file:///')
  })

  it('last ids and numbers that are below what was given out are raised, so that nothing is given out twice', () => {
    const low = { ...full(), 'last-column-id': 1, 'last-partition-id': 1000, 'last-sequence-number': 0 }
    expect(parse(low)).toMatchObject({ lastColumnId: 8, lastPartitionId: 1001, lastSequenceNumber: 1n })
  })

  it('-1, which Java writes for no snapshot, is none', () => {
    const empty = { ...full(), 'current-snapshot-id': -1, snapshots: [], 'snapshot-log': [], refs: {} }
    expect(parse(empty).currentSnapshotId).toBeUndefined()
    expect(parse(empty).refs).toEqual({})
  })

  it('of a table that was upgraded keeps snapshots whose manifests are listed inline', () => {
    const snapshots = [{ 'snapshot-id': 5, 'timestamp-ms': 1, manifests: ['a', 'b'] }]
    const metadata = parse({ ...full(), snapshots, 'current-snapshot-id': 5, refs: {}, 'snapshot-log': [] })
    expect(metadata.snapshots).toEqual([
      { snapshotId: 5n, sequenceNumber: 0n, timestampMs: 1n, manifests: ['a', 'b'], summary: {} },
    ])
  })

  it('without refs main is the current snapshot', () => {
    const { refs: _refs, ...rest } = full()
    expect(_refs).toBeDefined()
    expect(parse(rest).refs).toEqual({ main: { snapshotId: 3055729675574597004n, type: 'branch' } })
  })
})

describe('table metadata of v1 (Iceberg spec, Appendix E)', () => {
  const first = (): Document => ({
    'format-version': 1,
    location: 'file:///t',
    'last-updated-ms': 1602638573874,
    'last-column-id': 3,
    schema: {
      type: 'struct',
      fields: [
        { id: 1, name: 'x', required: true, type: 'long' },
        { id: 2, name: 'd', required: false, type: 'date' },
      ],
    },
    'partition-spec': [
      { name: 'd_day', transform: 'day', 'source-id': 2 },
      { name: 'x', transform: 'identity', 'source-id': 1 },
    ],
    properties: {},
    'current-snapshot-id': 1,
    snapshots: [
      { 'snapshot-id': 1, 'timestamp-ms': 5, manifests: ['file:///t/m1.avro', 'file:///t/m2.avro'] },
      { 'snapshot-id': 2, 'timestamp-ms': 6, 'manifest-list': 'file:///t/l.avro' },
    ],
  })

  it('is filled with the defaults of the specification', () => {
    const metadata = parse(first())
    expect(metadata).toMatchObject({
      formatVersion: 1,
      lastSequenceNumber: 0n,
      currentSchemaId: 0,
      defaultSpecId: 0,
      lastPartitionId: 1001,
      defaultSortOrderId: 0,
      sortOrders: [{ orderId: 0, fields: [] }],
      partitionSpecs: [
        {
          specId: 0,
          fields: [
            { fieldId: 1000, name: 'd_day' },
            { fieldId: 1001, name: 'x' },
          ],
        },
      ],
      schemas: [{ schemaId: 0 }],
      snapshots: [
        { sequenceNumber: 0n, manifests: ['file:///t/m1.avro', 'file:///t/m2.avro'], summary: {} },
        { manifestList: 'file:///t/l.avro' },
      ],
    })
    expect(metadata.tableUuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(parse(first()).tableUuid).toBe(metadata.tableUuid)
    expect(parse({ ...first(), location: 'file:///other' }).tableUuid).not.toBe(metadata.tableUuid)
  })

  it('written again has the old keys too, so that v1 readers read it', () => {
    const written = parseJson(printTableMetadata(parse(first())))
    expect(written).toMatchObject({
      'format-version': 1,
      schema: { fields: [{ id: 1 }, { id: 2 }] },
      'partition-spec': [{ 'source-id': 2 }, { 'source-id': 1 }],
      schemas: [{ 'schema-id': 0 }],
    })
    expect(written).not.toHaveProperty('last-sequence-number')
    expect(written).not.toHaveProperty(['snapshots', 0, 'sequence-number'])
  })
})

describe('table metadata of v3', () => {
  it('keeps row lineage and the types of v3', () => {
    const document = {
      ...full(),
      'format-version': 3,
      'next-row-id': 9_007_199_254_740_993n,
      schemas: [
        {
          type: 'struct',
          'schema-id': 1,
          fields: [
            { id: 1, name: 'x', required: true, type: 'timestamp_ns' },
            { id: 2, name: 'u', required: false, type: 'unknown' },
          ],
        },
      ],
    }
    expect(parse(document).nextRowId).toBe(9_007_199_254_740_993n)
    expect(parseJson(printTableMetadata(parse(document)))).toEqual(document)
  })
})

describe('what is not read is refused by name', () => {
  const withType = (type: Json) => ({
    ...full(),
    schemas: [{ type: 'struct', 'schema-id': 1, fields: [{ id: 1, name: 'v', required: false, type }] }],
  })
  it.each<[string, Document, RegExp]>([
    ['v4', { ...full(), 'format-version': 4 }, /format version 4 are not supported/],
    ['variant', withType('variant'), /schemas\[0\]\.fields\[0\]\.type: the type variant is not supported/],
    ['geometry', withType('geometry(srid:4326)'), /the type geometry\(srid:4326\) is not supported/],
    [
      'geography',
      withType({ type: 'list', 'element-id': 2, element: 'geography', 'element-required': false }),
      /the type geography is not supported/,
    ],
    ['encryption keys', { ...full(), 'encryption-keys': [{ 'key-id': 'a' }] }, /encryption is not supported/],
    [
      'encrypted snapshots',
      {
        ...full(),
        snapshots: [
          {
            'snapshot-id': 3055729675574597004n,
            'sequence-number': 1,
            'timestamp-ms': 1,
            'manifest-list': 'x',
            'key-id': 'a',
          },
        ],
      },
      /snapshot 3055729675574597004 is encrypted/,
    ],
  ])('%s', (_name, document, message) => {
    expect(() => parse(document)).toThrow(message)
    expect(() => parse(document)).toThrow(expect.objectContaining({ code: 'iceberg/unsupported' }))
  })
})

describe('broken metadata is refused with location, key and value', () => {
  const without = (key: string) => Object.fromEntries(Object.entries(full()).filter(([name]) => name !== key))
  it.each<[Document, RegExp]>([
    [without('location'), /00001-x\.metadata\.json: location is missing/],
    [without('schemas'), /schemas is missing or empty/],
    [without('table-uuid'), /table-uuid is missing/],
    [{ ...full(), 'last-column-id': '8' }, /last-column-id is "8", not a 32-bit integer/],
    [{ ...full(), 'last-column-id': 2 ** 31 }, /last-column-id is 2147483648, not a 32-bit integer/],
    [{ ...full(), 'last-updated-ms': 1.5 }, /last-updated-ms is 1\.5, not a 64-bit integer/],
    [{ ...full(), 'last-updated-ms': 2n ** 63n }, /last-updated-ms is 9223372036854775808, not a 64-bit integer/],
    [{ ...full(), 'current-schema-id': 9 }, /current-schema-id is 9, which the metadata does not define/],
    [{ ...full(), 'default-spec-id': 9 }, /default-spec-id is 9/],
    [
      { ...full(), 'current-snapshot-id': 5 },
      /refs\.main is snapshot 3055729675574597004, but current-snapshot-id is 5/,
    ],
    [{ ...full(), refs: {}, 'current-snapshot-id': 5 }, /current-snapshot-id is 5, which the metadata does not define/],
    [{ ...full(), snapshots: {} }, /snapshots is an object, not an array/],
    [{ ...full(), snapshots: [{ 'snapshot-id': 1 }] }, /snapshots\[0\]\.manifest-list is missing/],
    [{ ...full(), 'format-version': 0 }, /format-version is 0/],
    [
      { ...full(), schemas: [{ ...schemaJson, fields: [{ id: 1, name: 'a', required: true, type: 'varchar' }] }] },
      /type is "varchar", which is no type/,
    ],
    [
      {
        ...full(),
        schemas: [{ ...schemaJson, fields: [1, 1].map((id) => ({ id, name: 'a', required: true, type: 'int' })) }],
      },
      /schemas\[0\] has the field id 1 twice/,
    ],
  ])('%#', (document, message) => {
    expect(() => parse(document)).toThrow(message)
    expect(() => parse(document)).toThrow(expect.objectContaining({ code: 'iceberg/invalid-metadata' }))
  })

  it('a file cut anywhere', () => {
    const text = printJson(full())
    fc.assert(
      fc.property(fc.nat(text.length - 1), (length) => {
        expect(() => parseTableMetadata(text.slice(0, length), LOCATION)).toThrow(
          expect.objectContaining({ code: 'iceberg/invalid-metadata', message: expect.stringContaining(LOCATION) }),
        )
      }),
    )
  })

  it('any value changed to another kind is either read or refused; nothing else is thrown', () => {
    const keys = Object.keys(full())
    fc.assert(
      fc.property(fc.constantFrom(...keys), fc.oneof(fc.jsonValue(), fc.constantFrom(-1, 2 ** 40)), (key, value) => {
        try {
          parseTableMetadata(JSON.stringify({ ...JSON.parse(printJson(full())), [key]: value }), LOCATION)
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^iceberg\/(invalid-metadata|unsupported)$/) })
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('metadata files', () => {
  it('packed with gzip are recognised by their bytes, whatever their name', async () => {
    const io = new MemoryStore()
    await io.create('memory:///t/v1.gz.metadata.json', gzipSync(printJson(full())))
    await io.create('memory:///t/v2.metadata.json', gzipSync(printJson(full())))
    await io.create('memory:///t/v3.metadata.json', Buffer.from(printJson(full(), 2)))
    for (const name of ['v1.gz', 'v2', 'v3']) {
      expect((await readTableMetadata(io, `memory:///t/${name}.metadata.json`)).lastSequenceNumber).toBe(34n)
    }
  })

  it('that are cut, no text, or not there are told apart', async () => {
    const io = new MemoryStore()
    await io.create('memory:///cut.gz.metadata.json', gzipSync(printJson(full())).subarray(0, 100))
    await io.create('memory:///bytes.metadata.json', Uint8Array.of(0x7b, 0xff, 0xfe))
    await io.create('memory:///empty.metadata.json', new Uint8Array())
    await expect(readTableMetadata(io, 'memory:///cut.gz.metadata.json')).rejects.toThrow(/cannot be unpacked/)
    await expect(readTableMetadata(io, 'memory:///bytes.metadata.json')).rejects.toThrow(/is not UTF-8/)
    await expect(readTableMetadata(io, 'memory:///empty.metadata.json')).rejects.toMatchObject({
      code: 'iceberg/invalid-metadata',
    })
    await expect(readTableMetadata(io, 'memory:///none.metadata.json')).rejects.toMatchObject({
      code: 'storage/not-found',
    })
  })
})

it('a schema comes back from its JSON form', () => {
  expect(schemaToJson(parseSchema(schemaJson))).toEqual(schemaJson)
})

it('a name mapping is read from JSON and from the text of its property', () => {
  const json: Json = [
    { 'field-id': 1, names: ['id', 'record_id'] },
    { names: ['not.in.schema'] },
    { 'field-id': 3, names: ['location'], fields: [{ 'field-id': 4, names: ['latitude', 'lat'] }] },
  ]
  const mapping = [
    { fieldId: 1, names: ['id', 'record_id'], fields: [] },
    { names: ['not.in.schema'], fields: [] },
    { fieldId: 3, names: ['location'], fields: [{ fieldId: 4, names: ['latitude', 'lat'], fields: [] }] },
  ]
  expect(parseNameMapping(json)).toEqual(mapping)
  expect(parseNameMapping(printJson(json))).toEqual(mapping)
  expect(() => parseNameMapping('[{"names": "id"}]')).toThrow(
    /schema\.name-mapping\.default: \[0\]\.names is "id", not an array/,
  )
})
