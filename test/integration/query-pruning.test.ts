import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openQueryLake } from './query-lake.ts'

/** Literals of each column; the same ones are stored and asked for, so that bounds are hit exactly. */
const VALUES = {
  i: ['0', '1', '-1', '7', '2147483647', '-2147483648', 'NULL'],
  l: ['0', '9007199254740993', '-9223372036854775808', '9223372036854775807', '42', 'NULL'],
  f: ["'nan'::FLOAT", '0.0', "'-0.0'::FLOAT", '0.1', '1.5', "'inf'::FLOAT", "'-inf'::FLOAT", 'NULL'],
  db: ["'nan'::DOUBLE", '0.0', "'-0.0'::DOUBLE", '0.1', '1e300', "'-inf'::DOUBLE", 'NULL'],
  dc: ['0.00', '-0.01', '12345.67', '99999999.99', '-5.50', 'NULL'],
  s: [
    "''",
    "'a'",
    "'abcdefghijklmnopqrstuvwxyz'",
    "'abcdefghijklmnopzz'",
    "'ä'",
    "'🙂'",
    "'\uffff'",
    "'it''s\nx'",
    'NULL',
  ],
  d: ["DATE '1970-01-01'", "DATE '1969-12-31'", "DATE '2020-02-29'", "DATE '0001-01-01'", "DATE '9999-12-31'", 'NULL'],
  ts: [
    "TIMESTAMP '1969-12-31 23:59:59.999999'",
    "TIMESTAMP '2020-01-01 00:00:00'",
    "TIMESTAMP '2020-01-31 23:00:00'",
    'NULL',
  ],
  tz: [
    "TIMESTAMPTZ '2020-01-01 00:00:00+00'",
    "TIMESTAMPTZ '1969-12-31 12:00:00+00'",
    "TIMESTAMPTZ '2024-06-01 00:00:00.000001+00'",
    'NULL',
  ],
  b: ['true', 'false', 'NULL'],
  bl: [
    String.raw`'\x00'::BLOB`,
    String.raw`'\xFF\xFF'::BLOB`,
    String.raw`'abcdefghijklmnopqrst'::BLOB`,
    "''::BLOB",
    'NULL',
  ],
} as const
type Column = keyof typeof VALUES
const COLUMNS = Object.keys(VALUES) as Column[]
/** After so many commits the columns are widened, to these types. */
const NARROW_COMMITS = 2
const WIDENED: Partial<Record<Column, string>> = { i: 'BIGINT', f: 'DOUBLE', dc: 'DECIMAL(14,2)' }
const TYPES: Record<Column, string> = {
  i: 'INTEGER',
  l: 'BIGINT',
  f: 'FLOAT',
  db: 'DOUBLE',
  dc: 'DECIMAL(10,2)',
  s: 'VARCHAR',
  d: 'DATE',
  ts: 'TIMESTAMP',
  tz: 'TIMESTAMPTZ',
  b: 'BOOLEAN',
  bl: 'BLOB',
}

const literal = (column: Column) => fc.constantFrom(...VALUES[column].filter((value) => value !== 'NULL'))
const comparison = fc.constantFrom(...COLUMNS).chain((column) =>
  fc.oneof(
    fc
      .tuple(fc.constantFrom('=', '<>', '<', '<=', '>', '>='), literal(column))
      .map(([op, value]) => `${column} ${op} ${value}`),
    fc.array(literal(column), { minLength: 1, maxLength: 4 }).map((values) => `${column} IN (${values.join(', ')})`),
    fc
      .array(literal(column), { minLength: 1, maxLength: 3 })
      .map((values) => `${column} NOT IN (${values.join(', ')})`),
    fc.tuple(literal(column), literal(column)).map(([low, high]) => `${column} BETWEEN ${low} AND ${high}`),
    fc.constantFrom(`${column} IS NULL`, `${column} IS NOT NULL`),
    fc
      .tuple(fc.constantFrom('IS DISTINCT FROM', 'IS NOT DISTINCT FROM'), literal(column), literal(column))
      .map(([op, one, other]) => `${column} ${op} ${one} OR ${column} = ${other}`),
    fc.constantFrom(
      "s LIKE 'abc%'",
      "starts_with(s, 'a')",
      "date_trunc('month', d) = DATE '2020-02-01'",
      'year(ts) = 2020',
      'abs(i::BIGINT) = 1',
      "ts::DATE = DATE '2020-01-01'",
      'i % 2 = 1',
      'coalesce(i, 0) = 0',
      'db > 0.05 OR f < 1',
      'NOT b',
      'b',
      'dc::DECIMAL(10,0) = -6',
      'dc::DECIMAL(11,1) > -5.5',
      'dc::DECIMAL(18,3) <= -5.500',
      'i::DECIMAL(12,1) = 7',
      "s IS NOT DISTINCT FROM 'a'",
      'i IS DISTINCT FROM 7',
      'b IS TRUE',
      'b IS NOT FALSE',
      'b IS NOT TRUE OR b = true',
      "(i = 7 AND s IS NOT DISTINCT FROM 'a') IS NOT TRUE",
    ),
  ),
)
const filter: fc.Arbitrary<string> = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    comparison,
    fc.tuple(tie('node'), fc.constantFrom('AND', 'OR'), tie('node')).map(([a, op, b]) => `(${a}) ${op} (${b})`),
    tie('node').map((a) => `NOT (${a})`),
  ),
})).node

const PARTITIONS = [
  'i',
  'l',
  'bucket(3, s)',
  'truncate(2, s)',
  'month(d)',
  'day(ts)',
  'year(tz)',
  'hour(ts)',
  'b',
  'truncate(100, dc)',
  'bucket(4, l)',
  'dc',
  'bl',
  'd',
]
const rowOf = fc.tuple(...COLUMNS.map((column) => fc.constantFrom(...VALUES[column])))

/** The value as the table shows it at the end: what was stored before the change of type is widened. */
function wide(column: Column, value: string, commit: number): string {
  const wider = WIDENED[column]
  if (wider === undefined) return `CAST(${value} AS ${TYPES[column]})`
  const stored = commit < NARROW_COMMITS ? `CAST(${value} AS ${TYPES[column]})` : value
  return `CAST(${stored} AS ${wider})`
}

describe('pruning (I11)', () => {
  it('never loses a row: answers with pruned files are those over all rows, whatever types, layouts and filters', async () => {
    await using lake = await openQueryLake()
    await lake.run('CREATE SCHEMA p')
    await using raw = await lake.engine.session()
    let tables = 0
    let pruned = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(rowOf, { minLength: 4, maxLength: 12 }), { minLength: 4, maxLength: 6 }),
        fc.uniqueArray(fc.constantFrom(...PARTITIONS), { minLength: 4, maxLength: 5 }),
        fc.array(filter, { minLength: 25, maxLength: 25 }),
        async (commits, layouts, filters) => {
          const table = `t${++tables}`
          const columns = COLUMNS.map((column) => `${column} ${TYPES[column]}`).join(', ')
          await lake.run(`CREATE TABLE p.${table} (${columns}) PARTITIONED BY (${layouts[0]})`)
          for (const [at, rows] of commits.entries()) {
            // The layout changes on the way, so files of several specs lie side by side (I15).
            const layout = layouts[at]
            if (at === NARROW_COMMITS) {
              const widen = Object.entries(WIDENED).map(
                ([column, type]) => `ALTER COLUMN ${column} SET DATA TYPE ${type}`,
              )
              await lake.run(
                `ALTER TABLE p.${table} ${widen.join(', ')}, RENAME COLUMN db TO tmp, ADD COLUMN later VARCHAR FIRST, DROP COLUMN later, RENAME COLUMN tmp TO db`,
              )
            }
            if (at > 0 && layout !== undefined) await lake.run(`ALTER TABLE p.${table} SET PARTITIONED BY (${layout})`)
            await lake.run(`INSERT INTO p.${table} VALUES ${rows.map((row) => `(${row.join(', ')})`).join(', ')}`)
          }
          await raw.run(
            `CREATE OR REPLACE TABLE memory.main.base AS SELECT * FROM (VALUES ${commits
              .flatMap((rows, commit) =>
                rows.map((row) => `(${row.map((value, at) => wide(COLUMNS[at] ?? 'i', value, commit)).join(', ')})`),
              )
              .join(', ')}) v(${COLUMNS.join(', ')})`,
          )
          for (const where of filters) {
            const select = `SELECT count(*) AS n, count(i) AS i, md5(string_agg(s, '|' ORDER BY s, i, l)) AS h`
            // Behind OFFSET no filter reaches statistics, which DuckDB misreads for its own tables as well.
            const expected = await raw.all(`${select} FROM (FROM memory.main.base OFFSET 0) WHERE ${where}`)
            const [result] = [await lake.rows(`${select} FROM p.${table} WHERE ${where}`)]
            expect(result[0], where).toEqual(Object.values(expected[0] ?? {}))
            const [explained] = await lake.run(`EXPLAIN ${select} FROM p.${table} WHERE ${where}`)
            pruned += explained?.scans[0]?.filesPruned ?? 0
          }
        },
      ),
      { numRuns: 8, endOnFailure: true },
    )
    // A test in which nothing is pruned would prove nothing.
    expect(pruned).toBeGreaterThan(100)
  })

  it('a decimal cast to fewer places finds the rows that round to the value, and DELETE takes no others', async () => {
    await using lake = await openQueryLake()
    await lake.run('CREATE SCHEMA r; CREATE TABLE r.t (d DECIMAL(10,2)) PARTITIONED BY (d)')
    await lake.run('INSERT INTO r.t SELECT 4.50 + range * 0.01 FROM range(20)')
    expect(await lake.rows('SELECT count(*) FROM r.t WHERE d::DECIMAL(10,0) = 5')).toEqual([[20n]])
    expect(await lake.rows('SELECT count(*) FROM r.t WHERE d::DECIMAL(12,1) = 4.6')).toEqual([[10n]])
    await expect(lake.run('DELETE FROM r.t WHERE d::DECIMAL(10,0) < 5')).rejects.toMatchObject({
      code: 'sql/unsupported',
    })
    await expect(lake.run('DELETE FROM r.t WHERE NOT (d::DECIMAL(10,0) = 5)')).rejects.toMatchObject({
      code: 'sql/unsupported',
    })
    expect(await lake.rows('SELECT count(*) FROM r.t')).toEqual([[20n]])
  })

  it('a calendar of the session decides what a timestamp with a zone is, and DELETE takes no other files', async () => {
    await using lake = await openQueryLake()
    await lake.run('CREATE SCHEMA r; CREATE TABLE r.t (t TIMESTAMP) PARTITIONED BY (year(t))')
    await lake.run("INSERT INTO r.t SELECT TIMESTAMP '2000-01-01' + to_years(range::INT) FROM range(20)")
    // The year 2010 of this calendar is 1467.
    await lake.run("SET Calendar = 'buddhist'")
    const where = "t::TIMESTAMPTZ < TIMESTAMPTZ '2010-01-01 00:00:00+00'"
    expect(await lake.rows(`SELECT count(*) FROM r.t WHERE ${where}`)).toEqual([[20n]])
    await expect(lake.run(`DELETE FROM r.t WHERE ${where}`)).rejects.toMatchObject({ code: 'sql/unsupported' })
    await lake.run('RESET Calendar')
    expect(await lake.rows(`SELECT count(*) FROM r.t WHERE ${where}`)).toEqual([[10n]])
  })

  it('the negation of IS NOT DISTINCT FROM finds rows with nulls, and DELETE does not leave them behind', async () => {
    await using lake = await openQueryLake()
    await lake.run('CREATE SCHEMA r; CREATE TABLE r.t (i INTEGER, v VARCHAR) PARTITIONED BY (i, v)')
    await lake.run("INSERT INTO r.t SELECT 5, CASE WHEN range < 18 THEN 'v' || range END FROM range(19)")
    const where = "NOT (i = 5 AND v IS NOT DISTINCT FROM 'zz')"
    expect(await lake.rows(`SELECT count(*) FROM r.t WHERE ${where}`)).toEqual([[19n]])
    await expect(lake.run(`DELETE FROM r.t WHERE ${where}`)).rejects.toMatchObject({ code: 'sql/unsupported' })
    await lake.run("DELETE FROM r.t WHERE i = 5 AND v IS NOT DISTINCT FROM 'v3'")
    expect(await lake.rows('SELECT count(*) FROM r.t')).toEqual([[18n]])
  })

  it('rows of files that hold only NULL are found by IS DISTINCT FROM beside an OR', async () => {
    await using lake = await openQueryLake()
    await lake.run('CREATE SCHEMA r; CREATE TABLE r.t (i INTEGER, x INTEGER, b BOOLEAN, y INTEGER) PARTITIONED BY (x)')
    await lake.run('INSERT INTO r.t VALUES (1, NULL, NULL, 1), (2, 5, true, 2), (3, 7, false, 3)')
    await lake.run('CREATE TABLE r.u AS SELECT NULL::INTEGER AS x FROM range(1000)')
    for (const [where, ids] of [
      ['x IS DISTINCT FROM 5 OR x = 7', [1, 3]],
      ['x IS DISTINCT FROM 5 OR x IS NOT DISTINCT FROM 5', [1, 2, 3]],
      ['NOT (x IS NOT DISTINCT FROM 5) OR x = 3', [1, 3]],
      ['NOT (x IS NOT DISTINCT FROM 5 AND x <> 7)', [1, 3]],
      ['b IS NOT TRUE OR b = true', [1, 2, 3]],
      ['(x IS DISTINCT FROM 5 OR x = 7) AND i < 3', [1]],
    ] as const) {
      const rows = ids.map((id) => [id])
      expect(await lake.rows(`SELECT i FROM r.t WHERE ${where} ORDER BY i`), where).toEqual(rows)
    }
    await lake.run('ALTER TABLE r.t RENAME COLUMN y TO z')
    expect(await lake.rows('SELECT i FROM r.t WHERE x IS DISTINCT FROM 5 OR x = 7 ORDER BY i')).toEqual([[1], [3]])
    expect(await lake.rows('SELECT count(*) FROM r.u WHERE x IS DISTINCT FROM 5 OR x = 7')).toEqual([[1000n]])
    await lake.run('CREATE OR REPLACE TABLE r.u AS SELECT * FROM r.u WHERE x IS DISTINCT FROM 5 OR x = 7')
    expect(await lake.rows('SELECT count(*) FROM r.u')).toEqual([[1000n]])
  })

  it('a field whose name has a dot is not taken for a field of its sibling', async () => {
    await using lake = await openQueryLake()
    await lake.run(`CREATE SCHEMA r; CREATE TABLE r.t PARTITIONED BY (id) AS
      SELECT range::INT AS id, {'a.B': range::INT, 'a': {'b': 100 + range::INT}} AS s FROM range(30)`)
    expect(await lake.rows('SELECT count(*) FROM r.t WHERE s."a.B" = 5')).toEqual([[1n]])
    expect(await lake.rows('SELECT count(*) FROM r.t WHERE s."a.B" < 10')).toEqual([[10n]])
    expect(await lake.rows('SELECT count(*) FROM r.t WHERE s.a.b >= 125')).toEqual([[5n]])
  })
})
