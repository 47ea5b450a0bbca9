import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isLargeTable } from '../../src/query/run/scan-plan.ts'
import { openQueryLake, type QueryLake } from './query-lake.ts'

const MAX = 1_000_000

describe('query.max_value_size', () => {
  let lake: QueryLake
  beforeAll(async () => {
    lake = await openQueryLake({ maxValueBytes: MAX })
    await lake.run('CREATE SCHEMA x')
  })
  afterAll(async () => {
    await lake[Symbol.asyncDispose]()
  })

  it('a larger text ends the query with its column, row and size; one of the limit itself is given', async () => {
    const sql = (length: number) =>
      `SELECT i, CASE WHEN i = 3000 THEN repeat('x', ${length}) ELSE 'short' END AS note FROM range(5000) t(i) ORDER BY i`
    const rows = await lake.rows(sql(MAX))
    expect(rows).toHaveLength(5000)
    await expect(lake.rows(sql(MAX + 1))).rejects.toMatchObject({
      code: 'sql/value-too-large',
      message: expect.stringMatching(/column 'note', row 3001 .*query\.max_value_size \(1 MB\)/),
      context: { column: 'note', row: 3001, sizeBytes: MAX + 1, maxBytes: MAX },
    })
  })

  it.each([
    ['blob', `repeat('x', ${MAX + 1})::BLOB`],
    ['list of texts that are small each', `[repeat('x', ${MAX / 2}), repeat('y', ${MAX / 2}), 'z']`],
    ['list of numbers', `range(${MAX / 4})`],
    ['struct', `{'a': 1, 'b': {'c': repeat('x', ${MAX})}}`],
    ['map', `MAP {'k': repeat('x', ${MAX})}`],
    ['array', `[repeat('x', ${MAX}), 'y']::VARCHAR[2]`],
  ])('a %s is measured with all that is in it', async (_, value) => {
    await expect(lake.rows(`SELECT NULL AS v UNION ALL (SELECT ${value} AS v)`)).rejects.toMatchObject({
      code: 'sql/value-too-large',
      context: { column: 'v', row: 2 },
    })
  })

  it('values that are not selected, and nulls beside large texts, do not count', async () => {
    await lake.run(`CREATE TABLE x.big AS SELECT i AS id, repeat('é', ${MAX}) AS body FROM range(3) t(i)`)
    expect(await lake.rows('SELECT length(body) FROM x.big WHERE id = 1')).toEqual([[BigInt(MAX)]])
    expect(await lake.rows('SELECT NULL::VARCHAR, NULL::VARCHAR[], NULL::BLOB FROM x.big')).toHaveLength(3)
    await expect(lake.rows('FROM x.big')).rejects.toMatchObject({ context: { column: 'body', sizeBytes: 2 * MAX } })
    expect(await lake.rows('SELECT 1')).toEqual([[1]])
  })
})

describe('asking the optimizer what a statement needs', () => {
  it('is left out for few small files only: monthly files of 128 MB are pruned by their partition', () => {
    expect(isLargeTable({ files: 12, bytes: 12 * 128e6, isPartitioned: true })).toBe(true)
    expect(isLargeTable({ files: 12, bytes: 12 * 128e6, isPartitioned: false })).toBe(true)
    expect(isLargeTable({ files: 17, bytes: 17_000, isPartitioned: false })).toBe(true)
    expect(isLargeTable({ files: 16, bytes: 16_000, isPartitioned: true })).toBe(false)
    expect(isLargeTable({ files: 1, bytes: 1e12, isPartitioned: true })).toBe(false)
  })

  it('EXPLAIN tells the files that a filter on the partition rules out, however small the table is', async () => {
    await using lake = await openQueryLake()
    await lake.run(`CREATE SCHEMA x; CREATE TABLE x.m (d DATE, v BIGINT) PARTITIONED BY (month(d));
      INSERT INTO x.m VALUES ('2024-01-05', 1), ('2024-02-05', 2)`)
    for (const explain of ['EXPLAIN', 'EXPLAIN ANALYZE']) {
      const rows = await lake.rows(`${explain} SELECT v FROM x.m WHERE d >= DATE '2024-02-01'`)
      expect(rows.at(-1)?.[1]).toMatch(/files: 2 total, 1 read \(.*\), 1 pruned/)
    }
  })
})

describe('lists and maps inside each other', () => {
  let lake: QueryLake
  beforeAll(async () => {
    lake = await openQueryLake()
    await lake.run('CREATE SCHEMA x')
  })
  afterAll(() => lake[Symbol.asyncDispose]())

  it('are taken up to 16 deep, and refused beyond: each level doubles what reading the column takes', async () => {
    const lists = (levels: number) => `INTEGER${'[]'.repeat(levels)}`
    const value = (levels: number) => `${'['.repeat(levels)}1${']'.repeat(levels)}`
    await lake.run(`CREATE TABLE x.deep (v ${lists(16)}, s STRUCT(a ${lists(16)}))`)
    await lake.run(`INSERT INTO x.deep VALUES (${value(16)}, NULL)`)
    expect(await lake.rows('SELECT count(*) FROM x.deep WHERE v IS NOT NULL')).toEqual([[1n]])
    for (const sql of [
      `CREATE TABLE x.deeper (v ${lists(17)})`,
      `CREATE TABLE x.deeper (v STRUCT(a ${lists(17)}))`,
      `CREATE TABLE x.deeper (v ${'MAP(VARCHAR, '.repeat(9)}${lists(8)}${')'.repeat(9)})`,
      `CREATE TABLE x.deeper AS SELECT ${value(17)} AS v`,
      `ALTER TABLE x.deep ADD COLUMN v2 ${lists(17)}`,
    ]) {
      const refused = expect(lake.run(sql), sql.slice(0, 60)).rejects
      await refused.toMatchObject({ code: 'schema/unsupported-type', context: { levels: 17, most: 16 } })
    }
    await expect(lake.run(`CREATE TABLE x.deeper (v ${lists(50_000)})`)).rejects.toMatchObject({
      code: 'sql/syntax',
      message: expect.stringContaining('deeper than 100'),
    })
  })
})
