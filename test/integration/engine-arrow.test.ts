import { join } from 'node:path'
import {
  Binary,
  Bool,
  type Data,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  Field,
  FixedSizeList,
  Float64,
  Int32,
  Int64,
  List,
  makeData,
  Map_,
  Null,
  type RecordBatch,
  Struct,
  Table,
  TimeMicrosecond,
  TimeMillisecond,
  TimeNanosecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  tableFromIPC,
  tableToIPC,
  type DataType,
  Uint64,
  Utf8,
  Vector,
  vectorFromArray,
} from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { arrowSqlType, type EngineSession, type SqlValue } from '../../src/engine/index.ts'
import { type EngineBench, startEngine } from './support/engine.ts'

const ROWS = 5000
const KEY = new Field('key', new Utf8(), false)
const VALUE = new Field('value', new Int32(), true)
const everyThird = <T>(value: (row: number) => T) =>
  Array.from({ length: ROWS }, (_, row) => (row % 3 === 1 ? null : value(row)))

async function* batchesOf(table: Table): AsyncGenerator<RecordBatch> {
  yield* table.batches
}

describe('Arrow record batches arrive in the engine unchanged', () => {
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

  const numbers = vectorFromArray(Int32Array.from({ length: ROWS }, (_, row) => row))
  const bytes = (row: number) => Uint8Array.of(row & 255, 0, 255)
  // Type, values as Arrow takes them, the engine's type, the value of row 5 (row % 3 = 2) by hand.
  const columns: [string, DataType, (row: number) => unknown, string, SqlValue][] = [
    ['int', new Int32(), (row) => row - 100, 'INTEGER', -95],
    ['long', new Int64(), (row) => 2n ** 60n + BigInt(row), 'BIGINT', 2n ** 60n + 5n],
    ['ulong', new Uint64(), (row) => 2n ** 63n + BigInt(row), 'UBIGINT', 2n ** 63n + 5n],
    ['double', new Float64(), (row) => row / 4, 'DOUBLE', 1.25],
    ['bool', new Bool(), (row) => row % 2 === 1, 'BOOLEAN', true],
    ['text', new Utf8(), (row) => `é${'x'.repeat(row % 20)}`, 'VARCHAR', 'éxxxxx'],
    ['bytes', new Binary(), bytes, 'BLOB', Uint8Array.of(5, 0, 255)],
    ['day', new DateDay(), (row) => new Date(row * 86_400_000), 'DATE', '1970-01-06'],
    ['day64', new DateMillisecond(), (row) => new Date(-row * 86_400_000), 'DATE', '1969-12-27'],
    ['ts', new TimestampMicrosecond(), (row) => row * 1000, 'TIMESTAMP', '1970-01-01T00:00:05'],
    [
      'tsz',
      new TimestampMicrosecond('Europe/Berlin'),
      (row) => row * 1000,
      'TIMESTAMP WITH TIME ZONE',
      '1970-01-01T00:00:05Z',
    ],
    // What counts otherwise than the engine is converted: 5 ms were five microseconds of 1970.
    ['tssz', new TimestampSecond('UTC'), (row) => row * 1000, 'TIMESTAMP WITH TIME ZONE', '1970-01-01T00:00:05Z'],
    ['tsmsz', new TimestampMillisecond('UTC'), (row) => -row, 'TIMESTAMP WITH TIME ZONE', '1969-12-31T23:59:59.995Z'],
    ['tsnsz', new TimestampNanosecond('UTC'), (row) => row * 1000, 'TIMESTAMP WITH TIME ZONE', '1970-01-01T00:00:05Z'],
    ['tss', new TimestampSecond(), (row) => row * 1000, 'TIMESTAMP_S', '1970-01-01T00:00:05'],
    ['tsms', new TimestampMillisecond(), (row) => row * 1000, 'TIMESTAMP_MS', '1970-01-01T00:00:05'],
    ['time', new TimeMicrosecond(), (row) => BigInt(row) * 1_000_000n, 'TIME', '00:00:05'],
    ['time32', new TimeMillisecond(), (row) => row * 1000 + 250, 'TIME', '00:00:05.250'],
    ['dict', new Dictionary(new Utf8(), new Int32()), (row) => `k${row % 7}`, 'VARCHAR', 'k5'],
    [
      'list',
      new List(new Field('item', new Int32(), true)),
      (row) => Array.from({ length: row % 4 }, (_, at) => row + at),
      'INTEGER[]',
      [5],
    ],
    ['fixed', new FixedSizeList(2, new Field('item', new Int32(), true)), (row) => [row, -row], 'INTEGER[2]', [5, -5]],
    [
      'struct',
      new Struct([new Field('a', new Int32(), true), new Field('b c', new Utf8(), true)]),
      (row) => ({ a: row, 'b c': `s${row}` }),
      'STRUCT(a INTEGER, "b c" VARCHAR)',
      { a: 5, 'b c': 's5' },
    ],
    [
      'map',
      new Map_<Utf8, Int32>(new Field('entries', new Struct<{ key: Utf8; value: Int32 }>([KEY, VALUE]), false)),
      (row) => new Map([[`k${row}`, row]]),
      'MAP(VARCHAR, INTEGER)',
      [['k5', 5]],
    ],
    ['nothing', new Null(), () => null, 'INTEGER', null],
  ]
  it.each(columns)('%s', async (name, type, value, sqlType, fifth) => {
    const vector = vectorFromArray(everyThird(value), type)
    // Through IPC and back, as files come; cut so that validity begins within a byte.
    const table = tableFromIPC(tableToIPC(new Table({ n: numbers, v: vector }))).slice(3)
    await session.run(`CREATE OR REPLACE TEMP TABLE arrow_${name} (n INTEGER, v ${arrowSqlType(type)})`)
    expect(await session.appendArrow(`arrow_${name}`, batchesOf(table))).toBe(ROWS - 3)
    await using result = await session.stream(`SELECT v FROM arrow_${name} ORDER BY n`)
    expect(result.columns).toEqual([{ name: 'v', type: sqlType }])
    const values: SqlValue[] = []
    for await (const batch of result) values.push(...batch.column(0))
    expect(values).toHaveLength(ROWS - 3)
    expect(values[2]).toEqual(fifth)
    for (let row = 0; row < values.length; row++)
      expect(values[row] === null, `row ${row}`).toBe(name === 'nothing' || (row + 3) % 3 === 1)
  })

  it('decimals keep every digit in each of the widths that the engine has', async () => {
    for (const [precision, unscaled, text] of [
      [4, -1234n, '-12.34'],
      [9, 123_456_789n, '1234567.89'],
      [18, -123_456_789_012_345_678n, '-1234567890123456.78'],
      [38, 12_345_678_901_234_567_890_123_456_789_012_345_678n, '123456789012345678901234567890123456.78'],
    ] as const) {
      const words = new BigUint64Array([BigInt.asUintN(64, unscaled), BigInt.asUintN(64, unscaled >> 64n)])
      const type = new Decimal(2, precision, 128)
      const vector = vectorFromArray([new Uint32Array(words.buffer), null], type)
      await session.run(`CREATE OR REPLACE TEMP TABLE arrow_decimal (v ${arrowSqlType(type)})`)
      await session.appendArrow('arrow_decimal', batchesOf(new Table({ v: vector })))
      expect(await session.all('FROM arrow_decimal ORDER BY v NULLS LAST')).toEqual([{ v: text }, { v: null }])
    }
  })

  it('types without a partner are refused by name', () => {
    expect(() => arrowSqlType({ typeId: 18 })).toThrow(/a duration/)
    expect(() => arrowSqlType({ typeId: 99 })).toThrow(/Arrow type number 99/)
    expect(() => arrowSqlType({ typeId: 3, precision: 0 })).toThrow(/16-bit float/)
  })

  it('what falls between two microseconds, or past 64 bits of them, is refused with value and column', async () => {
    const append = async (type: DataType, raw: bigint): Promise<unknown> => {
      const data = makeData({ type, length: 2, nullCount: 0, data: BigInt64Array.of(1000n, raw) } as never)
      const table = new Table({ when: new Vector([data]) })
      await session.run(`CREATE OR REPLACE TEMP TABLE arrow_lossy (v ${arrowSqlType(type, { ofTimeNs: 'TIME' })})`)
      return session.appendArrow('arrow_lossy', batchesOf(table)).catch((error: unknown) => error)
    }
    const zoned = new TimestampNanosecond('UTC')
    expect(await append(zoned, 1_577_836_800_123_456_000n)).toBe(2)
    expect(await append(zoned, 1_577_836_800_123_456_789n)).toMatchObject({
      code: 'source/row',
      context: { column: 'when', value: '1577836800123456789 ns' },
    })
    expect(await append(new TimeNanosecond(), 3_600_000_000_001n)).toMatchObject({ code: 'source/row' })
    expect(await append(new TimestampSecond('UTC'), 9_223_372_036_855n)).toMatchObject({ code: 'source/row' })
    expect(await append(new DateMillisecond(), 86_400_001n)).toMatchObject({ code: 'source/row' })
  })

  it('values that Arrow has below a NULL struct, list or array do not move those of later rows', async () => {
    // Arrow, "Struct Layout": a child may hold a value where its parent is NULL. DuckDB's Parquet writer wrote it, and
    // every later row of the column had the value of another.
    const rows = 5000
    const validity = new Uint8Array(Math.ceil(rows / 8) + 8)
    for (let row = 0; row < rows; row++)
      if (row % 5 !== 0) validity[row >> 3] = (validity[row >> 3] ?? 0) | (1 << (row & 7))
    const hidden = (type: DataType, children: readonly Data[]): Table => {
      const parts = { type, length: rows, nullCount: rows / 5, nullBitmap: validity, children, child: children[0] }
      return new Table({
        id: vectorFromArray(Int32Array.from({ length: rows }, (_, row) => row)),
        v: new Vector([makeData(parts as never)]),
      })
    }
    const numbers = makeData({
      type: new Int32(),
      length: rows,
      nullCount: 0,
      data: Int32Array.from({ length: rows }, (_, row) => row),
    })
    const pairs = makeData({
      type: new Int32(),
      length: 2 * rows,
      nullCount: 0,
      data: Int32Array.from({ length: 2 * rows }, (_, at) => at >> 1),
    })
    const texts = vectorFromArray(
      Array.from({ length: rows }, (_, row) => `text of ${row}`),
      new Utf8(),
    ).data[0]
    const flags = vectorFromArray(
      Array.from({ length: rows }, (_, row) => row % 2 === 1),
      new Bool(),
    ).data[0]
    if (texts === undefined || flags === undefined) throw new Error('no data')
    const inner = new Struct([new Field('n', new Int32(), true)])
    const struct = new Struct([
      new Field('n', new Int32(), true),
      new Field('t', new Utf8(), true),
      new Field('f', new Bool(), true),
      new Field('s', inner, true),
    ])
    const innerData = makeData({ type: inner, length: rows, nullCount: 0, children: [numbers] } as never)
    const cases: [string, DataType, readonly Data[], string][] = [
      [
        'struct',
        struct,
        [numbers, texts, flags, innerData as Data],
        "v.n = id AND v.t = 'text of ' || id AND v.f = (id % 2 = 1) AND v.s.n = id",
      ],
      ['array', new FixedSizeList(2, new Field('item', new Int32(), true)), [pairs], 'v[1] = id AND v[2] = id'],
    ]
    for (const [name, type, children, isRight] of cases) {
      const table = hidden(type, children).slice(3)
      const file = join(bench.folder, `${name}.parquet`)
      await session.run(
        `CREATE OR REPLACE TEMP TABLE arrow_hidden (id INTEGER, v ${arrowSqlType(type, { hasArrays: false })})`,
      )
      await session.appendArrow('arrow_hidden', batchesOf(table))
      await session.run(`COPY arrow_hidden TO '${file}' (FORMAT parquet)`)
      const [counts] = await session.all(
        `SELECT count(*)::INTEGER AS n, count(*) FILTER (CASE WHEN id % 5 = 0 THEN v IS NULL ELSE ${isRight} END)::INTEGER AS ok FROM '${file}'`,
      )
      expect(counts, name).toEqual({ n: rows - 3, ok: rows - 3 })
    }
  })

  it.each([new Int32(), new DateDay(), new Bool(), new Float64()])(
    'a dictionary of values that are not text is refused, not read as its codes: %s',
    (values) => {
      expect(() => arrowSqlType(new Dictionary(values, new Int32()))).toThrow(/a dictionary of values that are neither/)
    },
  )

  it('bytes that are no UTF-8 are no text, also in a dictionary, and may be below a NULL', async () => {
    const text = (bytes: number[], offsets: number[], nullBitmap?: Uint8Array) =>
      makeData({
        type: new Utf8(),
        length: offsets.length - 1,
        nullCount: nullBitmap === undefined ? 0 : 1,
        ...(nullBitmap === undefined ? {} : { nullBitmap }),
        valueOffsets: Int32Array.from(offsets),
        data: Uint8Array.from(bytes),
      })
    const append = async (data: Data) => {
      await session.run('CREATE OR REPLACE TEMP TABLE arrow_texts (v VARCHAR)')
      await session.appendArrow('arrow_texts', batchesOf(new Table({ v: new Vector([data]) })))
    }
    const other = { code: 'source/encoding', message: expect.stringContaining('column v: a text is not UTF-8') }
    await expect(append(text([0x61, 0xff], [0, 1, 2]))).rejects.toMatchObject(other)
    // An é that is cut in two.
    await expect(append(text([0xc3, 0xa9], [0, 1, 2]))).rejects.toMatchObject(other)
    const dictionary = new Vector([text([0xff], [0, 1])])
    const type = new Dictionary(new Utf8(), new Int32())
    const coded = makeData({ type, length: 1, nullCount: 0, data: Int32Array.of(0), dictionary } as never)
    await expect(append(coded)).rejects.toMatchObject(other)
    await append(text([0x61, 0xff, 0xc3, 0xa9], [0, 1, 2, 4], Uint8Array.of(0b101)))
    expect(await session.all('FROM arrow_texts')).toEqual([{ v: 'a' }, { v: null }, { v: 'é' }])
  })

  it('NULL among the values of a dictionary is NULL', async () => {
    const type = new Dictionary(new Utf8(), new Int32())
    const dictionary = vectorFromArray(['a', null], new Utf8())
    const data = makeData({ type, length: 3, nullCount: 0, data: Int32Array.of(0, 1, 0), dictionary } as never)
    await session.run('CREATE OR REPLACE TEMP TABLE arrow_nulls (v VARCHAR)')
    await session.appendArrow('arrow_nulls', batchesOf(new Table({ v: new Vector([data]) })))
    expect(await session.all('SELECT v, count(*)::INTEGER AS n FROM arrow_nulls GROUP BY v ORDER BY v')).toEqual([
      { v: 'a', n: 2 },
      { v: null, n: 1 },
    ])
  })
})
