import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openQueryLake, type QueryLake } from './query-lake.ts'

let lake: QueryLake
beforeAll(async () => {
  lake = await openQueryLake()
  await lake.run(`CREATE SCHEMA sales;
    CREATE TABLE sales.orders (id BIGINT, name VARCHAR, day DATE) PARTITIONED BY (month(day));
    INSERT INTO sales.orders SELECT range, 'n' || range, DATE '2020-01-01' + range::INTEGER FROM range(1000);
    CREATE TABLE sales.empty (id BIGINT, s STRUCT(a INTEGER, b VARCHAR[]))`)
})
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
})

const scanOf = async (sql: string) => (await lake.run(sql))[0]?.scans[0]

describe('SELECT', () => {
  it('of any shape reaches the engine as it was written', async () => {
    expect(await lake.rows('SELECT count(*), sum(id) FROM sales.orders')).toEqual([[1000n, 499500n]])
    expect(
      await lake.rows(
        'WITH o AS (FROM sales.orders WHERE id < 3) SELECT o.id, sales.orders.name FROM o JOIN sales.orders USING (id) ORDER BY 1',
      ),
    ).toEqual([
      [0n, 'n0'],
      [1n, 'n1'],
      [2n, 'n2'],
    ])
    expect(
      await lake.rows(
        'SELECT id, lag(id) OVER (ORDER BY id) FROM sales.orders QUALIFY row_number() OVER (ORDER BY id) = 2',
      ),
    ).toEqual([[1n, 0n]])
    expect(
      await lake.rows(
        'PIVOT (SELECT year(day) AS y, id % 2 AS k FROM sales.orders) ON k USING count(*) GROUP BY y ORDER BY y',
      ),
    ).toEqual([
      [2020n, 183n, 183n],
      [2021n, 183n, 182n],
      [2022n, 134n, 135n],
    ])
    expect(
      await lake.rows(
        'SELECT (SELECT max(id) FROM sales.orders o2 WHERE o2.id < o.id) FROM sales.orders o WHERE id = 5',
      ),
    ).toEqual([[4n]])
    expect(await lake.rows('SELECT \'from sales.nothing\' AS "sales.nothing", $$x$$')).toEqual([
      ['from sales.nothing', 'x'],
    ])
    expect(await lake.rows('SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM sales.empty)')).toEqual([
      ['id', 'BIGINT'],
      ['s', 'STRUCT(a INTEGER, b VARCHAR[])'],
    ])
  })

  it('reads an empty table with its types', async () => {
    expect(await lake.rows('SELECT * FROM sales.empty')).toEqual([])
    expect(await lake.rows('SELECT count(*), max(s.a) FROM sales.empty')).toEqual([[0n, null]])
  })

  it('binds parameters and prunes by them', async () => {
    expect(await lake.rows('SELECT name FROM sales.orders WHERE day = $1', ['2020-03-01'])).toEqual([['n60']])
    expect(await lake.rows('SELECT name FROM sales.orders WHERE id = ? OR id = ?', [7, 8n])).toHaveLength(2)
    const results = await lake.run('SELECT name FROM sales.orders WHERE day = $1::DATE', ['2020-03-01'])
    expect(results[0]?.scans[0]).toMatchObject({ filesRead: 1, filesPruned: 32 })
  })

  it('reads only the files that a filter needs, also through joins, CTEs, unions and late fetches', async () => {
    expect(await scanOf("SELECT name FROM sales.orders WHERE day = DATE '2020-03-01'")).toMatchObject({
      filesTotal: 33,
      filesRead: 1,
      filesPruned: 32,
    })
    expect(
      await scanOf("SELECT * FROM sales.orders WHERE date_trunc('month', day) = DATE '2020-03-01' ORDER BY id LIMIT 3"),
    ).toMatchObject({ filesRead: 1 })
    expect(await scanOf("WITH a AS (FROM sales.orders) SELECT * FROM a WHERE day < DATE '2020-02-15'")).toMatchObject({
      filesRead: 2,
    })
    expect(
      await scanOf(
        "SELECT id FROM sales.orders WHERE day < DATE '2020-02-01' UNION ALL SELECT id FROM sales.orders WHERE day > DATE '2022-09-01'",
      ),
    ).toMatchObject({ filesRead: 2 })
    expect(await scanOf('SELECT (SELECT count(*) FROM sales.orders), id FROM sales.orders WHERE id = 5')).toMatchObject(
      { filesRead: 33 },
    )
    expect(await scanOf("SELECT * FROM sales.orders WHERE day > DATE '2030-01-01'")).toMatchObject({ filesRead: 0 })
  })

  it('reads few files and manifests for a bare LIMIT', async () => {
    await lake.run("CREATE TABLE sales.many (id BIGINT) TBLPROPERTIES ('commit.manifest-merge.enabled' = 'false')")
    for (let at = 0; at < 20; at++) await lake.run(`INSERT INTO sales.many SELECT range FROM range(5)`)
    expect(await scanOf('SELECT * FROM sales.many LIMIT 10')).toMatchObject({
      manifestsTotal: 20,
      manifestsRead: 2,
      filesRead: 2,
    })
    expect(await lake.rows('SELECT count(*) FROM (SELECT * FROM sales.many LIMIT 12)')).toEqual([[12n]])
    expect(await lake.rows('SELECT * FROM sales.many LIMIT 12 OFFSET 3')).toHaveLength(12)
    expect(await lake.rows('SELECT * FROM sales.many LIMIT 0')).toEqual([])
  })

  it('keeps one snapshot for the length of a query, and sees the next one afterwards', async () => {
    await lake.run('CREATE TABLE sales.pin AS SELECT range AS id FROM range(100000)')
    const script = lake.sql.run('SELECT * FROM sales.pin')
    const { value: result } = await script.next()
    if (result === undefined) throw new TypeError('no result')
    let rows = 0
    for await (const batch of result.batches) {
      if (rows === 0) await lake.run('INSERT INTO sales.pin VALUES (1)')
      rows += batch.rowCount
    }
    expect(rows).toBe(100_000)
    expect(await lake.rows('SELECT count(*) FROM sales.pin')).toEqual([[100_001n]])
  })

  it('gives back its session when it is left half read, and when it is cancelled', async () => {
    for (let round = 0; round < 20; round++) {
      for await (const result of lake.sql.run('SELECT * FROM sales.orders a, sales.orders b, sales.orders c')) {
        for await (const _ of result.batches) break
      }
    }
    const controller = new AbortController()
    const running = (async () => {
      for await (const result of lake.sql.run('SELECT count(*) FROM range(100000) a, range(100000) b', {
        signal: controller.signal,
      })) {
        for await (const _ of result.batches);
      }
    })()
    setImmediate(() => controller.abort())
    await expect(running).rejects.toMatchObject({ code: 'cancelled' })
    expect(await lake.rows('SELECT 1')).toEqual([[1]])
  })

  it('runs statements of one connection at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, at) => lake.rows(`SELECT count(*) FROM sales.orders WHERE id < ${at}`)),
    )
    expect(answers.map((rows) => rows[0]?.[0])).toEqual(Array.from({ length: 12 }, (_, at) => BigInt(at)))
  })

  it('reads local files beside tables, and nothing else where that is switched off', async () => {
    const csv = join(lake.folder, 'x.csv')
    await writeFile(csv, 'id,v\n1,one\n2,two\n')
    expect(await lake.rows(`SELECT v FROM '${csv}' x JOIN sales.orders USING (id) ORDER BY v`)).toEqual([
      ['one'],
      ['two'],
    ])
    await using closed = await openQueryLake({ localFiles: false })
    await closed.run('CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS a')
    expect(await closed.rows('SELECT a + 1 FROM s.t, range(2)')).toEqual([[2], [2]])
    for (const sql of [
      `FROM '${csv}'`,
      `SELECT * FROM read_text('${csv}'), s.t`,
      `FROM glob('/*')`,
      `SELECT * FROM s.t WHERE a IN (FROM read_csv('${csv}'))`,
    ]) {
      await expect(closed.rows(sql), sql).rejects.toMatchObject({ code: expect.stringMatching(/^sql\//) })
    }
  })
})

describe('mistakes in SQL', () => {
  const error = async (
    sql: string,
  ): Promise<{ code: string; message: string; remedy: string | undefined; context: unknown }> => {
    try {
      await lake.rows(sql)
    } catch (thrown) {
      return thrown as never
    }
    throw new TypeError('no error')
  }

  it('are marked in the text that the person wrote, whatever of it was replaced', async () => {
    const syntax = await error('SELECT 1;\nSELECT *\n  FROM sales.orders.snapshots s WHRE 1 = 1')
    expect(syntax).toMatchObject({ code: 'sql/syntax', context: { line: 3 } })
    const [[snapshot]] = (await lake.rows('SELECT max(snapshot_id) FROM sales.orders.snapshots')) as [[bigint]]
    const column = await error(`SELECT\n nme FROM sales.orders AT (VERSION => ${snapshot}) WHERE id = 1`)
    expect(column).toMatchObject({ code: 'sql/unknown-column', context: { line: 2, column: 2 } })
    expect(column.message).toContain(' nme FROM')
    expect(column).toMatchObject({ remedy: expect.stringContaining('name') })
  })

  it('name the nearest table', async () => {
    expect(await error('SELECT * FROM sales.ordrs')).toMatchObject({
      code: 'sql/unknown-table',
      remedy: 'did you mean sales.orders?',
    })
    expect(await error('SELECT * FROM orders')).toMatchObject({
      code: 'sql/unknown-table',
      remedy: 'did you mean sales.orders?',
    })
    expect(await error('SELECT * FROM sals.orders')).toMatchObject({
      code: 'sql/unknown-table',
      remedy: 'did you mean sales.orders?',
    })
  })

  it('say nothing of how views are made', async () => {
    for (const sql of [
      'SELECT nope FROM sales.orders',
      'SELECT sales.orders.nope FROM sales.orders',
      'SELECT id + name FROM sales.orders',
      'SELECT x.id FROM sales.orders',
    ]) {
      const { message, remedy } = await error(sql)
      expect(`${message} ${remedy}`).not.toMatch(/icebox \d|·|read_parquet/)
    }
  })

  it('running out of memory is told with its figures', async () => {
    const { code, context } = await error("SELECT len(list(repeat('x', 100) || range)) FROM range(20000000)")
    expect(code).toBe('memory/exhausted')
    expect(context).toMatchObject({ limitBytes: expect.any(Number) })
  })

  it('and with the results that others have not read, which hold memory as long', async () => {
    const readers = [1, 2].map((seed) =>
      lake.sql.run(`SELECT hash(i + ${seed}) AS h FROM range(100000) t(i) ORDER BY h`),
    )
    for (const reader of readers) expect((await reader.next()).done).toBe(false)
    try {
      await expect(lake.rows("SELECT len(list(repeat('x', 100) || range)) FROM range(20000000)")).rejects.toMatchObject(
        {
          code: 'memory/exhausted',
          message: expect.stringContaining('with 2 results of other statements that are not read to the end'),
          remedy: expect.stringMatching(/^read or close the other results first, /),
          context: { otherResults: 2 },
        },
      )
    } finally {
      for (const reader of readers) await reader.return()
    }
  })
})
