import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { IceboxError } from '../../src/base/index.ts'
import { type EngineSession, type RunOptions } from '../../src/engine/index.ts'
import { WriteJournal } from '../../src/ingest/index.ts'
import { type EnginePlan, planStatement } from '../../src/memory/index.ts'
import { canSortInPasses, sortInPasses, withinSort } from '../../src/query/run/sort-passes.ts'
import { openQueryLake, type QueryLake } from './query-lake.ts'

let lake: QueryLake
let session: EngineSession
let folder: string
let journal: WriteJournal

/** So small that 5,000 rows of 1,000 bytes take several passes. */
const TINY: EnginePlan = { memoryLimitBytes: 5e6, threads: 1, copyThreads: 1, purgeAboveBytes: undefined }
const PLAN = planStatement(
  { operators: [{ kind: 'sort', rows: 5_000, rowBytes: 1_000, canSpill: true }], scannedBytes: 0, endsInSort: true },
  TINY,
)

beforeAll(async () => {
  lake = await openQueryLake()
  session = await lake.engine.session()
  folder = await mkdtemp(join(tmpdir(), 'icebox-sort-'))
  journal = new WriteJournal(join(folder, 'state'))
  await session.run(`CREATE TEMP TABLE t AS SELECT i, (i * 7919) % 5000 AS k,
    CASE WHEN i % 11 = 0 THEN NULL ELSE md5((i % 700)::VARCHAR) END AS s,
    CASE i % 5 WHEN 0 THEN 'nan'::DOUBLE WHEN 1 THEN '-0.0'::DOUBLE WHEN 2 THEN 0.0 ELSE sin(i) END AS d,
    CASE WHEN i % 3 = 0 THEN NULL ELSE DATE '2020-01-01' + (i % 400)::INTEGER END AS day,
    '\\xAA'::BLOB || encode((i % 90)::VARCHAR) AS b, (i % 97)::DECIMAL(9, 2) / 4 AS m, [i, NULL] AS list
    FROM range(5000) r(i)`)
  await session.run('CREATE TEMP TABLE nothing AS FROM t LIMIT 0')
})
afterAll(async () => {
  await session[Symbol.asyncDispose]()
  await lake[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const request = (sql: string, run: RunOptions = {}) => ({
  session,
  sql,
  run,
  plan: PLAN,
  explain: () => Promise.resolve(PLAN),
  engine: TINY,
  services: { scratch: { directory: folder, journal }, stagingDirectory: folder },
})

const left = async (): Promise<string[]> => (await readdir(folder)).filter((name) => name !== 'state')

describe('a sort in passes', () => {
  it('is planned to take several here', () => {
    expect(PLAN.sortPasses).toBeGreaterThan(2)
  })

  it.each([
    'SELECT * FROM t ORDER BY k',
    'SELECT * FROM t ORDER BY k DESC',
    'FROM t ORDER BY s, i',
    'FROM t ORDER BY s DESC NULLS FIRST, i DESC',
    'FROM t ORDER BY s NULLS FIRST, i',
    'FROM t ORDER BY d, i',
    'FROM t ORDER BY day DESC NULLS LAST, k',
    'FROM t ORDER BY b, m DESC, i',
    'FROM t ORDER BY m, i',
    'SELECT k, s FROM t ORDER BY 2, 1',
    'SELECT s AS k, k AS other FROM t ORDER BY k, other',
    'SELECT i, list FROM t ORDER BY k % 10, k',
    'SELECT k FROM t WHERE s IS NOT NULL ORDER BY upper(s) DESC, i',
    'SELECT s, count(*) AS n FROM t GROUP BY s ORDER BY n DESC, s',
    'SELECT s FROM t GROUP BY s ORDER BY max(k)',
    'WITH w AS (FROM t WHERE i < 900) SELECT w.i, u.k FROM w JOIN t u ON w.k = u.i ORDER BY u.k',
    'SELECT i FROM t ORDER BY CASE WHEN i < 4990 THEN 5 ELSE 6 END, i',
    'FROM nothing ORDER BY k',
    'SELECT i FROM t WHERE s IS NULL ORDER BY s, i',
  ])('%s', async (sql) => {
    expect(await canSortInPasses(request(sql))).toBe(true)
    await using sorted = await sortInPasses(request(sql))
    if (sorted === undefined) throw new Error('was not taken apart')
    expect(await session.all(sorted.sql, { threads: 1 })).toEqual(await session.all(sql))
  })

  it('keeps both zeros', async () => {
    await using sorted = await sortInPasses(request('SELECT d FROM t WHERE d = 0 ORDER BY i'))
    const rows = await session.all(`${sorted?.sql}`, { threads: 1 })
    expect(rows.slice(0, 4).map(({ d }) => (Object.is(d, -0) ? '-0' : d))).toEqual(['-0', 0, '-0', 0])
  })

  it('binds parameters once', async () => {
    const parameters = [4_000n]
    await using sorted = await sortInPasses(request('SELECT i FROM t WHERE k >= $1 ORDER BY k', { parameters }))
    expect(await session.all(`${sorted?.sql}`, { threads: 1 })).toEqual(
      await session.all('SELECT i FROM t WHERE k >= 4000 ORDER BY k'),
    )
  })

  it("goes by the session's order of nulls and direction", async () => {
    await session.run("SET default_null_order = 'nulls_first'; SET default_order = 'DESC'")
    try {
      await using sorted = await sortInPasses(request('SELECT i FROM t ORDER BY s, i'))
      expect(await session.all(`${sorted?.sql}`, { threads: 1 })).toEqual(
        await session.all('SELECT i FROM t ORDER BY s, i'),
      )
    } finally {
      await session.run('RESET default_null_order; RESET default_order')
    }
  })

  it.each([
    'FROM t ORDER BY k LIMIT 5',
    'SELECT DISTINCT s FROM t ORDER BY s',
    'FROM t',
    'FROM t ORDER BY s COLLATE nocase',
    'FROM t ORDER BY ALL',
    'SELECT i::HUGEINT AS h FROM t ORDER BY k',
    'SELECT {a: i} AS st FROM t ORDER BY i',
    'SELECT [d, d]::DOUBLE[2] AS pair FROM t ORDER BY i',
    'SELECT i, i FROM t ORDER BY k',
    '(FROM t) UNION ALL (FROM t) ORDER BY k',
  ])('is not for: %s', async (sql) => {
    expect(await sortInPasses(request(sql))).toBeUndefined()
    expect(await canSortInPasses(request(sql))).toBe(false)
  })

  it('leaves nothing behind, read or failed', async () => {
    const sorted = await sortInPasses(request('FROM t ORDER BY k'))
    expect(await left()).toHaveLength(1)
    await sorted?.[Symbol.asyncDispose]()
    await expect(sortInPasses(request('SELECT error(s) FROM t ORDER BY k'))).rejects.toThrow()
    const signal = AbortSignal.abort()
    await expect(sortInPasses(request('FROM t ORDER BY k', { signal }))).rejects.toMatchObject({ code: 'cancelled' })
    expect(await left()).toEqual([])
  })
})

describe('what is done within the sort of a plan', () => {
  const exhausted = () => Promise.reject(new IceboxError('memory/exhausted', { message: 'no' }))
  const read = async (rows: AsyncDisposable): Promise<string> => {
    await rows[Symbol.asyncDispose]()
    return 'in passes'
  }

  it('goes into passes by plan, and otherwise where memory ran out', async () => {
    const big = request('FROM t ORDER BY k')
    expect(await withinSort(big, exhausted, read)).toBe('in passes')
    const small = { ...big, plan: { ...PLAN, sortPasses: 1 } }
    expect(await withinSort(small, () => Promise.resolve('as it is'), read)).toBe('as it is')
    expect(await withinSort(small, exhausted, read)).toBe('in passes')
  })

  it('keeps the refusal of what does not end in a sort, or cannot be done so', async () => {
    const plan = { ...PLAN, sortPasses: undefined }
    expect(
      await withinSort({ ...request('FROM t ORDER BY k'), plan: { ...plan, operators: [] } }, exhausted, read),
    ).toBe('in passes')
    await expect(withinSort({ ...request('FROM t'), plan }, exhausted, read)).rejects.toMatchObject({
      code: 'memory/exhausted',
    })
    const collated = { ...request('FROM t ORDER BY s COLLATE nocase'), plan: { ...PLAN, sortPasses: 1 } }
    await expect(withinSort(collated, exhausted, read)).rejects.toMatchObject({ code: 'memory/exhausted' })
  })
})
