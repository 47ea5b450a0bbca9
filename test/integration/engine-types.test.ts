import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EngineSession, SqlValue } from '../../src/engine/index.ts'
import { type EngineBench, startEngine } from './support/engine.ts'

describe('values of each type come out as the port says', () => {
  let bench: EngineBench
  let session: EngineSession
  beforeAll(async () => {
    bench = await startEngine()
    session = await bench.engine.session()
  })
  afterAll(async () => {
    await session[Symbol.asyncDispose]()
    await bench[Symbol.asyncDispose]()
  })

  // SQL, DuckDB's name of the type, value by hand.
  const cases: [string, string, SqlValue][] = [
    ['true', 'BOOLEAN', true],
    ['(-128)::TINYINT', 'TINYINT', -128],
    ['255::UTINYINT', 'UTINYINT', 255],
    ['(-32768)::SMALLINT', 'SMALLINT', -32_768],
    ['65535::USMALLINT', 'USMALLINT', 65_535],
    ['(-2147483648)::INTEGER', 'INTEGER', -2_147_483_648],
    ['4294967295::UINTEGER', 'UINTEGER', 4_294_967_295],
    ['9007199254740993::BIGINT', 'BIGINT', 9_007_199_254_740_993n],
    ['18446744073709551615::UBIGINT', 'UBIGINT', 18_446_744_073_709_551_615n],
    [
      '(-170141183460469231731687303715884105727)::HUGEINT',
      'HUGEINT',
      -170_141_183_460_469_231_731_687_303_715_884_105_727n,
    ],
    [
      '340282366920938463463374607431768211455::UHUGEINT',
      'UHUGEINT',
      340_282_366_920_938_463_463_374_607_431_768_211_455n,
    ],
    ['1.5::FLOAT', 'FLOAT', 1.5],
    ["'-infinity'::DOUBLE", 'DOUBLE', Number.NEGATIVE_INFINITY],
    ['-0.05::DECIMAL(4,2)', 'DECIMAL(4,2)', '-0.05'],
    ['12345.678::DECIMAL(9,3)', 'DECIMAL(9,3)', '12345.678'],
    ['123456789012345.67::DECIMAL(18,2)', 'DECIMAL(18,2)', '123456789012345.67'],
    [
      '-99999999999999999999999999999999999.999::DECIMAL(38,3)',
      'DECIMAL(38,3)',
      '-99999999999999999999999999999999999.999',
    ],
    ['7::DECIMAL(18,0)', 'DECIMAL(18,0)', '7'],
    ["DATE '2024-02-29'", 'DATE', '2024-02-29'],
    ["DATE '0001-01-01'", 'DATE', '0001-01-01'],
    ["DATE '1969-12-31'", 'DATE', '1969-12-31'],
    ["DATE '10000-01-01'", 'DATE', '+010000-01-01'],
    ["DATE 'infinity'", 'DATE', 'infinity'],
    ["TIME '23:59:59.5'", 'TIME', '23:59:59.500'],
    ["TIMETZ '01:02:03+05:30'", 'TIME WITH TIME ZONE', '01:02:03+05:30'],
    ["TIMESTAMP '1969-12-31 23:59:59.999999'", 'TIMESTAMP', '1969-12-31T23:59:59.999999'],
    ["TIMESTAMP '2300-01-01 00:00:00.000001'", 'TIMESTAMP', '2300-01-01T00:00:00.000001'],
    ["TIMESTAMP '-infinity'", 'TIMESTAMP', '-infinity'],
    ["TIMESTAMPTZ '2024-02-29 01:02:03.45+02'", 'TIMESTAMP WITH TIME ZONE', '2024-02-28T23:02:03.450Z'],
    ["TIMESTAMP_S '2024-02-29 01:02:03'", 'TIMESTAMP_S', '2024-02-29T01:02:03'],
    ["TIMESTAMP_MS '2024-02-29 01:02:03.045'", 'TIMESTAMP_MS', '2024-02-29T01:02:03.045'],
    ["TIMESTAMP_NS '2024-02-29 01:02:03.123456789'", 'TIMESTAMP_NS', '2024-02-29T01:02:03.123456789'],
    ["INTERVAL '14 months 3 days 04:05:06.7'", 'INTERVAL', '1 year 2 months 3 days 04:05:06.7'],
    ["'short'", 'VARCHAR', 'short'],
    ["'exactly12byt'", 'VARCHAR', 'exactly12byt'],
    ["'a text of more than twelve bytes, with é and 🙂'", 'VARCHAR', 'a text of more than twelve bytes, with é and 🙂'],
    ["'\\x00\\xFFa'::BLOB", 'BLOB', Uint8Array.of(0, 255, 97)],
    ["'12345678-1234-1234-1234-123456789abc'::UUID", 'UUID', '12345678-1234-1234-1234-123456789abc'],
    ["'10101'::BIT", 'BIT', '10101'],
    ["'medium'::ENUM('small', 'medium')", "ENUM('small', 'medium')", 'medium'],
    ['[1, NULL, 3]', 'INTEGER[]', [1, null, 3]],
    ['[[1], [], NULL]::INTEGER[][]', 'INTEGER[][]', [[1], [], null]],
    ['array_value(1, 2, 3)', 'INTEGER[3]', [1, 2, 3]],
    ["{'a': 1, 'b c': ['x']}", 'STRUCT(a INTEGER, "b c" VARCHAR[])', { a: 1, 'b c': ['x'] }],
    ["row(1, 'x')", 'STRUCT(INTEGER, VARCHAR)', [1, 'x']],
    [
      '[(1, 2), (3, 4)]',
      'STRUCT(INTEGER, INTEGER)[]',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [
      "MAP {'k': 1::BIGINT, 'l': NULL}",
      'MAP(VARCHAR, BIGINT)',
      [
        ['k', 1n],
        ['l', null],
      ],
    ],
    ["union_value(k := 'v')::UNION(k VARCHAR, n INTEGER)", 'UNION(k VARCHAR, n INTEGER)', 'v'],
    ['NULL', 'INTEGER', null],
    ['NULL::VARCHAR', 'VARCHAR', null],
  ]
  it.each(cases)('%s is %s', async (sql, type, value) => {
    await using result = await session.stream(`SELECT ${sql} AS v, 'x' AS t`)
    expect(result.columns[0]).toEqual({ name: 'v', type })
    for await (const batch of result) {
      expect(batch.column(0)).toEqual([value])
      expect(batch.toArrays()).toEqual([[value, 'x']])
    }
  })

  it('decodes columns with nulls, over several chunks, without touching what lies under a null', async () => {
    const rows = await session.all(
      `SELECT i, CASE WHEN i % 3 = 0 THEN NULL ELSE 'a text that does not fit inline ' || i END AS s,
              CASE WHEN i % 2 = 0 THEN NULL ELSE {'x': i, 'l': range(i % 3)} END AS n
       FROM range(5000) t(i) ORDER BY i`,
    )
    expect(rows).toHaveLength(5000)
    expect(rows[4998]).toEqual({ i: 4998n, s: null, n: null })
    expect(rows[4999]).toEqual({ i: 4999n, s: 'a text that does not fit inline 4999', n: { x: 4999n, l: [0n] } })
  })

  it.each(["row(1, DATE '2024-02-29')", "[(1, 'x')]", "{'a b': (1, 2), 'c': {'d': 1}}"])(
    'calls the type of %s what typeof calls it',
    async (sql) => {
      await using result = await session.stream(`SELECT ${sql} AS v, typeof(${sql}) AS t`)
      for await (const batch of result) expect(batch.column(1)).toEqual([batch.columns[0]?.type])
    },
  )

  it('rows as objects lose no column, whatever the columns are called', async () => {
    const [row] = await session.all('SELECT 1 AS id, 2 AS id, 3 AS __proto__, 4 AS id_1, 5 AS __proto__')
    expect(Object.entries(row ?? {})).toEqual([
      ['id', 1],
      ['id_2', 2],
      ['__proto__', 3],
      ['id_1', 4],
      ['__proto___1', 5],
    ])
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype)
  })

  it('keeps a decoded value after its chunk is gone', async () => {
    const kept: SqlValue[] = []
    await using result = await session.stream(
      "SELECT ('blob of more than twelve bytes ' || i)::BLOB FROM range(100000) t(i)",
    )
    for await (const batch of result) kept.push(batch.column(0)[0] ?? null)
    expect(Buffer.from(kept[0] as Uint8Array).toString()).toBe('blob of more than twelve bytes 0')
  })

  it('binds parameters as values, never as text', async () => {
    const text = `'; DROP TABLE x; -- " \u0000 $1 \\`
    const parameters = [text, 5, 2 ** 40, 1.5, -0, 10n ** 30n, true, null, Uint8Array.of(0, 1)]
    const [row] = await session.all('SELECT $1 a, $2 b, $3 c, $4 d, typeof($5) e, $6 f, $7 g, $8 h, $9 i', {
      parameters,
    })
    expect(row).toEqual({
      a: text,
      b: 5,
      c: 2n ** 40n,
      d: 1.5,
      e: 'DOUBLE',
      f: 10n ** 30n,
      g: true,
      h: null,
      i: Uint8Array.of(0, 1),
    })
  })

  it('refuses a wrong number of parameters with both numbers', async () => {
    await expect(session.all('SELECT $1, $2', { parameters: [1] })).rejects.toMatchObject({
      code: 'usage/invalid',
      context: { expected: 2, given: 1 },
    })
  })
})
