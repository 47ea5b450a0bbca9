import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  applyTransform,
  type Literal,
  parseDate,
  parseDecimal,
  parseTimestamp,
  parseTransform,
  parseUuid,
  partitionKey,
  type PrimitiveType,
} from '../../src/iceberg/index.ts'
import type { Engine } from '../../src/engine/index.ts'
import { executeImport, planImport } from '../../src/ingest/index.ts'
import { textOf } from '../../src/ingest/sql.ts'
import { partitionKeySql } from '../../src/ingest/write/transform-sql.ts'
import { localPath } from '../../src/storage/index.ts'
import { failure, type Kit, openKit } from './ingest-kit.ts'

let kit: Kit
beforeAll(async () => {
  kit = await openKit()
  await mkdir(join(kit.folder, 'in'))
})
afterAll(() => kit[Symbol.asyncDispose]())

/** An engine that is planned as if it had less. */
function plannedFor(engine: Engine, memoryLimitBytes: number): Engine {
  const plan = { memoryLimitBytes, threads: 1, copyThreads: 1, purgeAboveBytes: undefined }
  return {
    plan,
    threads: 1,
    memoryLimitBytes,
    session: (signal) => engine.session(signal),
    follow: () => Promise.resolve(),
    memory: () => engine.memory(),
    giveBack: () => engine.giveBack(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

let tables = 0
const fresh = () => ({ namespace: ['ns'], name: `p${++tables}` })

type Case = readonly [
  type: PrimitiveType,
  sqlType: string,
  transforms: readonly string[],
  values: readonly (readonly [sql: string, value: Literal])[],
]

const micros = (text: string): Literal => parseTimestamp(text, 6) ?? 0n
const times: readonly (readonly [string, Literal])[] = [
  '1969-12-31T23:59:59.999999',
  '1969-12-31T00:00:00',
  '1970-01-01T00:00:00',
  '2017-11-16T22:31:08',
  '1582-10-04T01:00:00',
  '9999-12-31T23:59:59',
].map((text) => [`'${text}'`, micros(text)])

const CASES: readonly Case[] = [
  [
    { kind: 'int' },
    'INTEGER',
    ['identity', 'bucket[16]', 'bucket[1000]', 'truncate[10]', 'truncate[7]'],
    [0, 1, 34, -1, -10, -11, 2147483647, -2147483648].map((n) => [`${n}`, n]),
  ],
  [
    { kind: 'long' },
    'BIGINT',
    ['identity', 'bucket[16]', 'bucket[1000]', 'truncate[10]'],
    [0n, 34n, -1n, -11n, 9223372036854775807n, -9223372036854775800n, -9223372036854775808n].map((n) => [`${n}`, n]),
  ],
  [
    { kind: 'date' },
    'DATE',
    ['identity', 'bucket[16]', 'year', 'month', 'day'],
    ['1969-12-31', '1970-01-01', '2017-11-16', '1969-01-01', '1582-10-04', '9999-12-31'].map((text) => [
      `'${text}'`,
      parseDate(text) ?? 0,
    ]),
  ],
  [{ kind: 'timestamp' }, 'TIMESTAMP', ['identity', 'bucket[16]', 'year', 'month', 'day', 'hour'], times],
  [
    { kind: 'timestamptz' },
    'TIMESTAMPTZ',
    ['identity', 'bucket[16]', 'year', 'month', 'day', 'hour'],
    times.map(([sql, value]) => [`${sql.slice(0, -1)}Z'`, value]),
  ],
  [
    { kind: 'string' },
    'VARCHAR',
    ['identity', 'bucket[16]', 'truncate[3]'],
    ['iceberg', '', 'a/b=c %é', 'жук👍🏽x', '👍👍👍👍', 'x'.repeat(300)].map((text) => [`'${text}'`, text]),
  ],
  [
    { kind: 'binary' },
    'BLOB',
    ['identity', 'bucket[16]', 'truncate[2]'],
    [[`'\\x00\\x01\\x02\\xFF'`, Uint8Array.of(0, 1, 2, 255)]],
  ],
  [
    { kind: 'uuid' },
    'UUID',
    ['identity', 'bucket[16]'],
    ['f79c3e09-677c-4bbd-a479-3f349cb785e7', '00000000-0000-0000-0000-000000000000'].map((text) => [
      `'${text}'`,
      parseUuid(text) ?? new Uint8Array(),
    ]),
  ],
  [
    { kind: 'decimal', precision: 9, scale: 2 },
    'DECIMAL(9,2)',
    ['identity', 'bucket[16]', 'truncate[50]'],
    ['14.20', '10.65', '-0.05', '-10.65', '0.00'].map((text) => [text, parseDecimal(text, 9, 2) ?? 0n]),
  ],
  [
    { kind: 'decimal', precision: 38, scale: 5 },
    'DECIMAL(38,5)',
    ['identity', 'bucket[16]', 'truncate[7]'],
    ['123456789012345678901234567890.12345', '-123456789012345678901234567890.12345'].map((text) => [
      `'${text}'`,
      parseDecimal(text, 38, 5) ?? 0n,
    ]),
  ],
  [
    { kind: 'boolean' },
    'BOOLEAN',
    ['identity'],
    [
      ['true', true],
      ['false', false],
    ],
  ],
  [{ kind: 'time' }, 'TIME', ['identity', 'bucket[16]'], [[`'22:31:08.000001'`, 81_068_000_001n]]],
]

it('an hour beyond the 32 bits of the transform is refused in words about it, and the last within is taken', () => {
  const hour = partitionKeySql({ kind: 'hour' }, { kind: 'timestamp' }, '"c"', 'h')
  const decode = (key: string) => hour.decode(key)
  expect([decode('2147483647'), decode('-2147483648')]).toEqual([2_147_483_647, -2_147_483_648])
  for (const key of ['2147483648', '-2147483649']) {
    expect(() => decode(key)).toThrow(
      expect.objectContaining({ code: 'schema/mismatch', message: expect.stringContaining('transform hour') }),
    )
  }
})

describe('transforms in SQL give the values of the specification (I14)', () => {
  for (const [type, sqlType, transforms, values] of CASES) {
    it.each(transforms)(`${sqlType}: %s`, async (text) => {
      const transform = parseTransform(text)
      await using session = await kit.engine.session()
      const key = partitionKeySql(transform, type, '"c"', 'h')
      await key.register?.(session)
      let sql = `SELECT n, c FROM (VALUES ${values.map(([value], at) => `(${at}, CAST(${value} AS ${sqlType}))`).join(', ')}) t(n, c)`
      for (const [level, steps] of key.levels.entries()) {
        const known = new Set(
          key.levels
            .slice(0, level)
            .flat()
            .map((step) => step.name),
        )
        const exclude = steps.filter((step) => known.has(step.name)).map((step) => step.name)
        sql = `SELECT *${exclude.length > 0 ? ` EXCLUDE (${exclude.join(', ')})` : ''}, ${steps.map((step) => `${step.sql} AS ${step.name}`).join(', ')} FROM (${sql})`
      }
      const rows = await session.all(
        `SELECT CAST(${key.keySql} AS VARCHAR) AS k, CAST(${key.valueSql ?? 'NULL'} AS VARCHAR) AS v FROM (${sql}) ORDER BY n`,
      )
      values.forEach(([shown, value], at) => {
        const expected = applyTransform(transform, type, value)
        const got = key.decode(textOf(rows[at]?.['k'])) ?? (typeof rows[at]?.['v'] === 'string' ? rows[at]['v'] : null)
        expect(partitionKey([got]), `${text}(${shown.slice(0, 40)})`).toBe(partitionKey([expected]))
      })
    })
  }
})

describe('partitioned imports', () => {
  it('rows lie in the files of their partition, nulls in one of their own', async () => {
    const rows = Array.from(
      { length: 600 },
      (_, at) => `${at},${at % 5 === 0 ? '' : `2023-0${(at % 3) + 1}-15 10:00:00`},${['x/y', 'a=b', ''][at % 3]}`,
    )
    const path = await kit.file('months.csv', `id,ts,kind\n${rows.join('\n')}\n`)
    const table = fresh()
    const done = await kit.import({ table, sources: [path], partitionBy: 'month(ts), kind' })
    expect(done.rows).toBe(600)
    const files = await kit.dataFiles(table.name)
    const tuples = files.map((file) => partitionKey(file.partition)).sort()
    expect(new Set(tuples).size).toBe(files.length)
    expect(files.reduce((sum, file) => sum + file.recordCount, 0n)).toBe(600n)
    // at % 3 rules both month and kind; every fifth has no time.
    const expected = [
      [636, 'x/y'],
      [637, 'a=b'],
      [638, null],
      [null, 'x/y'],
      [null, 'a=b'],
      [null, null],
    ].map((tuple) => partitionKey(tuple))
    expect(tuples).toEqual(expected.sort())
    expect(files.every((file) => /\/\d{5}-[0-9a-f-]{36}\.parquet$/.test(file.filePath))).toBe(true)
    const count = await kit.read('SELECT count(*) AS n, sum(id) AS s FROM $T', table.name)
    expect(count[0]).toEqual({ n: 600n, s: expect.anything() })
    expect(textOf(count[0]?.['s'])).toBe(String((600 * 599) / 2))
  })

  it('many partitions are staged in buckets, and each partition still gets one file', async () => {
    await using session = await kit.engine.session()
    const path = join(kit.folder, 'in', 'many.parquet')
    await session.run(
      `COPY (SELECT range AS id, CAST(range % 700 AS INTEGER) AS k, hash(range) AS h FROM range(70000)) TO '${path}' (FORMAT parquet)`,
    )
    const table = fresh()
    const plan = await kit.plan({ table, tableName: 'ns.many', sources: [path], partitionBy: 'k' })
    expect(plan.strategy.kind).toBe('staged')
    const done = await kit.import({ table, sources: [path], partitionBy: 'k' })
    expect(done.rows).toBe(70_000)
    const files = await kit.dataFiles(table.name)
    expect(files.length).toBe(700)
    expect(files.every((file) => file.recordCount === 100n)).toBe(true)
    for (const file of files.slice(0, 20)) {
      const lower = file.lowerBounds?.get(2)
      expect(lower === undefined ? undefined : Buffer.from(lower).readInt32LE(0)).toBe(file.partition[0])
    }
    expect(await readdir(join(kit.folder, 'staging')).catch(() => [])).toEqual([])
  })

  it('a partition far above the target size is divided, its rows kept in their order', async () => {
    await mkdir(join(kit.folder, 'in'), { recursive: true })
    await using session = await kit.engine.session()
    const path = join(kit.folder, 'in', 'skewed.parquet')
    // About 4 MB of text that does not compress in partition 0, a few rows in partition 1.
    await session.run(
      `COPY (SELECT range AS id, CASE WHEN range % 1000 = 0 THEN 1 ELSE 0 END AS k, md5(range::VARCHAR) AS t FROM range(200000)) TO '${path}' (FORMAT parquet)`,
    )
    const table = fresh()
    const properties = { 'write.target-file-size-bytes': '1000000' }
    const done = await kit.import({ table, sources: [path], partitionBy: 'k', sortBy: 'id desc', properties })
    expect(done.rows).toBe(200_000)
    const files = await kit.dataFiles(table.name)
    const small = files.filter((file) => file.partition[0] === 1)
    const parts = files.filter((file) => file.partition[0] === 0)
    expect(small.map((file) => file.recordCount)).toEqual([200n])
    expect(parts.length).toBeGreaterThan(2)
    expect(parts.every((file) => file.fileSizeInBytes < 2_000_000n)).toBe(true)
    expect(parts.reduce((sum, file) => sum + file.recordCount, 0n)).toBe(199_800n)
    const totals = await kit.read('SELECT count(DISTINCT id) AS n, sum(id)::VARCHAR AS s FROM $T', table.name)
    expect(totals[0]).toEqual({ n: 200_000n, s: String((200_000n * 199_999n) / 2n) })
    for (const file of parts) {
      const wrong = await kit.read(
        `SELECT count(*) AS n FROM (SELECT id, lag(id) OVER (ORDER BY file_row_number) AS before FROM read_parquet('${localPath(file.filePath)}', file_row_number = true)) WHERE before <= id`,
        table.name,
      )
      expect(wrong[0]?.['n']).toBe(0n)
    }
    // What was copied first is gone: one file a data file, nothing beside them.
    const data = await readdir(join(localPath((await kit.table(table.name)).metadata.location), 'data'), {
      recursive: true,
    })
    expect(data.filter((name) => name.endsWith('.parquet')).length).toBe(files.length)
    expect(data.filter((name) => name.includes('.icebox-'))).toEqual([])
  })

  it('a bucketed text column is written, and its values are those of the specification', async () => {
    const path = await kit.file(
      'names.csv',
      `id,name\n${Array.from({ length: 200 }, (_, at) => `${at},name ${at}`).join('\n')}\n`,
    )
    const table = fresh()
    await kit.import({ table, sources: [path], partitionBy: 'bucket(8, name), bucket[4](id)' })
    for (const file of await kit.dataFiles(table.name)) {
      const rows = await kit.read(
        `SELECT name, id FROM read_parquet('${file.filePath.replace('file://', '')}')`,
        table.name,
      )
      for (const row of rows) {
        expect(applyTransform({ kind: 'bucket', buckets: 8 }, { kind: 'string' }, textOf(row['name']))).toBe(
          file.partition[0],
        )
        expect(applyTransform({ kind: 'bucket', buckets: 4 }, { kind: 'long' }, BigInt(textOf(row['id'])))).toBe(
          file.partition[1],
        )
      }
    }
  })

  it('rows are sorted within their files, nulls where the order says', async () => {
    await using session = await kit.engine.session()
    const path = join(kit.folder, 'in', 'unsorted.parquet')
    await session.run(
      `COPY (SELECT range AS id, CASE WHEN range % 100 = 0 THEN NULL ELSE hash(range) % 100000 END::BIGINT AS v FROM range(50000)) TO '${path}' (FORMAT parquet)`,
    )
    const table = fresh()
    await kit.import({ table, sources: [path], sortBy: 'v desc nulls last, id' })
    const files = await kit.dataFiles(table.name)
    expect(files.every((file) => file.sortOrderId === 1)).toBe(true)
    const wrong = await kit.read(
      'SELECT count(*) AS n FROM (SELECT v, lag(v) OVER w AS before, row_number() OVER w AS r FROM $T WINDOW w AS (ORDER BY file_row_number)) WHERE before < v OR (r > 1 AND before IS NULL AND v IS NOT NULL)'.replace(
        '$T',
        `read_parquet('${files[0]?.filePath.replace('file://', '')}', file_row_number = true)`,
      ),
      table.name,
    )
    expect(files.length).toBe(1)
    expect(wrong[0]?.['n']).toBe(0n)
  })

  it.each(['v desc nulls last, id', 'truncate(3, s), id desc nulls first', 's nulls first, d, id'])(
    'a sort that the engine cannot hold is done in passes: %s',
    async (sortBy) => {
      await using session = await kit.engine.session()
      const path = join(kit.folder, 'in', 'passes.parquet')
      await session.run(
        `COPY (SELECT range AS id, CASE WHEN range % 100 = 0 THEN NULL ELSE hash(range) % 100000 END::BIGINT AS v, CASE WHEN range % 7 = 0 THEN NULL ELSE md5((range % 900)::VARCHAR) END AS s, sin(range) AS d, {'a': [range]} AS n FROM range(40000)) TO '${path}' (FORMAT parquet)`,
      )
      const services = { ...kit.services, engine: plannedFor(kit.engine, 5e6) }
      const table = fresh()
      const request = { table, tableName: `ns.${table.name}`, mode: 'create' as const, sources: [path], sortBy }
      const plan = await planImport(request, services)
      expect(plan.memory?.sortPasses).toBeGreaterThan(1)
      await executeImport(plan, { table, services })
      const order = sortBy
        .replace('truncate(3, s)', 'left(s, 3) nulls first')
        .replace('s nulls first, d, id', 's nulls first, d nulls first, id nulls first')
        .replace(/, id$/, ', id nulls first')
      const files = await kit.dataFiles(table.name)
      const [{ filePath } = { filePath: '' }] = files
      const inFile = `SELECT file_row_number AS place, * FROM read_parquet('${localPath(filePath)}', file_row_number = true)`
      const expected = `SELECT row_number() OVER (ORDER BY ${order}) - 1 AS place, * FROM read_parquet('${path}')`
      const [wrong] = await session.all(
        `SELECT count(*) AS n, count(f.id) AS f, count(e.id) AS e, count(*) FILTER (f.id IS DISTINCT FROM e.id OR f.v IS DISTINCT FROM e.v OR f.s IS DISTINCT FROM e.s OR f.d <> e.d OR f.n <> e.n) AS wrong FROM (${inFile}) f FULL JOIN (${expected}) e USING (place)`,
      )
      expect(files).toHaveLength(1)
      expect(wrong).toEqual({ n: 40_000n, f: 40_000n, e: 40_000n, wrong: 0n })
      expect(await readdir(kit.services.settings.stagingDirectory)).toEqual([])
    },
  )

  it.each([
    ['month(id)', 'cannot be applied'],
    ['weekly(ts)', 'is not a transform'],
    ['bucket(id)', 'has no number'],
    ['nope', 'which is not there'],
  ])('%s is refused before anything is read', async (partitionBy, message) => {
    const path = await kit.file('refused.csv', 'id,ts\n1,2023-01-01 00:00:00\n')
    const error = await failure(kit.plan({ table: fresh(), sources: [path], partitionBy }))
    expect(error.code).toBe('ingest/partition')
    expect(error.message).toContain(message)
  })
})
