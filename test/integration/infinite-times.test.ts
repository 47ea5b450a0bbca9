import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { mkdtemp, rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Lakehouse } from '../../src/lakehouse/index.ts'
import { failure, type Kit, openKit } from './ingest-kit.ts'
import { openQueryLake, type QueryLake } from './query-lake.ts'

let kit: Kit
let lake: QueryLake
beforeAll(async () => {
  kit = await openKit()
  lake = await openQueryLake()
  await lake.run('create schema s')
})
afterAll(async () => {
  await kit[Symbol.asyncDispose]()
  await lake[Symbol.asyncDispose]()
})

const TERMS = [
  ['date', ['d', 'year(d)', 'month(d)', 'day(d)', 'bucket(4, d)']],
  ['timestamp', ['d', 'year(d)', 'month(d)', 'day(d)', 'hour(d)', 'bucket(4, d)']],
  ['timestamptz', ['d', 'year(d)', 'month(d)', 'day(d)', 'hour(d)', 'bucket(4, d)']],
] as const
const FAR = {
  date: ["'5877642-06-25 (BC)'", "'5881580-07-10'"],
  // Hours since 1970 are 32 bits.
  timestamp: ["'240000-01-01 (BC) 00:00:00'", "'240000-01-01 00:00:00'"],
  timestamptz: ["'240000-01-01 (BC) 00:00:00+00'", "'240000-01-01 00:00:00+00'"],
} as const
const CASES = TERMS.flatMap(([type, terms]) => terms.map((term) => [type, term] as const))
const refusal = (column: string, value: string, type: string) => ({
  code: 'schema/mismatch',
  message: `the column '${column}' would get '${value}', which no ${type} of Iceberg is`,
})

describe('an infinite time does not lie among nulls, where DELETE and INSERT OVERWRITE of nulls take it', () => {
  it.each(CASES)('%s partitioned by %s', async (type, term) => {
    await lake.run(`create or replace table s.t (id int, d ${type}) partitioned by (${term})`)
    for (const value of ['infinity', '-infinity']) {
      const rows = `values (1, '2024-01-01'), (2, '${value}'), (3, null)`
      expect(await failure(lake.run(`insert into s.t ${rows}`))).toMatchObject(refusal('d', value, type))
      expect(await failure(lake.run(`insert overwrite s.t ${rows}`))).toMatchObject(refusal('d', value, type))
    }
    // What is only far away has a partition of its own.
    const [first, last] = FAR[type]
    await lake.run(`insert into s.t values (1, null), (2, ${first}), (3, ${last})`)
    await lake.run('delete from s.t where d is null')
    expect(await lake.rows('select id from s.t order by id')).toEqual([[2], [3]])
  })
})

describe('an infinite time is refused by name', () => {
  it.each([
    ['without partitions', 'd date', "'infinity'::date", 'd', 'infinity', 'date'],
    ['in a struct', 's struct(a timestamp)', "{'a': '-infinity'::timestamp}", 's.a', '-infinity', 'timestamp'],
    ['in a list', 'l timestamptz[]', "['infinity'::timestamptz]", 'l.element', 'infinity', 'timestamptz'],
    ['in a map', 'm map(date, int)', "map {'-infinity'::date: 1}", 'm.key', '-infinity', 'date'],
  ])('%s', async (_, column, sql, path, value, type) => {
    await lake.run(`create or replace table s.u (${column})`)
    expect(await failure(lake.run(`insert into s.u select ${sql}`))).toMatchObject(refusal(path, value, type))
    const [name] = column.split(' ')
    expect(await failure(lake.run(`create table s.v as select ${sql} as ${name}`))).toMatchObject(
      refusal(path, value, type),
    )
    expect(await failure(lake.run('select * from s.v'))).toMatchObject({ code: 'sql/unknown-table' })
    expect(await lake.rows('select * from s.u')).toEqual([])
  })

  it('of a row group that is not the last of its file', async () => {
    await lake.run('create or replace table s.w (i bigint, d date)')
    const rows = "select i, case when i = 10 then '-infinity' else '2020-01-01' end::date from range(300000) t(i)"
    expect(await failure(lake.run(`insert into s.w ${rows}`))).toMatchObject(refusal('d', '-infinity', 'date'))
  })

  it.each([
    ['partitions', { partitionBy: 'month(d)' }],
    ['a sort order', { sortBy: 'd' }],
    ['neither', {}],
  ])('of Parquet and Arrow files, with %s', async (_, layout) => {
    await using session = await kit.engine.session()
    const path = join(kit.folder, 'infinite.parquet')
    await session.run(
      `COPY (SELECT 1 AS id, 'infinity'::DATE AS d UNION ALL SELECT 2, NULL) TO '${path}' (FORMAT parquet)`,
    )
    expect(await failure(kit.import({ sources: [path], ...layout }))).toMatchObject(refusal('d', 'infinity', 'date'))

    const { makeData, makeVector, Table, tableToIPC, TimestampMicrosecond } = await import('apache-arrow')
    const data = BigInt64Array.of(2n ** 63n - 1n, 0n)
    const times = makeVector(makeData({ type: new TimestampMicrosecond(), length: 2, data }))
    const arrow = await kit.file('infinite.arrow', tableToIPC(new Table({ d: times }), 'file'))
    expect(await failure(kit.import({ sources: [arrow], ...layout }))).toMatchObject(
      refusal('d', 'infinity', 'timestamp'),
    )
    expect(await kit.catalog.tableExists({ namespace: ['ns'], name: 't' })).toBe(false)
  })

  it.each(['date', 'timestamp', 'timestamptz'])('of CSV and NDJSON, as a declared %s', async (type) => {
    const schemaFile = await kit.file('infinite.sql', `id BIGINT, d ${type.toUpperCase()}`)
    const lines = { csv: 'id,d\n1,2020-01-01T00:00:00Z\n2,infinity\n', ndjson: '{"id":2,"d":"infinity"}\n' }
    for (const [format, text] of Object.entries(lines)) {
      const path = await kit.file(`infinite.${format}`, type === 'timestamptz' ? text : text.replace('T00:00:00Z', ''))
      expect(await failure(kit.import({ sources: [path], schemaFile }))).toMatchObject({
        code: 'source/row',
        context: { value: 'infinity' },
      })
    }
  })

  it('of rows that a program appends', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'icebox-infinite-'))
    try {
      await Lakehouse.init(join(folder, 'lake'))
      await using opened = await Lakehouse.open(join(folder, 'lake'))
      await opened.sql`create schema a`
      await opened.sql`create table a.t (d date, t timestamp, z timestamptz) partitioned by (month(d))`
      const writer = await opened.appender('a.t')
      for (const column of ['d', 't', 'z'])
        expect(await failure(writer.append([{ [column]: 'infinity' }]))).toMatchObject({ context: { column } })
      await writer.close()
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
