import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { IceboxError } from '../../src/base/index.ts'
import type { EngineSession } from '../../src/engine/index.ts'
import { type EngineBench, startEngine } from './support/engine.ts'

const ENDLESS = 'SELECT count(*) FROM range(1000000000000) t(i) WHERE i % 7 = 3'

describe('sessions', () => {
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

  it('an aborted signal stops a running statement, and the session goes on', async () => {
    const abort = new AbortController()
    const seen: (number | undefined)[] = []
    const running = session.all(ENDLESS, {
      signal: abort.signal,
      onProgress: ({ fraction }) => {
        seen.push(fraction)
        abort.abort()
      },
    })
    await expect(running).rejects.toMatchObject({ code: 'cancelled' })
    expect(seen.length).toBeGreaterThan(0)
    expect(await session.all('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('an IceboxError given as the reason of the abort is what is thrown', async () => {
    const abort = new AbortController()
    const reason = new IceboxError('sql/timeout', { message: 'ran longer than 1 ms' })
    const running = session.run(ENDLESS, { signal: abort.signal, onProgress: () => abort.abort(reason) })
    await expect(running).rejects.toBe(reason)
  })

  it('a signal aborted before the call starts nothing', async () => {
    await expect(
      session.run('CREATE TEMP TABLE never AS SELECT 1', { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({
      code: 'cancelled',
    })
    await expect(session.all('FROM never')).rejects.toMatchObject({ code: 'sql/unknown-table' })
  })

  it('break ends an endless stream and gives its memory back', async () => {
    let rows = 0
    for await (const batch of await session.stream('SELECT i, i::VARCHAR FROM range(1000000000000) t(i)')) {
      rows += batch.rowCount
      if (rows > 10_000) break
    }
    expect(rows).toBeLessThan(20_000)
    expect(await session.all('SELECT 42 AS x')).toEqual([{ x: 42 }])
  })

  it('a stream that nobody reads does not run ahead without end', async () => {
    await using stream = await session.stream('SELECT i, repeat(i::VARCHAR, 20) FROM range(1000000000000) t(i)')
    expect(stream.columns).toHaveLength(2)
    const { usedBytes } = await bench.engine.memory()
    expect(usedBytes).toBeLessThan(64 * 1024 * 1024)
  })

  it('an error in the middle of a stream is thrown by the loop', async () => {
    const read = async () => {
      let rows = 0
      for await (const batch of await session.stream(
        "SELECT CASE WHEN i < 500000 THEN i ELSE error('row ' || i) END FROM range(1000000) t(i)",
      )) {
        rows += batch.rowCount
      }
      return rows
    }
    await expect(read()).rejects.toMatchObject({ code: 'sql/type' })
    expect(await session.all('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('refuses a second statement while a result is open, instead of closing the first in silence', async () => {
    const stream = await session.stream('SELECT * FROM range(100000)')
    await expect(session.run('SELECT 1')).rejects.toMatchObject({ code: 'internal/unreachable' })
    await stream[Symbol.asyncDispose]()
    await session.run('SELECT 1')
  })

  it('statements of one session wait for each other', async () => {
    await session.run('CREATE TEMP TABLE log (n INTEGER)')
    await Promise.all([1, 2, 3, 4].map((n) => session.run('INSERT INTO log VALUES ($1)', { parameters: [n] })))
    expect(await session.all('SELECT count(*)::INTEGER AS n FROM log')).toEqual([{ n: 4 }])
  })

  it('temporary tables are seen by their session only', async () => {
    await using other = await bench.engine.session()
    await session.run('CREATE TEMP TABLE mine AS SELECT 1')
    await expect(other.all('FROM mine')).rejects.toMatchObject({ code: 'sql/unknown-table' })
  })

  it('runs in UTC whatever the machine says', async () => {
    const [row] = await session.all(
      "SELECT current_setting('TimeZone') AS zone, TIMESTAMPTZ '2024-07-01 12:00:00' AS t",
    )
    expect(row).toEqual({ zone: 'UTC', t: '2024-07-01T12:00:00Z' })
  })

  it('names what each statement is without running it', async () => {
    const text =
      "SELECT 1; EXPLAIN SELECT 2; CREATE TABLE should_not_be AS SELECT 1; SET threads = 1; COPY (SELECT 1) TO 'x.csv'"
    expect(await session.statementKinds(text)).toEqual(['SELECT', 'EXPLAIN', 'CREATE', 'SET', 'COPY'])
    expect(await session.statementKinds(' -- nothing\n;')).toEqual([])
    await expect(session.all('FROM should_not_be')).rejects.toMatchObject({ code: 'sql/unknown-table' })
  })

  it('a function of TypeScript gets whole columns, skips nulls and may be registered again', async () => {
    const define = (instance: EngineSession) =>
      instance.registerScalar({
        name: 'twice_as_long',
        argumentTypes: ['VARCHAR'],
        returnType: 'INTEGER',
        call: ([text]) => (typeof text === 'string' ? text.length * 2 : -1),
      })
    await define(session)
    await using other = await bench.engine.session()
    await define(other)
    const rows = await other.all(
      "SELECT twice_as_long(CASE WHEN i % 1000 = 0 THEN NULL ELSE repeat('x', i % 7) END) AS n FROM range(5001) t(i) ORDER BY i",
    )
    expect(rows[0]).toEqual({ n: null })
    expect(rows[4999]).toEqual({ n: (4999 % 7) * 2 })
  })

  it('an exception of such a function fails the statement and nothing else', async () => {
    await session.registerScalar({
      name: 'fails',
      argumentTypes: ['INTEGER'],
      returnType: 'INTEGER',
      call: () => {
        throw new RangeError('no such bucket')
      },
    })
    await expect(session.all('SELECT fails(1)')).rejects.toThrow(/no such bucket/)
    expect(await session.all('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('a statement can have threads of its own; the plan holds again afterwards', async () => {
    const threads = "SELECT current_setting('threads')::INTEGER AS n"
    expect(await session.all(threads, { threads: 1 })).toEqual([{ n: 1 }])
    expect(await session.all(threads)).toEqual([{ n: 2 }])
  })
})

describe('limits', () => {
  it('out of memory names bytes asked and the limit, and the engine stays usable', async () => {
    await using bench = await startEngine({ limitMiB: 64 })
    await using session = await bench.engine.session()
    const failed = session.all("SELECT length(string_agg(repeat(i::VARCHAR, 100), ',')) AS n FROM range(2000000) t(i)")
    await expect(failed).rejects.toMatchObject({ code: 'memory/exhausted', context: { limitBytes: 64 * 1024 * 1024 } })
    await expect(failed).rejects.toThrow(/MB of the engine's limit of 67\.1 MB/)
    expect(await session.all('SELECT sum(i)::BIGINT AS s FROM range(1000) t(i)')).toEqual([{ s: 499_500n }])
  })

  it('a smaller plan holds from the next statement on, in sessions that are open too', async () => {
    await using bench = await startEngine({ limitMiB: 512 })
    await using session = await bench.engine.session()
    const settings = "SELECT current_setting('memory_limit') AS limit, current_setting('threads')::INTEGER AS threads"
    // It waits for the statement that runs.
    const running = session.all(`SELECT count(*)::INTEGER AS n FROM range(20000000) t(i) WHERE hash(i) % 2 < 2`)
    const followed = bench.engine.follow({ ...bench.engine.plan, memoryLimitBytes: 64 * 1024 * 1024, threads: 1 })
    expect(await running).toEqual([{ n: 20_000_000 }])
    await followed
    expect(await session.all(settings)).toEqual([{ limit: '64.0 MiB', threads: 1 }])
    expect(bench.engine).toMatchObject({ memoryLimitBytes: 64 * 1024 * 1024, threads: 1 })
    await expect(
      session.run('CREATE TEMP TABLE t AS SELECT list(i) AS l FROM range(20000000) r(i)'),
    ).rejects.toMatchObject({ code: 'memory/exhausted', context: { limitBytes: 64 * 1024 * 1024 } })
    await bench.engine.follow({ ...bench.engine.plan, memoryLimitBytes: 512 * 1024 * 1024, threads: 2 })
    expect(await session.all(settings)).toEqual([{ limit: '512.0 MiB', threads: 2 }])
  })

  it('a plan below what an open result holds is refused with both figures, and the old one stays', async () => {
    await using bench = await startEngine({ limitMiB: 512 })
    await using session = await bench.engine.session()
    await using result = await session.stream('SELECT unnest(list(i)) AS i FROM range(10000000) t(i)')
    const plan = { ...bench.engine.plan, memoryLimitBytes: 32 * 1024 * 1024 }
    await expect(bench.engine.follow(plan)).rejects.toMatchObject({
      code: 'memory/refused',
      retryable: true,
      context: { askedLimitBytes: 32 * 1024 * 1024, limitBytes: 512 * 1024 * 1024 },
    })
    expect(bench.engine.memoryLimitBytes).toBe(512 * 1024 * 1024)
    let rows = 0
    for await (const batch of result) rows += batch.rowCount
    expect(rows).toBe(10_000_000)
    await bench.engine.follow(plan)
  })

  it('a spill beyond its limit is told as a matter of disk', async () => {
    await using bench = await startEngine({ limitMiB: 64, threads: 1, maxSpillBytes: 4e6 })
    await using session = await bench.engine.session()
    const failed = session.all(
      'CREATE TEMP TABLE sorted AS SELECT md5(i::VARCHAR) m FROM range(4000000) t(i) ORDER BY m',
    )
    await expect(failed).rejects.toMatchObject({ code: 'engine/out-of-disk' })
  })

  it('a spilling statement shows in the bill, and its folder is gone with the engine', async () => {
    const bench = await startEngine({ limitMiB: 64, threads: 1 })
    const session = await bench.engine.session()
    const meter = bench.governor.bill('query 1')
    await session.run('CREATE TEMP TABLE sorted AS SELECT md5(i::VARCHAR) m FROM range(4000000) t(i) ORDER BY m')
    const bill = meter.bill()
    meter[Symbol.dispose]()
    expect(bill.spilledBytes).toBeGreaterThan(10e6)
    expect(bill.consumers.find((consumer) => consumer.name === 'engine')?.peakBytes).toBeGreaterThan(30e6)
    expect(bill.peakRssBytes).toBeGreaterThan(bill.unattributedBytes)
    const [folder] = await readdir(bench.spillDirectory)
    expect(folder).toMatch(new RegExp(`^${process.pid}-`))
    await session[Symbol.asyncDispose]()
    await bench.engine[Symbol.asyncDispose]()
    expect(await readdir(bench.spillDirectory)).toEqual([])
    await bench[Symbol.asyncDispose]()
  })

  it("spill folders of processes that are gone are removed, others' are left", async () => {
    const bench = await startEngine()
    const stale = join(bench.spillDirectory, '999999999-1-0')
    const reused = join(bench.spillDirectory, `${process.pid}-1-0`)
    const alive = (await readdir(bench.spillDirectory))[0] ?? ''
    await mkdir(stale)
    await mkdir(reused)
    await mkdir(join(bench.spillDirectory, 'notes'))
    const { openSpillFolder } = await import('../../src/engine/spill.ts')
    await using _folder = await openSpillFolder(bench.spillDirectory)
    expect(existsSync(stale)).toBe(false)
    expect(existsSync(reused)).toBe(false)
    expect(existsSync(join(bench.spillDirectory, alive))).toBe(true)
    expect(existsSync(join(bench.spillDirectory, 'notes'))).toBe(true)
    await bench[Symbol.asyncDispose]()
  })

  it.runIf(existsSync('/dev/shm'))('a spill folder on tmpfs is refused by name', async () => {
    const { openSpillFolder } = await import('../../src/engine/spill.ts')
    await expect(openSpillFolder('/dev/shm/icebox-test')).rejects.toMatchObject({ code: 'storage/spill-on-memory' })
  })

  it('with allowed folders SQL reaches nothing else', async () => {
    await using bench = await startEngine({ allowedDirectories: (folder) => [join(folder, 'warehouse')] })
    await using session = await bench.engine.session()
    await mkdir(join(bench.folder, 'warehouse'))
    await session.run(`COPY (SELECT 1 AS a) TO '${join(bench.folder, 'warehouse', 'a.parquet')}'`)
    expect(await session.all(`FROM '${join(bench.folder, 'warehouse', 'a.parquet')}'`)).toEqual([{ a: 1 }])
    for (const sql of [
      "SELECT * FROM read_text('/etc/passwd')",
      `SELECT * FROM read_text('${join(bench.folder, 'warehouse', '..', '..', '..', 'etc', 'passwd')}')`,
      "SELECT * FROM glob('/etc/*')",
      `COPY (SELECT 1) TO '${join(bench.folder, 'outside.csv')}'`,
      `ATTACH '${join(bench.folder, 'outside.db')}'`,
      'INSTALL httpfs',
      'LOAD httpfs',
      'SET enable_external_access = true',
      "SET allowed_directories = ['/']",
      "SELECT getenv('HOME')",
    ]) {
      await expect(session.run(sql), sql).rejects.toBeInstanceOf(IceboxError)
    }
  })
})

describe('errors of statements', () => {
  let bench: EngineBench
  let session: EngineSession
  beforeAll(async () => {
    bench = await startEngine()
    session = await bench.engine.session()
    await session.run('CREATE TABLE orders (order_id INTEGER, amount DECIMAL(9,2), tags STRUCT(colour VARCHAR))')
  })
  afterAll(async () => {
    await session[Symbol.asyncDispose]()
    await bench[Symbol.asyncDispose]()
  })

  const cases: [string, string, Record<string, unknown>][] = [
    ['selec 1', 'sql/syntax', { line: 1, column: 1 }],
    ['SELECT 1,\n  FROM FROM orders', 'sql/syntax', { line: 2, column: 8 }],
    ['SELECT *\nFROM order_s', 'sql/unknown-table', { name: 'order_s', candidates: ['orders'], line: 2, column: 6 }],
    ['SELECT amont FROM orders', 'sql/unknown-column', { column: 'amont', candidates: ['amount'] }],
    ['SELECT o.amont FROM orders o', 'sql/unknown-column', { column: 'amont' }],
    ["SELECT 'x'::INTEGER", 'sql/type', {}],
    ['SELECT 300::TINYINT', 'sql/type', {}],
    ['SELECT nosuch(1)', 'sql/unsupported', { name: 'nosuch' }],
    ["SELECT * FROM read_csv('/no/such/file.csv')", 'source/not-found', {}],
    ['', 'sql/syntax', {}],
  ]
  it.each(cases)('%s', async (sql, code, context) => {
    const error: unknown = await session.all(sql).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code, context })
  })
})
