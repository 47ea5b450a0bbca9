import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readHoldingOperators } from '../../src/query/pruning/holding-operators.ts'
import { IceboxError } from '../../src/base/index.ts'
import { planStatement } from '../../src/memory/index.ts'
import { openWithin } from '../../src/query/run/memory-plan.ts'
import type { Prepared } from '../../src/query/run/query.ts'
import { textOf } from '../../src/query/run/result-text.ts'
import { openQueryLake, type QueryLake } from './query-lake.ts'

let lake: QueryLake

beforeAll(async () => {
  lake = await openQueryLake()
  await lake.run('create schema ns')
  await lake.run('create table ns.t as select i, i % 1000 as k, i::varchar as s from range(50000) r(i)')
})
afterAll(() => lake[Symbol.asyncDispose]())

async function planOf(sql: string): Promise<ReturnType<typeof readHoldingOperators>> {
  const session = await lake.engine.session()
  try {
    const rows = await session.all(
      `EXPLAIN (FORMAT json) WITH t AS (SELECT i, i % 1000 AS k, i::VARCHAR AS s FROM range(50000) r(i)) ${sql}`,
    )
    return readHoldingOperators(textOf(rows.find((row) => row['explain_key'] === 'physical_plan')?.['explain_value']))
  } finally {
    await session[Symbol.asyncDispose]()
  }
}

describe("what of DuckDB's plans holds rows", () => {
  it.each([
    ['SELECT * FROM t ORDER BY s', ['sort'], [true]],
    ['SELECT *, row_number() OVER (PARTITION BY k ORDER BY i) FROM t', ['window'], [true]],
    ['SELECT s, count(*) FROM t GROUP BY s', ['group by'], [true]],
    ['SELECT DISTINCT s FROM t', ['group by'], [true]],
    ['SELECT string_agg(s) FROM t', ['group by'], [false]],
    ['SELECT k, list(s) FROM t GROUP BY k', ['group by'], [false]],
    ['SELECT median(i) FROM t', ['group by'], [false]],
    ['SELECT * FROM t WHERE i > 5', [], []],
    ['SELECT count(*) FROM t', [], []],
    ['SELECT * FROM t ORDER BY s LIMIT 10', [], []],
  ])('%s', async (sql, kinds, canSpill) => {
    const { operators } = await planOf(sql)
    expect(operators.map((operator) => operator.kind)).toEqual(kinds)
    expect(operators.map((operator) => operator.canSpill)).toEqual(canSpill)
    for (const { rows, rowBytes } of operators) {
      expect(rows).toBeGreaterThan(0)
      expect(rowBytes).toBeGreaterThan(0)
    }
  })

  it('of a join the side that is built', async () => {
    const { operators } = await planOf('SELECT * FROM t JOIN (SELECT i FROM t WHERE i < 10) u USING (i)')
    expect(operators.map((operator) => operator.kind)).toEqual(['join'])
    expect(operators[0]?.rows).toBeLessThan(50_000)
  })
})

describe('EXPLAIN', () => {
  it('prints threads, bytes and what holds them', async () => {
    const text = await explain('explain select * from ns.t order by s')
    expect(text).toMatch(/memory plan: \d threads?/)
    expect(text).toMatch(/needs 50\.3 MB, with which it stays in memory; the engine has 500 MB/)
    expect(text).toMatch(/sort: about 50,000 rows, \d/)
    expect(text).not.toContain('go to disk')
  })

  it('says that values cannot go to disk', async () => {
    expect(await explain('explain select k, list(s) from ns.t group by k')).toMatch(/group by: .* cannot go to disk/)
  })
})

async function explain(sql: string): Promise<string> {
  const rows = await lake.rows(sql)
  return rows.map((row) => textOf(row[1])).join('\n')
}

describe('a query that runs out of memory before its first row', () => {
  const plan = planStatement(
    { operators: [], scannedBytes: 0 },
    { memoryLimitBytes: 5e8, threads: 2, copyThreads: 4, purgeAboveBytes: undefined },
  )
  type Tried = { readonly threads: number | undefined; readonly gathers: boolean }[]
  const failing = (code: 'memory/exhausted' | 'sql/syntax', tried: Tried, gathers = true): Prepared => {
    const lease = {
      gathers,
      gather: async (mayGather: boolean) => {
        lease.gathers = mayGather
      },
      session: {
        stream: (_: string, { threads }: { threads?: number }) => {
          tried.push({ threads, gathers: lease.gathers })
          return threads === 1 && !lease.gathers
            ? Promise.resolve('rows')
            : Promise.reject(new IceboxError(code, { message: 'no' }))
        },
      },
    }
    const prepared = { sql: 'select 1', maxValueBytes: undefined, explain: async (error: unknown) => error, lease }
    return prepared as unknown as Prepared
  }

  it.each([
    [4, true],
    [4, false],
    [1, true],
  ])(
    'with %s threads, gathering chunks: %s, is tried once more with one that gathers nothing',
    async (threads, gathers) => {
      const tried: Tried = []
      expect(await openWithin(failing('memory/exhausted', tried, gathers), { ...plan, threads }, 2, {})).toBe('rows')
      expect(tried).toEqual([
        { threads, gathers },
        { threads: 1, gathers: false },
      ])
    },
  )

  it('and not when it was tried so at first, for any other error, nor when it was cancelled', async () => {
    const tried: Tried = []
    const again = failing('memory/exhausted', tried, false)
    await expect(openWithin(again, { ...plan, threads: 1 }, 1, {})).rejects.toMatchObject({ code: 'memory/exhausted' })
    await expect(openWithin(failing('sql/syntax', tried), plan, 2, {})).rejects.toMatchObject({ code: 'sql/syntax' })
    const signal = AbortSignal.abort()
    await expect(openWithin(failing('memory/exhausted', tried), plan, 2, { signal })).rejects.toMatchObject({
      code: 'memory/exhausted',
    })
    expect(tried).toEqual([
      { threads: undefined, gathers: false },
      { threads: 4, gathers: true },
      { threads: 4, gathers: true },
    ])
  })
})

it('a PIVOT of rows that no table gives is planned without being explained, and runs', async () => {
  const rows = await lake.rows(
    "PIVOT (FROM range(30) r(i) SELECT i % 3 AS k, 'c' || i % 2 AS c, i) ON c USING sum(i) ORDER BY k",
  )
  expect(rows).toHaveLength(3)
  expect(await explain('explain select i from range(10) r(i) order by i')).toContain('memory plan')
})
