import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../src/base/index.ts'
import { readTableMetadata, relocateTable } from '../../src/iceberg/index.ts'
import { openQueryLake, type QueryLake } from './query-lake.ts'
import {
  FIELDS,
  type Statistics,
  writeMetadata,
  writeRows,
  writeV1List,
  writeV1Manifest,
} from './support/foreign-table.ts'

let lake: QueryLake
beforeAll(async () => {
  lake = await openQueryLake()
  await lake.run('CREATE SCHEMA h')
})
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
})

const NAMES = "SELECT * FROM (VALUES (1::BIGINT, 'a'), (2, NULL), (3, 'größe')) t(id, name)"
const ROWS = [
  [1n, 'a'],
  [2n, null],
  [3n, 'größe'],
]
/** What the first version of the specification asks for, and no more: no uuid, no lists of schemas, specs or orders, no refs. */
const bareV1 = (location: string, more: { readonly [key: string]: Json }): { [key: string]: Json } => ({
  'format-version': 1,
  location,
  'last-updated-ms': 1_600_000_000_000,
  'last-column-id': 2,
  schema: { type: 'struct', fields: FIELDS },
  'partition-spec': [],
  properties: { owner: 'spark' },
  ...more,
})
/** As BigQuery exports it: version 2, no logs, no refs, no summary but what it must have; manifests inline, of version 1. */
const exportedV2 = (location: string): Json => ({
  'format-version': 2,
  'table-uuid': '9C12D441-03FE-4693-9A96-A0705DDF69C1',
  location,
  'last-sequence-number': 0,
  'last-updated-ms': 1_700_000_000_000,
  'last-column-id': 2,
  'current-schema-id': 0,
  schemas: [{ type: 'struct', 'schema-id': 0, fields: FIELDS }],
  'default-spec-id': 0,
  'partition-specs': [{ 'spec-id': 0, fields: [] }],
  'last-partition-id': 999,
  'default-sort-order-id': 0,
  'sort-orders': [{ 'order-id': 0, fields: [] }],
  'current-snapshot-id': 9,
  snapshots: [
    {
      'snapshot-id': 9,
      'sequence-number': 0,
      'timestamp-ms': 1_700_000_000_000,
      summary: { operation: 'append' },
      manifests: [`${location}/metadata/m0.avro`],
    },
  ],
})
const rowsOf = (from: string) => lake.rows(`SELECT id, name FROM ${from} ORDER BY id`)

/** Adopts the table, sees its rows and filters, and adds one of ours. */
async function adopts(name: string, metadataFile: string): Promise<void> {
  await lake.catalog.registerTable({ namespace: ['h'], name }, metadataFile)
  expect(await rowsOf(`h.${name}`)).toEqual(ROWS)
  expect(await lake.rows(`SELECT id FROM h.${name} WHERE name IS NULL`)).toEqual([[2n]])
  expect(await lake.rows(`SELECT id FROM h.${name} WHERE name >= 'b'`)).toEqual([[3n]])
  await lake.run(`INSERT INTO h.${name} VALUES (4, 'ours')`)
  expect(await rowsOf(`h.${name}`)).toEqual([...ROWS, [4n, 'ours']])
  await lake.run(`DELETE FROM h.${name} WHERE true; DROP TABLE h.${name} PURGE`)
}

describe('a table of the first Spark writers', () => {
  it.each([
    ['file:', 'v2.metadata.json'],
    ['file://', 'v2.gz.metadata.json'],
    ['', 'v2.metadata.json.gz'],
  ])('by Hadoop names, manifests inline, paths that begin with "%s/", in %s', async (scheme, name) => {
    const folder = join(lake.folder, `spark-${scheme.length}`)
    const location = `${scheme}${folder}`
    const first = await writeRows(lake, join(folder, 'data/00000-0-a.parquet'), `${NAMES} WHERE id < 3`)
    const second = await writeRows(lake, join(folder, 'data/00000-1-b.parquet'), `${NAMES} WHERE id = 3`)
    const files = { first, second }
    for (const [at, [key, file]] of Object.entries(files).entries()) {
      const entry = { location: `${scheme}${file.path}`, file }
      await writeV1Manifest(join(folder, `metadata/${key}-m0.avro`), 7 + at, [entry])
    }
    const snapshots: Json = [
      {
        'snapshot-id': 7,
        'timestamp-ms': 1_500_000_000_000,
        summary: { operation: 'append', 'spark.app.id': 'local-1', 'engine-name': 'spark' },
        manifests: [`${location}/metadata/first-m0.avro`],
      },
      {
        'snapshot-id': 8,
        'parent-snapshot-id': 7,
        'timestamp-ms': 1_600_000_000_000,
        manifests: [`${location}/metadata/first-m0.avro`, `${location}/metadata/second-m0.avro`],
      },
    ]
    await writeMetadata(
      folder,
      name.replace('v2', 'v1'),
      bareV1(location, { 'current-snapshot-id': -1, snapshots: [] }),
    )
    const current = await writeMetadata(folder, name, bareV1(location, { 'current-snapshot-id': 8, snapshots }))
    await writeFile(join(folder, 'metadata/version-hint.text'), '2\n')
    expect(await rowsOf(`iceberg_scan('${folder}')`)).toEqual(ROWS)
    expect(await rowsOf(`iceberg_scan('${location}/')`)).toEqual(ROWS)
    expect(await rowsOf(`iceberg_scan('${folder}', version => '1')`)).toEqual([])
    expect(await rowsOf(`iceberg_scan('${folder}', snapshot_from_id => 7)`)).toEqual(ROWS.slice(0, 2))
    await adopts('spark', current)
  })

  it('with a manifest list that has neither counts nor summaries', async () => {
    const folder = join(lake.folder, 'listed')
    const file = await writeRows(lake, join(folder, 'data/a.parquet'), NAMES)
    const manifest = join(folder, 'metadata/m0.avro')
    const sizeBytes = await writeV1Manifest(manifest, 9, [{ location: file.path, file }])
    await writeV1List(join(folder, 'metadata/snap-9.avro'), 9, manifest, sizeBytes)
    const snapshot = {
      'snapshot-id': 9,
      'timestamp-ms': 1_600_000_000_000,
      'manifest-list': `${folder}/metadata/snap-9.avro`,
    }
    const current = await writeMetadata(
      folder,
      '00001-x.metadata.json',
      bareV1(folder, { 'current-snapshot-id': 9, snapshots: [snapshot] }),
    )
    expect(await lake.rows(`SELECT count(*) FROM iceberg_scan('${folder}')`)).toEqual([[3n]])
    await adopts('listed', current)
  })

  it.each([
    ['-1', -1],
    ['null', null],
  ])('that is empty, which current-snapshot-id says as %s', async (text, id) => {
    const folder = join(lake.folder, `empty${text}`)
    const current = await writeMetadata(folder, 'v1.metadata.json', bareV1(folder, { 'current-snapshot-id': id }))
    expect(await rowsOf(`iceberg_scan('${folder}')`)).toEqual([])
    await lake.catalog.registerTable({ namespace: ['h'], name: 'empty' }, current)
    expect(await lake.rows('SELECT count(*) FROM h.empty')).toEqual([[0n]])
    await lake.run("INSERT INTO h.empty VALUES (1, 'a')")
    expect(await rowsOf('h.empty')).toEqual([[1n, 'a']])
    await lake.run('DROP TABLE h.empty')
  })
})

describe('statistics', () => {
  const text = (value: string) => Buffer.from(value)
  const long = (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  }
  const cases: readonly (readonly [string, Statistics])[] = [
    [
      'null counts are absent',
      { valueCounts: { 1: 3, 2: 3 }, lower: { 1: long(1n), 2: text('a') }, upper: { 1: long(3n) } },
    ],
    [
      'the upper bound is cut and raised',
      { nullCounts: { 1: 0, 2: 1 }, lower: { 2: text('a') }, upper: { 2: text('h') } },
    ],
    [
      'the lower bound is above the upper one',
      { nullCounts: { 2: 1 }, lower: { 1: long(9n), 2: text('z') }, upper: { 1: long(0n), 2: text('b') } },
    ],
    ['bounds are of another width', { lower: { 1: Buffer.from([1, 0, 0]) }, upper: { 1: Buffer.from([9]) } }],
    [
      'bounds are of an int, from before the column became long',
      { lower: { 1: Buffer.from([1, 0, 0, 0]) }, upper: { 1: Buffer.from([3, 0, 0, 0]) } },
    ],
    [
      'bounds are of columns that are not there',
      { lower: { 99: text('x') }, upper: { 99: text('x') }, nullCounts: { 99: 3 } },
    ],
    ['bounds are not UTF-8', { lower: { 2: Buffer.from([0x61]) }, upper: { 2: Buffer.from([0x67, 0xc3]) } }],
    ['bounds are empty', { lower: { 1: Buffer.alloc(0), 2: Buffer.alloc(0) }, upper: { 1: Buffer.alloc(0) } }],
  ]
  it.each(cases)('hide no row where %s', async (name, statistics) => {
    const folder = join(lake.folder, name.replaceAll(' ', '-'))
    const file = await writeRows(lake, join(folder, 'data/a.parquet'), NAMES)
    await writeV1Manifest(join(folder, 'metadata/m0.avro'), 9, [{ location: file.path, file, statistics }])
    const snapshot = { 'snapshot-id': 9, 'timestamp-ms': 1_600_000_000_000, manifests: [`${folder}/metadata/m0.avro`] }
    await writeMetadata(folder, 'v1.metadata.json', bareV1(folder, { 'current-snapshot-id': 9, snapshots: [snapshot] }))
    const ids = async (condition: string) =>
      (await lake.rows(`SELECT id FROM iceberg_scan('${folder}') WHERE ${condition} ORDER BY id`)).flat()
    expect(await ids('id = 3')).toEqual([3n])
    expect(await ids('id > 1')).toEqual([2n, 3n])
    expect(await ids('id < 2')).toEqual([1n])
    expect(await ids("name = 'größe'")).toEqual([3n])
    expect(await ids("name >= 'gr'")).toEqual([3n])
    expect(await ids("name <> 'a'")).toEqual([3n])
    expect(await ids('name IS NULL')).toEqual([2n])
    expect(await ids('name IS NOT NULL')).toEqual([1n, 3n])
    expect(await lake.rows(`SELECT count(*), count(name), min(id), max(name) FROM iceberg_scan('${folder}')`)).toEqual([
      [3n, 2n, 1n, 'größe'],
    ])
  })
})

describe('system tables', () => {
  it('show files of damaged bounds, and snapshots of times in microseconds or nanoseconds', async () => {
    const folder = join(lake.folder, 'odd')
    const file = await writeRows(lake, join(folder, 'data/a.parquet'), NAMES)
    const statistics = { lower: { 1: Buffer.from([1, 0, 0]), 2: Buffer.from('a') }, upper: { 1: Buffer.alloc(0) } }
    await writeV1Manifest(join(folder, 'metadata/m0.avro'), 9, [{ location: file.path, file, statistics }])
    const manifests = [`${folder}/metadata/m0.avro`]
    const times = [1_700_000_000_000_000n, 1_700_000_000_000_000_000n]
    const snapshots = times.map((time, at) => ({ 'snapshot-id': 8 + at, 'timestamp-ms': time, manifests }))
    const metadata = bareV1(folder, { 'current-snapshot-id': 9, snapshots })
    const location = await writeMetadata(folder, 'v1.metadata.json', metadata)
    await lake.catalog.registerTable({ namespace: ['h'], name: 'odd' }, location)
    expect(await lake.rows('SELECT lower_bounds::VARCHAR, upper_bounds::VARCHAR FROM h.odd.files')).toEqual([
      ['{1=0x010000, 2=a}', '{1=0x}'],
    ])
    expect(await lake.rows('SELECT snapshot_id, year(committed_at) FROM h.odd.snapshots')).toEqual([
      [8n, 55_840n],
      [9n, null],
    ])
  })
})

describe('a table copied from an object store', () => {
  it.each([
    ['gs', 'gs'],
    ['s3', 's3a'],
    ['s3a', 's3'],
    ['hdfs', 'hdfs'],
  ])('whose metadata says %s:// and whose manifests say %s:// is read where it lies', async (ofTable, ofFiles) => {
    const folder = join(lake.folder, `copied-${ofTable}`)
    const file = await writeRows(lake, join(folder, 'data/a b%20.parquet'), NAMES)
    const place = 'bucket/lake/t'
    await writeV1Manifest(join(folder, 'metadata/m0.avro'), 9, [
      { location: `${ofFiles}://${place}/data/a b%20.parquet`, file },
    ])
    const document = exportedV2(`${ofTable}://${place}`)
    await writeMetadata(folder, 'v1700000000.metadata.json', document)
    await writeFile(join(folder, 'metadata/version-hint.text'), '1700000000')
    await expect(rowsOf(`iceberg_scan('${folder}')`)).rejects.toMatchObject({ code: 'storage/unsupported' })
    expect(await rowsOf(`iceberg_scan('${folder}', allow_moved_paths => true)`)).toEqual(ROWS)
    // Without the hint the newest metadata is found.
    await rename(join(folder, 'metadata/version-hint.text'), join(folder, 'metadata/hint'))
    expect(await rowsOf(`iceberg_scan('${folder}', allow_moved_paths => true)`)).toEqual(ROWS)
  })
})

it('a table of inline manifests that was moved is whole again after relocating it', async () => {
  const folder = join(lake.folder, 'before')
  const moved = { from: folder, to: join(lake.folder, 'after') }
  const file = await writeRows(lake, join(folder, 'data/a.parquet'), NAMES)
  await writeV1Manifest(join(folder, 'metadata/m0.avro'), 9, [{ location: `file:${file.path}`, file }])
  await writeMetadata(folder, 'v1.metadata.json', exportedV2(`file:${folder}`))
  await rename(moved.from, moved.to)
  const location = join(moved.to, 'metadata/v1.metadata.json')
  await expect(rowsOf(`iceberg_scan('${location}')`)).rejects.toMatchObject({ code: 'storage/not-found' })
  const table = { metadata: await readTableMetadata(lake.io, location), metadataLocation: location }
  const { metadataLocation } = await relocateTable(lake.io, table, moved, 0)
  expect(await rowsOf(`iceberg_scan('${metadataLocation}')`)).toEqual(ROWS)
  await adopts('relocated', metadataLocation)
})

describe('arguments of iceberg_scan', () => {
  it.each([
    ["snapshot_from_id => 'x'", "'x'"],
    ["snapshot_from_timestamp => 'soon'", "'soon'"],
    ['snapshot_from_timestamp => NULL::TIMESTAMP', 'NULL::TIMESTAMP'],
    ["allow_moved_paths => 'x'", "'x'"],
  ])('%s that cannot be read is refused with its value', async (argument, value) => {
    const folder = join(lake.folder, 'arguments')
    await writeMetadata(folder, 'v1.metadata.json', bareV1(folder, {}))
    await expect(rowsOf(`iceberg_scan('${folder}', ${argument})`)).rejects.toMatchObject({
      code: 'sql/syntax',
      message: expect.stringContaining(value),
    })
  })

  it('take values that are typed, cast or reckoned', async () => {
    const folder = join(lake.folder, 'typed')
    const [older, newer] = [1_500_000_000_000, 1_600_000_000_000]
    const first = await writeRows(lake, join(folder, 'data/a.parquet'), `${NAMES} WHERE id < 3`)
    await writeV1Manifest(join(folder, 'metadata/m0.avro'), 7, [{ location: first.path, file: first }])
    const snapshots: Json = [
      { 'snapshot-id': 7, 'timestamp-ms': older, manifests: [`${folder}/metadata/m0.avro`] },
      { 'snapshot-id': 8, 'timestamp-ms': newer, manifests: [] },
    ]
    const log = [
      { 'snapshot-id': 7, 'timestamp-ms': older },
      { 'snapshot-id': 8, 'timestamp-ms': newer },
    ]
    await writeMetadata(
      folder,
      'v1.metadata.json',
      bareV1(folder, { 'current-snapshot-id': 8, snapshots, 'snapshot-log': log }),
    )
    const rows = (argument: string) => rowsOf(`iceberg_scan('${folder}', ${argument})`)
    for (const time of [
      "TIMESTAMP '2020-09-13 12:26:39'",
      "'2020-09-13 12:26:39'::TIMESTAMP",
      "CAST('2020-09-13 12:26:39' AS TIMESTAMP)",
      "TIMESTAMPTZ '2020-09-13 14:26:39+02'",
      "'2020-09-13T12:26:39Z'",
      "DATE '2020-09-14' - INTERVAL 1 DAY",
    ]) {
      expect(await rows(`snapshot_from_timestamp => ${time}`), time).toEqual(ROWS.slice(0, 2))
    }
    expect(await rows("snapshot_from_timestamp => TIMESTAMP '2020-09-13 12:26:41', version => '1'")).toEqual([])
    expect(await rows('snapshot_from_id => 7::UBIGINT')).toEqual(ROWS.slice(0, 2))
  })
})
