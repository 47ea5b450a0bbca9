import { readdir } from 'node:fs/promises'
import { Field, Int32, List, RecordBatch, Table, tableFromIPC, Utf8, vectorFromArray } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { IceboxError } from '../../src/base/index.ts'
import type { EngineSession, SqlParameter, SqlValue } from '../../src/engine/index.ts'
import { type EngineBench, startEngine } from '../integration/support/engine.ts'
import { testFunction } from '../support/scalar-families.ts'

const ENDLESS = 'SELECT count(*) FROM range(1000000000000) t(i) WHERE i % 7 = 3'

describe.each(['own', 'child'] as const)('an engine in its %s process', (process) => {
  let bench: EngineBench
  let session: EngineSession
  beforeAll(async () => {
    bench = await startEngine({ process })
    session = await bench.engine.session()
  })
  afterAll(async () => {
    await session[Symbol.asyncDispose]()
    await bench[Symbol.asyncDispose]()
  })

  // SQL and value by hand: every form in which values cross.
  const values: [string, SqlValue][] = [
    ['true', true],
    ['(-128)::TINYINT', -128],
    ['65535::USMALLINT', 65_535],
    ['9007199254740993::BIGINT', 9_007_199_254_740_993n],
    ['18446744073709551615::UBIGINT', 18_446_744_073_709_551_615n],
    ['(-170141183460469231731687303715884105727)::HUGEINT', -170_141_183_460_469_231_731_687_303_715_884_105_727n],
    ['340282366920938463463374607431768211455::UHUGEINT', 340_282_366_920_938_463_463_374_607_431_768_211_455n],
    ["'-infinity'::DOUBLE", Number.NEGATIVE_INFINITY],
    ['-0.05::DECIMAL(4,2)', '-0.05'],
    ['12345.678::DECIMAL(9,3)', '12345.678'],
    ['123456789012345.67::DECIMAL(18,2)', '123456789012345.67'],
    ['-99999999999999999999999999999999999.999::DECIMAL(38,3)', '-99999999999999999999999999999999999.999'],
    ["DATE 'infinity'", 'infinity'],
    ["TIME '23:59:59.5'", '23:59:59.500'],
    ["TIMETZ '01:02:03+05:30'", '01:02:03+05:30'],
    ["TIMESTAMP '-infinity'", '-infinity'],
    ["TIMESTAMPTZ '2024-02-29 01:02:03.45+02'", '2024-02-28T23:02:03.450Z'],
    ["TIMESTAMP_NS '2024-02-29 01:02:03.123456789'", '2024-02-29T01:02:03.123456789'],
    ["INTERVAL '14 months 3 days 04:05:06.7'", '1 year 2 months 3 days 04:05:06.7'],
    ["'a text of more than twelve bytes, with é and 🙂'", 'a text of more than twelve bytes, with é and 🙂'],
    ["''", ''],
    ["'\\x00\\xFFa'::BLOB", Uint8Array.of(0, 255, 97)],
    ["'12345678-1234-1234-1234-123456789abc'::UUID", '12345678-1234-1234-1234-123456789abc'],
    ["'10101'::BIT", '10101'],
    ["'medium'::ENUM('small', 'medium')", 'medium'],
    ['99999999999999999999::BIGNUM', 99_999_999_999_999_999_999n],
    ['[[1], [], NULL]::INTEGER[][]', [[1], [], null]],
    ['array_value(1, NULL, 3)', [1, null, 3]],
    ["{'a': 1, 'b c': ['x']}", { a: 1, 'b c': ['x'] }],
    // Fields without names are in their places, like those of DuckDB's client for Python.
    ["row(1, 'x', NULL)", [1, 'x', null]],
    ["[(1, {'a': (2, 3)}), NULL]", [[1, { a: [2, 3] }], null]],
    [
      "struct_pack(__proto__ := 1, constructor := 'x')",
      Object.fromEntries([
        ['__proto__', 1],
        ['constructor', 'x'],
      ]),
    ],
    [
      "MAP {'k': 1::BIGINT, 'l': NULL}",
      [
        ['k', 1n],
        ['l', null],
      ],
    ],
    ["union_value(k := 'v')::UNION(k VARCHAR, n INTEGER)", 'v'],
    ['NULL', null],
  ]
  it.each(values)('%s comes out as it is, and null beside it', async (sql, value) => {
    const rows = await session.all(
      `SELECT v FROM range(3001) t(i) LEFT JOIN (SELECT ${sql} AS v, j FROM range(3001) u(j) WHERE j % 3 <> 1) ON i = j ORDER BY i`,
    )
    expect(rows).toHaveLength(3001)
    expect(rows[0]).toEqual({ v: value })
    expect(rows[1]).toEqual({ v: null })
    expect(rows[2999]).toEqual({ v: value })
  })

  it.each<[string, unknown, string]>([
    ['a Date', [1, new Date(0)], 'parameter $2 is a Date; taken are null,'],
    ['an array', [1, [1, 2]], 'parameter $2 is an array; taken are null,'],
    ['an object', [1, { x: 1 }], 'parameter $2 is an object; taken are null,'],
    ['undefined', [1, undefined], 'parameter $2 is undefined; taken are null,'],
    ['names', { a: 1, b: 2 }, 'the parameters are an object; they are bound by position, and names are not taken'],
  ])('refuses what is no parameter by its number: %s', async (_, parameters, message) => {
    const options = { parameters: parameters as readonly SqlParameter[] }
    const refused = { code: 'usage/invalid', message: expect.stringContaining(message) }
    await expect(session.all('SELECT $1 AS a, $2 AS b', options)).rejects.toMatchObject(refused)
    await expect(
      session.run('CREATE OR REPLACE TEMP TABLE p AS SELECT $1 AS a, $2 AS b', options),
    ).rejects.toMatchObject(refused)
  })

  it('binds parameters of every kind as values', async () => {
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

  it('E1: a result that fails after its first rows fails for its reader too', async () => {
    const rows = await session.stream(
      "SELECT CASE WHEN i = 400000 THEN error('at row ' || i) ELSE i END FROM range(500000) t(i)",
    )
    const read = async () => {
      for await (const batch of rows) expect(batch.rowCount).toBeGreaterThan(0)
    }
    await expect(read()).rejects.toThrow(/at row 400000/)
    expect(await session.all('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('E3: a session with an open result refuses the next statement until it is closed', async () => {
    const open = await session.stream('SELECT i FROM range(100000) t(i)')
    await expect(session.all('SELECT 1')).rejects.toThrow(/open/)
    await open[Symbol.asyncDispose]()
    expect(await session.all('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('E4: an aborted signal stops a statement with the reason that was given, and the session goes on', async () => {
    const abort = new AbortController()
    const reason = new IceboxError('sql/timeout', { message: 'ran longer than 1 ms' })
    const seen: unknown[] = []
    const running = session.run(ENDLESS, {
      signal: abort.signal,
      onProgress: (progress) => {
        seen.push(progress)
        abort.abort(reason)
      },
    })
    await expect(running).rejects.toBe(reason)
    expect(seen.length).toBeGreaterThan(0)
    await expect(session.run(ENDLESS, { signal: AbortSignal.timeout(30) })).rejects.toMatchObject({ code: 'cancelled' })
    await expect(session.all('SELECT 1', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' })
    expect(await session.all('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('E4: a stream is cancelled by break and by its signal, while the reader waits and while it does not', async () => {
    let rows = 0
    for await (const batch of await session.stream('SELECT i, i::VARCHAR FROM range(1000000000000) t(i)')) {
      rows += batch.rowCount
      if (rows > 10_000) break
    }
    expect(rows).toBeLessThan(20_000)
    const abort = new AbortController()
    const stream = await session.stream('SELECT i FROM range(1000000000000) t(i)', { signal: abort.signal })
    const read = async () => {
      for await (const batch of stream) if (batch.rowCount > 0) abort.abort()
    }
    await expect(read()).rejects.toMatchObject({ code: 'cancelled' })
    const waiting = await session
      .stream(`${ENDLESS} AND i < 0`, { signal: AbortSignal.timeout(50) })
      .catch((error: unknown) => error)
    if (waiting instanceof Error) expect(waiting).toMatchObject({ code: 'cancelled' })
    expect(await session.all('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('a reader that takes nothing stops the engine: it does not work ahead without end', async () => {
    await using stream = await session.stream("SELECT i, repeat('x', 1000) AS t FROM range(100000000) t(i)")
    const reader = stream[Symbol.asyncIterator]()
    await reader.next()
    await using other = await bench.engine.session()
    const seen: bigint[] = []
    for (let look = 0; look < 20; look++) {
      const [row] = await other.all('SELECT sum(memory_usage_bytes)::BIGINT AS bytes FROM duckdb_memory()')
      if (typeof row?.['bytes'] === 'bigint') seen.push(row['bytes'])
    }
    expect(Math.max(...seen.map(Number))).toBeLessThan(64e6)
    await reader.return?.()
  })

  it('a small result is there when its statement ends, rows, errors and cancel alike', async () => {
    const rows: SqlValue[] = []
    await using stream = await session.stream('SELECT i FROM range(5000) t(i)', { isSmallResult: true })
    for await (const batch of stream) rows.push(...batch.column(0))
    expect(rows).toEqual(Array.from({ length: 5000 }, (_, at) => BigInt(at)))
    await stream[Symbol.asyncDispose]()
    const late = "SELECT CASE WHEN i = 4999 THEN error('late') ELSE i END FROM range(5000) t(i)"
    await expect(session.stream(late, { isSmallResult: true })).rejects.toMatchObject({
      message: expect.stringContaining('late'),
    })
    const stop = new AbortController()
    const endless = session.stream(ENDLESS, { isSmallResult: true, signal: stop.signal })
    setTimeout(() => stop.abort(new Error('enough')), 50)
    await expect(endless).rejects.toMatchObject({ code: 'cancelled' })
    expect(await session.all('SELECT 1 AS v')).toEqual([{ v: 1 }])
  })

  it('E8: a value above the limit is refused by name', async () => {
    let batches = 0
    const read = async () => {
      for await (const _ of await session.stream("SELECT repeat('x', 2000000) AS t", { maxValueBytes: 1e6 })) batches++
    }
    await expect(read()).rejects.toMatchObject({ code: 'sql/value-too-large', context: { column: 't', row: 1 } })
    expect(batches).toBe(0)
  })

  it('Arrow batches hold the rows, are given back, and refuse what does not fit', async () => {
    const stream = await session.stream(
      "SELECT i::INTEGER AS i, CASE WHEN i % 3 = 0 THEN NULL ELSE ['text number ' || i] END AS l FROM range(50000) t(i) ORDER BY i",
    )
    const arrow = await stream.arrow({ batchRows: 5000 })
    const pieces = [arrow.begin()]
    for await (const batch of arrow) {
      expect(batch.rowCount).toBeLessThanOrEqual(5000)
      for (const piece of batch.message()) pieces.push(Uint8Array.from(piece))
    }
    pieces.push(arrow.end())
    const table = tableFromIPC(Buffer.concat(pieces))
    expect([table.numRows, table.getChild('i')?.get(49_999), table.getChild('l')?.get(49_998)]).toEqual([
      50_000,
      49_999,
      null,
    ])
    expect(JSON.stringify(table.getChild('l')?.get(49_999))).toBe('["text number 49999"]')
    const large = await session.stream('SELECT 170141183460469231731687303715884105727::HUGEINT AS h')
    const read = async () => {
      for await (const batch of await large.arrow()) expect(batch.rowCount).toBe(1)
    }
    await expect(read()).rejects.toMatchObject({ code: 'sql/type' })
    expect(await session.all('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('appends Arrow batches, and keeps none of them when their source fails', async () => {
    const batchesOf = async function* (failsAfter = Number.POSITIVE_INFINITY): AsyncGenerator<RecordBatch> {
      for (let at = 0; at < 20; at++) {
        if (at === failsAfter) throw new RangeError('the source broke')
        const numbers = vectorFromArray(Int32Array.from({ length: 1000 }, (_, row) => at * 1000 + row))
        const lists = vectorFromArray(
          Array.from({ length: 1000 }, (_, row) => (row % 2 === 0 ? null : [`text ${row}`])),
          new List(new Field('item', new Utf8(), true)),
        )
        yield* new Table({ n: numbers, l: lists }).batches
      }
    }
    await session.run('CREATE OR REPLACE TEMP TABLE appended (n INTEGER, l VARCHAR[])')
    expect(new Int32()).toBeInstanceOf(Int32)
    expect(await session.appendArrow('appended', batchesOf())).toBe(20_000)
    const count = 'SELECT count(*) AS n, sum(n) AS s, max(l[1]) AS m FROM appended'
    expect(await session.all(count)).toEqual([{ n: 20_000n, s: 199_990_000n, m: 'text 999' }])
    await session.run('DELETE FROM appended')
    await expect(session.appendArrow('appended', batchesOf(3))).rejects.toThrow(/the source broke/)
    expect(await session.all('SELECT count(*) AS n FROM appended')).toEqual([{ n: 0n }])
    await session.run('CREATE OR REPLACE TEMP TABLE narrow (n INTEGER)')
    await expect(session.appendArrow('narrow', batchesOf())).rejects.toBeInstanceOf(IceboxError)
  })

  it('functions of TypeScript work in every session, and an exception in one fails the statement only', async () => {
    await session.registerScalar(testFunction('twice_as_long'))
    await session.registerScalar(testFunction('fails'))
    await using other = await bench.engine.session()
    await other.registerScalar(testFunction('twice_as_long'))
    expect(await other.all("SELECT twice_as_long('abc') AS n, twice_as_long(NULL) AS z")).toEqual([{ n: 6, z: null }])
    await expect(other.all("SELECT fails('x')")).rejects.toThrow(/no such bucket/)
    expect(await other.all('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('statement kinds, errors with place and candidates, threads of a statement, figures of memory', async () => {
    expect(await session.statementKinds('SELECT 1; SET threads = 1')).toEqual(['SELECT', 'SET'])
    await session.run('CREATE OR REPLACE TEMP TABLE orders (amount INTEGER)')
    await expect(session.all('SELECT amont FROM orders')).rejects.toMatchObject({
      code: 'sql/unknown-column',
      context: { column: 'amont', candidates: ['amount'] },
    })
    const threads = "SELECT current_setting('threads')::INTEGER AS n"
    expect(await session.all(threads, { threads: 1 })).toEqual([{ n: 1 }])
    expect(await session.all(threads)).toEqual([{ n: 2 }])
    const memory = await bench.engine.memory()
    expect(memory.limitBytes).toBe(bench.engine.memoryLimitBytes)
    expect(memory.residentBytes).toBeGreaterThan(1e6)
  })

  it('out of memory and out of spill are told with their figures, and the engine stays usable', async () => {
    await using small = await startEngine({ process, limitMiB: 64, threads: 1, maxSpillBytes: 4e6 })
    await using tight = await small.engine.session()
    const exhausted = tight.all("SELECT length(string_agg(repeat(i::VARCHAR, 100), ',')) AS n FROM range(2000000) t(i)")
    await expect(exhausted).rejects.toMatchObject({
      code: 'memory/exhausted',
      context: { limitBytes: 64 * 1024 * 1024 },
    })
    const spilled = tight.all(
      'CREATE TEMP TABLE sorted AS SELECT md5(i::VARCHAR) m FROM range(4000000) t(i) ORDER BY m',
    )
    await expect(spilled).rejects.toMatchObject({ code: 'engine/out-of-disk' })
    expect(await tight.all('SELECT sum(i)::BIGINT AS s FROM range(1000) t(i)')).toEqual([{ s: 499_500n }])
  })

  it('the governor is told what it holds and spills, and closing leaves no process and no spill folder', async () => {
    const own = await startEngine({ process, limitMiB: 64, threads: 1 })
    const busy = await own.engine.session()
    const measured = vi.spyOn(own.governor, 'measured')
    const meter = own.governor.bill('query 1')
    await busy.run('CREATE TEMP TABLE sorted AS SELECT md5(i::VARCHAR) m FROM range(1500000) t(i) ORDER BY m')
    const { spilledBytes } = meter.bill()
    meter[Symbol.dispose]()
    expect(Math.max(...measured.mock.calls.map(([, bytes]) => bytes))).toBeGreaterThan(20e6)
    expect(spilledBytes).toBeGreaterThan(10e6)
    const pid = Number((await readdir(own.spillDirectory))[0]?.split('-')[0])
    // Closed with a session that is open.
    await own.engine[Symbol.asyncDispose]()
    expect(await readdir(own.spillDirectory)).toEqual([])
    if (process === 'child') expect(() => globalThis.process.kill(pid, 0)).toThrow(/ESRCH/)
    await own[Symbol.asyncDispose]()
  })

  it('a session more than allowed is refused, and had when one was closed', async () => {
    await using few = await startEngine({ process, maxSessions: 1 })
    const first = await few.engine.session()
    await expect(few.engine.session()).rejects.toMatchObject({ code: 'memory/refused', context: { mostSessions: 1 } })
    await first[Symbol.asyncDispose]()
    await (await few.engine.session())[Symbol.asyncDispose]()
  })
})
