import { RecordBatchReader, type Schema, type Table, tableFromIPC, Type } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { arrowOfTexts, type ArrowOptions, type ArrowStream, type EngineSession } from '../../src/engine/index.ts'
import type { BufferAllocator } from '../../src/memory/index.ts'
import { type EngineBench, startEngine } from './support/engine.ts'

let bench: EngineBench
let session: EngineSession
/** Buffers that are leased now. */
let leased = 0
/** Fresh buffers full of 0xFF, so that a byte that is not written shows. */
const buffers: BufferAllocator = {
  lease(byteLength) {
    leased++
    let isHeld = true
    const bytes = new Uint8Array(byteLength).fill(0xff)
    const release = () => {
      if (isHeld) leased--
      isHeld = false
      bytes.fill(0xee)
    }
    return { byteLength, pin: () => bytes, unpin: () => undefined, release, [Symbol.dispose]: release }
  },
}

beforeAll(async () => {
  bench = await startEngine({ buffers })
  session = await bench.engine.session()
})
afterAll(async () => {
  await session[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

/** The bytes of the IPC stream, and the rows of each batch. */
async function ipc(stream: ArrowStream): Promise<{ bytes: Uint8Array; rows: number[]; sizes: number[] }> {
  const pieces: Uint8Array[] = [stream.begin()]
  const rows: number[] = []
  const sizes: number[] = []
  for await (const batch of stream) {
    for (const piece of batch.message()) pieces.push(Uint8Array.from(piece))
    rows.push(batch.rowCount)
    sizes.push(batch.byteLength)
  }
  pieces.push(stream.end())
  return { bytes: Buffer.concat(pieces), rows, sizes }
}

/** What apache-arrow's own reader makes of a query's rows. */
async function read(sql: string, options?: ArrowOptions): Promise<Table> {
  await using result = await session.stream(sql)
  const { bytes } = await ipc(await result.arrow(options))
  expect(leased).toBe(0)
  return tableFromIPC(bytes)
}

const spelled = (_key: string, value: unknown): unknown => {
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) return String(value)
  return value
}
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value, spelled))
const valuesOf = (table: Table, at = 0): unknown => plain(table.getChildAt(at)?.toJSON())

/** SQL of a value, Arrow's type, and the value as apache-arrow's reader gives it: by hand. */
const TYPES: readonly (readonly [sql: string, type: string, value: unknown])[] = [
  ['true', 'Bool', true],
  ['(-128)::TINYINT', 'Int8', -128],
  ['255::UTINYINT', 'Uint8', 255],
  ['(-32768)::SMALLINT', 'Int16', -32_768],
  ['65535::USMALLINT', 'Uint16', 65_535],
  ['(-2147483648)::INTEGER', 'Int32', -2_147_483_648],
  ['4294967295::UINTEGER', 'Uint32', 4_294_967_295],
  ['9007199254740993::BIGINT', 'Int64', '9007199254740993'],
  ['18446744073709551615::UBIGINT', 'Uint64', '18446744073709551615'],
  ['1.5::FLOAT', 'Float32', 1.5],
  ["'-infinity'::DOUBLE", 'Float64', '-Infinity'],
  ["DATE '1969-12-31'", 'Date32<DAY>', -86_400_000],
  ["TIME '23:59:59.5'", 'Time64<MICROSECOND>', '86399500000'],
  ["TIME_NS '00:00:00.000000001'", 'Time64<NANOSECOND>', '1'],
  ["TIMESTAMP_S '1970-01-01 00:00:05'", 'Timestamp<SECOND>', 5000],
  ["TIMESTAMP_MS '1970-01-01 00:00:05.045'", 'Timestamp<MILLISECOND>', 5045],
  ["TIMESTAMP '1969-12-31 23:59:59.5'", 'Timestamp<MICROSECOND>', -500],
  ["TIMESTAMP_NS '1970-01-01 00:00:00.005'", 'Timestamp<NANOSECOND>', 5],
  ["TIMESTAMPTZ '1970-01-01 02:00:05+02'", 'Timestamp<MICROSECOND, UTC>', 5000],
  ["'a text of more than twelve bytes, with é and 🙂'", 'Utf8', 'a text of more than twelve bytes, with é and 🙂'],
  ["'exactly12byt'", 'Utf8', 'exactly12byt'],
  ["''", 'Utf8', ''],
  ["'\\x00\\xFFa'::BLOB", 'Binary', { 0: 0, 1: 255, 2: 97 }],
  ["'12345678-1234-1234-1234-123456789abc'::UUID", 'Utf8', '12345678-1234-1234-1234-123456789abc'],
  ["'10101'::BIT", 'Utf8', '10101'],
  ["TIMETZ '01:02:03+05:30'", 'Utf8', '01:02:03+05:30'],
  ["INTERVAL '14 months 3 days 04:05:06.7'", 'Utf8', '1 year 2 months 3 days 04:05:06.7'],
  ["'medium'::ENUM('small', 'medium')", 'Utf8', 'medium'],
  ['99999999999999999999::BIGNUM', 'Utf8', '99999999999999999999'],
  ['[1, NULL, 3]', 'List<Int32>', [1, null, 3]],
  ['[[1], [], NULL]::INTEGER[][]', 'List<List<Int32>>', [[1], [], null]],
  ['array_value(1, NULL, 3)', 'FixedSizeList[3]<Int32>', [1, null, 3]],
  ["{'a': 1, 'b c': ['x']}", 'Struct<{a:Int32, b c:List<Utf8>}>', { a: 1, 'b c': ['x'] }],
  ["row(1, 'x')", 'Struct<{1:Int32, 2:Utf8}>', { 1: 1, 2: 'x' }],
  ["MAP {'k': 1::BIGINT, 'l': NULL}", 'Map<{key:Utf8, value:Int64}>', { k: '1', l: null }],
  ["union_value(k := 'v')::UNION(k VARCHAR, n INTEGER)", 'Union<Utf8 | Int32>', 'v'],
]

describe('each type comes out as Arrow says', () => {
  it.each(TYPES)('%s is %s', async (sql, type, value) => {
    const table = await read(`SELECT ${sql} AS v, 'x' AS t`)
    expect(String(table.schema.fields[0]?.type)).toBe(type)
    expect(valuesOf(table)).toEqual([value])
    expect(valuesOf(table, 1)).toEqual(['x'])
  })

  it.each(TYPES)('%s between nulls, over chunks and batches that begin within a byte', async (sql, _type, value) => {
    // A join makes the nulls: CASE knows no arrays.
    const query = `SELECT v, i FROM range(5001) t(i) LEFT JOIN (SELECT ${sql} AS v, j FROM range(5001) u(j) WHERE j % 3 <> 1) ON i = j WHERE i % 7 > 1`
    const table = await read(`${query} ORDER BY i`, { batchRows: 1003 })
    const ids = Array.from({ length: 5001 }, (_, id) => id).filter((id) => id % 7 > 1)
    expect(valuesOf(table)).toEqual(ids.map((id) => (id % 3 === 1 ? null : value)))
    expect(valuesOf(table, 1)).toEqual(ids.map(String))
  })

  it.each<[string, string, bigint]>([
    ['(-12.34)::DECIMAL(4,2)', 'Decimal[4e+2]', -1234n],
    ['1234567.89::DECIMAL(9,2)', 'Decimal[9e+2]', 123_456_789n],
    ['(-1234567890123456.78)::DECIMAL(18,2)', 'Decimal[18e+2]', -123_456_789_012_345_678n],
    [
      '123456789012345678901234567890123456.78::DECIMAL(38,2)',
      'Decimal[38e+2]',
      12_345_678_901_234_567_890_123_456_789_012_345_678n,
    ],
    ['(-99999999999999999999999999999999999999)::HUGEINT', 'Decimal[38e0]', -(10n ** 38n - 1n)],
    ['99999999999999999999999999999999999999::UHUGEINT', 'Decimal[38e0]', 10n ** 38n - 1n],
  ])('%s keeps every digit', async (sql, type, unscaled) => {
    const table = await read(`SELECT ${sql} AS v UNION ALL SELECT NULL ORDER BY v NULLS LAST`)
    expect(String(table.schema.fields[0]?.type)).toBe(type)
    const column = table.getChildAt(0)
    expect(column?.nullCount).toBe(1)
    const values: unknown = column?.data[0]?.values
    const words = values instanceof Uint32Array ? new BigUint64Array(values.slice().buffer) : new BigUint64Array()
    expect(BigInt.asIntN(128, ((words[1] ?? 0n) << 64n) | (words[0] ?? 0n))).toBe(unscaled)
    // Under the null lie zeros, whatever lay in memory.
    expect([words[2], words[3]]).toEqual([0n, 0n])
  })

  it.each([
    '(10::HUGEINT * 10000000000000000000000000000000000000)',
    '340282366920938463463374607431768211455::UHUGEINT',
  ])('%s is refused instead of changed', async (sql) => {
    await expect(read(`SELECT ${sql}`)).rejects.toMatchObject({ code: 'sql/type' })
    expect(leased).toBe(0)
    expect(await session.all('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('a type without an Arrow form is refused by name, and the session goes on', async () => {
    await expect(read("SELECT {'a': 1}::VARIANT")).rejects.toMatchObject({
      code: 'schema/unsupported-type',
      context: { type: 'VARIANT' },
    })
    expect(await session.all('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('a column of nothing but null, and no rows at all', async () => {
    const table = await read('SELECT NULL AS n, NULL::VARCHAR[] AS l FROM range(3000)')
    expect([table.numRows, table.getChildAt(0)?.nullCount, table.getChildAt(1)?.nullCount]).toEqual([3000, 3000, 3000])
    const none = await read("SELECT 1 AS a, 'x' AS b, [1] AS c WHERE false")
    expect(none.numRows).toBe(0)
    expect(String(none.schema)).toMatch(/a: Int32.*b: Utf8.*c: List<Int32>/)
  })
})

describe('vectors in every state', () => {
  // What DuckDB decodes for us another way is the other implementation.
  const same = async (sql: string, options?: ArrowOptions) => {
    const rows: unknown[][] = []
    await using result = await session.stream(sql)
    for await (const batch of result) rows.push(...batch.toArrays())
    const table = await read(sql, options)
    const columns = table.schema.fields.map((_, at) => valuesOf(table, at))
    expect(columns).toEqual(table.schema.fields.map((_, at) => plain(rows.map((row) => row[at]))))
    return rows.length
  }

  it('constant and dictionary vectors, long texts that repeat and that do not', async () => {
    await session.run(
      `COPY (SELECT i, 'one of a few long texts, number ' || i % 5 AS few, 'a long text of its own: ' || i AS many,
              CASE WHEN i % 11 = 0 THEN NULL WHEN i % 4 = 0 THEN 'short' ELSE repeat('mixed ', i % 9) END AS mixed
       FROM range(30000) t(i)) TO '${bench.folder}/texts.parquet' (ROW_GROUP_SIZE 8192)`,
    )
    const from = `FROM '${bench.folder}/texts.parquet'`
    expect(await same(`SELECT 'constant text of many bytes' AS c, * ${from} ORDER BY i`)).toBe(30_000)
    expect(await same(`SELECT few, many, mixed ${from} WHERE i % 3 = 1 ORDER BY i`, { batchRows: 777 })).toBe(10_000)
    // A join's other side gives slices of dictionaries.
    expect(
      await same(
        `SELECT a.few, b.many FROM (SELECT * ${from}) a JOIN (SELECT * ${from} WHERE i < 100) b ON a.i % 100 = b.i ORDER BY a.i`,
      ),
    ).toBe(30_000)
  })

  it('nested columns that are sliced, filtered, empty and null at every depth', async () => {
    await session.run(
      `CREATE OR REPLACE TEMP TABLE nested AS SELECT i,
        CASE WHEN i % 5 = 0 THEN NULL ELSE list_transform(range(i % 4), lambda x: CASE WHEN x = 1 THEN NULL ELSE {'n': x, 't': ['text number ' || x, NULL, '']} END) END AS l,
        CASE WHEN i % 6 = 0 THEN NULL ELSE {'a': CASE WHEN i % 2 = 0 THEN NULL ELSE i END, 'b': {'c': 'deep text, long enough ' || i}} END AS s,
        (CASE WHEN i % 7 = 0 THEN NULL ELSE [i, NULL, -i] END)::BIGINT[3] AS f,
        (CASE WHEN i % 8 = 0 THEN NULL ELSE ['text of an array ' || i, 'x'] END)::VARCHAR[2] AS ft
       FROM range(10000) t(i)`,
    )
    expect(await same('SELECT * FROM nested ORDER BY i')).toBe(10_000)
    expect(await same('SELECT l, s, f, ft FROM nested WHERE i % 3 = 2 ORDER BY i', { batchRows: 501 })).toBe(3333)
    expect(await same('SELECT list_slice(l, 2, 3) AS l, s.b AS b FROM nested ORDER BY i LIMIT 5000 OFFSET 37')).toBe(
      5000,
    )
    expect(await same('SELECT list(s ORDER BY i) AS ls, i % 13 AS k FROM nested GROUP BY k ORDER BY k')).toBe(13)
  })
})

describe('batches', () => {
  it('end at the rows or at the bytes that are asked for, whichever comes first, and lose no row', async () => {
    await using byRows = await session.stream("SELECT i, 'x' AS t FROM range(50000) t(i)")
    const first = await ipc(await byRows.arrow({ batchRows: 5000 }))
    expect(Math.max(...first.rows)).toBeLessThanOrEqual(5000)
    expect(first.rows.reduce((sum, rows) => sum + rows)).toBe(50_000)
    await using byBytes = await session.stream("SELECT repeat('y', 10000) AS t FROM range(3000) t(i)")
    const second = await ipc(await byBytes.arrow({ batchBytes: 200_000 }))
    expect(second.rows.reduce((sum, rows) => sum + rows)).toBe(3000)
    expect(Math.max(...second.sizes)).toBeLessThan(210_000)
    expect(Math.min(...second.rows.slice(0, -1))).toBeGreaterThan(5)
    await using large = await session.stream("SELECT repeat('z', 3000000) AS t FROM range(3)")
    const third = await ipc(await large.arrow())
    expect(third.rows).toEqual([1, 1, 1])
  })

  it('a record batch over the same bytes says what the message says', async () => {
    const sql = "SELECT i, CASE WHEN i % 2 = 0 THEN NULL ELSE ['text ' || i] END AS l FROM range(5000) t(i) ORDER BY i"
    const table = await read(sql)
    await using result = await session.stream(sql)
    const rows: unknown[] = []
    for await (const batch of await result.arrow()) {
      const view = batch.recordBatch()
      for (let row = 0; row < view.numRows; row++) rows.push(plain(view.get(row)?.toJSON()))
    }
    expect(rows).toEqual(plain(table.toArray().map((row: { toJSON(): unknown }) => row.toJSON())))
  })

  it('are given back when the next is asked for, unless they are kept', async () => {
    await using result = await session.stream('SELECT i FROM range(60000) t(i)')
    const stream = await result.arrow({ batchRows: 2048 })
    const kept: Disposable[] = []
    let previous: { message(): unknown } | undefined
    for await (const batch of stream) {
      expect(leased).toBe(1 + kept.length)
      if (previous !== undefined && kept.length !== 1)
        expect(() => previous?.message()).toThrow(/next one was asked for/)
      if (kept.length === 0) kept.push(batch.keep())
      previous = batch
    }
    expect(leased).toBe(1)
    for (const one of kept) one[Symbol.dispose]()
    expect(leased).toBe(0)
  })

  it('break in the middle gives everything back and leaves the session free', async () => {
    const result = await session.stream('SELECT i, i::VARCHAR FROM range(1000000000000) t(i)')
    let batches = 0
    for await (const _batch of await result.arrow()) if (++batches === 3) break
    expect(leased).toBe(0)
    expect(await session.all('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('an abort or a failure after the first batches ends the stream with its reason and gives everything back', async () => {
    const abort = new AbortController()
    const endless = await session.stream('SELECT i FROM range(1000000000000) t(i)', { signal: abort.signal })
    const cancelled = async () => {
      for await (const _batch of await endless.arrow()) abort.abort()
    }
    await expect(cancelled()).rejects.toMatchObject({ code: 'cancelled' })
    const failing = await session.stream(
      "SELECT CASE WHEN i = 400000 THEN error('at row ' || i) ELSE i::VARCHAR END FROM range(500000) t(i)",
    )
    const failed = async () => {
      for await (const batch of await failing.arrow()) expect(batch.rowCount).toBeGreaterThan(0)
    }
    await expect(failed()).rejects.toThrow(/at row 400000/)
    expect(leased).toBe(0)
  })

  it('a value above the limit is refused by name before it is copied', async () => {
    const result = await session.stream("SELECT repeat('x', 2000000) AS t", { maxValueBytes: 1e6 })
    await expect(result.arrow().then(ipc)).rejects.toMatchObject({ code: 'sql/value-too-large' })
    expect(leased).toBe(0)
  })

  it('tables of texts that are ours have the same form', async () => {
    const stream = await arrowOfTexts(
      [
        { name: 'a', type: 'VARCHAR' },
        { name: 'b', type: 'VARCHAR' },
      ],
      [
        ['é', null],
        ['', 'two'],
      ],
    )
    const reader = RecordBatchReader.from((await ipc(stream)).bytes)
    const schema: Schema = reader.open().schema
    expect(schema.fields.map((field) => field.typeId)).toEqual([Type.Utf8, Type.Utf8])
    const [batch] = [...reader]
    expect(batch?.toArray().map((row) => plain(row?.toJSON()))).toEqual([
      { a: 'é', b: null },
      { a: '', b: 'two' },
    ])
  })
})
