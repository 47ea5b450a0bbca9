import { cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { parseSize } from '../../src/base/index.ts'
import type { SqlParameter } from '../../src/engine/index.ts'
import { Lakehouse } from '../../src/lakehouse/index.ts'

let folder: string
let lakeFolder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-lakehouse-'))
  lakeFolder = join(folder, 'lake')
  await Lakehouse.init(lakeFolder)
  await writeFile(join(folder, 'cities.csv'), 'id,city\n1,Bern\n2,Genève\n3,Basel\n')
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const importCities = (lake: Lakehouse) => lake.import({ table: 'geo.cities', source: join(folder, 'cities.csv') })
const cities = (lake: Lakehouse) => lake.sql`select city from geo.cities order by id`
/** The rows of query(). */
async function answer(lake: Lakehouse, ...call: Parameters<Lakehouse['query']>): Promise<unknown[]> {
  const rows: unknown[] = []
  for await (const batch of lake.query(...call)) rows.push(...batch.rows())
  return rows
}
const CITIES = [{ city: 'Bern' }, { city: 'Genève' }, { city: 'Basel' }]

describe('the library', () => {
  it('imports a file and answers with bound values', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    const summary = await importCities(lake)
    expect(summary).toMatchObject({ table: 'geo.cities', rows: 3, created: true, rejectedRows: 0, files: 1 })
    expect(summary.peakRssBytes).toBeLessThanOrEqual(summary.budgetBytes)
    const pasted = "x' or true --"
    expect(await lake.sql`select city from geo.cities where city = ${pasted}`).toEqual([])
    expect(await lake.sql`select id from geo.cities where city = ${'Genève'}`).toEqual([{ id: 2n }])
  })

  it("refuses the name of another tool's view before it computes or reads anything", async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await importCities(lake)
    const database = new DatabaseSync(join(lakeFolder, 'catalog.sqlite'))
    database.exec(
      "INSERT INTO iceberg_tables SELECT catalog_name, 'geo', 'v', '/v.json', NULL, 'VIEW' FROM iceberg_tables",
    )
    database.close()
    const taken = { code: 'table/exists', message: 'geo.v is a view already' }
    await expect(lake.sql`create table geo.v as select error('it was computed') as a`).rejects.toMatchObject(taken)
    await writeFile(join(folder, 'broken.csv'), 'a,b\n1,"2\n')
    for (const mode of ['create', 'append', 'replace'] as const) {
      const source = join(folder, 'broken.csv')
      await expect(lake.import({ table: 'geo.v', source, mode })).rejects.toMatchObject(taken)
    }
    expect(await cities(lake)).toEqual(CITIES)
  })

  it('many values are bound as one JSON text, as the refusal of a statement of many literals advises', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await importCities(lake)
    const ids = JSON.stringify(Array.from({ length: 300_000 }, (_, at) => at + 2))
    const found = await lake.sql`
      select city from geo.cities where id in (select unnest(from_json(${ids}, '["BIGINT"]'))) order by id`
    expect(found).toEqual(CITIES.slice(1))
  })

  it('an import gets its session beside more query loops than the engine has sessions', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await importCities(lake)
    const until = { isDone: false }
    const loops = Array.from({ length: 20 }, async () => {
      while (!until.isDone) await cities(lake)
    })
    try {
      const summary = await lake.import({
        table: 'geo.cities',
        source: join(folder, 'cities.csv'),
        mode: 'append',
      })
      expect(summary.rows).toBe(3)
    } finally {
      until.isDone = true
      await Promise.all(loops)
    }
  })

  it('statements run beside any number of results that are open, and inside loops over them', async () => {
    const lake = await Lakehouse.open(lakeFolder)
    await importCities(lake)
    const open = Array.from({ length: 40 }, () => lake.query('select * from range(100000)')[Symbol.asyncIterator]())
    for (const rows of open) await rows.next()
    expect(await cities(lake)).toEqual(CITIES)
    await answer(lake, "insert into geo.cities values (4, 'Lugano')")
    await using writer = await lake.appender('geo.cities')
    await writer.append([{ id: 5, city: 'Chur' }])
    const counts = Array.from({ length: 40 }, async () => {
      for await (const _ of lake.query('select * from geo.cities'))
        return await answer(lake, 'select count(*) as n from geo.cities')
    })
    expect(await Promise.all(counts)).toEqual(counts.map(() => [{ n: 4n }]))
    // With results that nobody reads on, and rows that wait for their commit.
    await lake.close()
    await using again = await Lakehouse.open(lakeFolder)
    expect(await answer(again, 'select count(*) as n from geo.cities')).toEqual([{ n: 5n }])
  })

  it('closing cancels what runs and what waits instead of letting it run on, and forgets nothing of it', async () => {
    const lake = await Lakehouse.open(lakeFolder)
    await importCities(lake)
    // A result that nobody reads to its end does not hold the closing up.
    const open = lake.query('select * from range(1000000)')[Symbol.asyncIterator]()
    expect((await open.next()).done).toBe(false)
    // Would run for days; more than the engine runs at once, so that some wait.
    const endless = Array.from({ length: 20 }, async () => {
      const sql = 'select count(*) from range(10000000) a(i), range(10000000) b(j) where i * j % 7 = 3'
      for await (const batch of lake.query(sql)) expect(batch.rowCount).toBe(0)
    })
    const outcomes = Promise.allSettled(endless)
    await lake.close()
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } })
    }
    await expect(lake.sql`select 1`).rejects.toMatchObject({ code: 'cancelled', message: 'the lakehouse was closed' })
    await expect(open.next()).rejects.toMatchObject({ code: 'cancelled', message: 'the lakehouse was closed' })
    // The engine's folder went with it, and the reader who came late has none made again.
    expect(await readdir(join(lakeFolder, '.icebox/spill'))).toEqual([])
    await using again = await Lakehouse.open(lakeFolder)
    expect(await cities(again)).toEqual(CITIES)
  })

  it('query() refuses a script instead of giving the rows of its statements in one stream, and a text without a statement', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    const read = async (sql: string) => {
      for await (const batch of lake.query(sql)) expect(batch.rowCount).toBe(1)
    }
    await expect(read('select 1; select 2')).rejects.toMatchObject({ code: 'usage/invalid' })
    await expect(read(' -- nothing\n;')).rejects.toMatchObject({
      code: 'usage/invalid',
      message: 'query() takes one statement; there is none',
    })
    await expect(lake.sql``).rejects.toMatchObject({ code: 'usage/invalid' })
  })

  it('a script that query() does not take changes nothing: it is refused before its first statement', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await importCities(lake)
    await expect(answer(lake, 'delete from geo.cities; drop table geo.cities')).rejects.toMatchObject({
      code: 'usage/invalid',
      context: { statements: 2 },
    })
    expect(await cities(lake)).toEqual(CITIES)
  })

  it('a NUL or half a surrogate pair in a statement is refused: what follows the one was dropped, the other changed', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    for (const sql of ['select 1 \0 where false', "select 'a\ud800b'"]) {
      await expect(answer(lake, sql)).rejects.toMatchObject({ code: 'sql/syntax', context: { line: 1, column: 10 } })
    }
    const pair = '\u{1f9ca}'
    expect(await answer(lake, `select '${pair}' as ice`)).toEqual([{ ice: pair }])
  })

  it('half a surrogate pair in a parameter is refused: the engine would make another character of it', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    const sent = lake.sql`select ${'whole'}, ${'a\ud800b'}`
    await expect(sent).rejects.toMatchObject({ code: 'usage/invalid', context: { parameter: 2 } })
  })

  it('text behind a value of a template joins no number of its placeholder, so that no other value is bound', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    const [a, b, c, d, e, f, g, h, i, j] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    expect(await lake.sql`select ${a}::int+${b}-${c}*${d} as n, ${'x'}||'y' as t`).toEqual([{ n: -9, t: 'xy' }])
    expect(await lake.sql`select${a}n,${b}as m`).toEqual([{ n: 1, m: 2 }])
    const joined = lake.sql`select ${a}0 as n, ${b}, ${c}, ${d}, ${e}, ${f}, ${g}, ${h}, ${i}, ${j}`
    await expect(joined).rejects.toMatchObject({ code: 'sql/syntax' })
    await expect(lake.sql`select ${a}${b}`).rejects.toMatchObject({ code: 'sql/syntax' })
  })

  it('a template binds its values and nothing else: a parameter in its text or a value in a string is refused', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    const invalid = (message: RegExp) => ({ code: 'usage/invalid', message: expect.stringMatching(message) })
    await expect(lake.sql`select ${1}, $1`).rejects.toMatchObject(invalid(/the parameter \$1$/))
    await expect(lake.sql`select ${1} + ?`).rejects.toMatchObject(invalid(/the parameter \?$/))
    await expect(lake.sql`select $1`).rejects.toMatchObject(invalid(/the parameter \$1$/))
    await expect(lake.sql`select '${1}', $1`).rejects.toMatchObject(invalid(/the parameter \$1$/))
    await expect(lake.sql`select ${1}, '${2}'`).rejects.toMatchObject(invalid(/^value 2 .* string/))
    await expect(lake.sql`select ${1} -- ${2}`).rejects.toMatchObject(invalid(/^value 2 .* comment/))
    expect(await lake.sql`select '$1' as text, ${1} as n`).toEqual([{ text: '$1', n: 1 }])
  })

  it('parameters that no statement has are refused before anything runs; of a script each takes all or none', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await importCities(lake)
    for (const sql of ['select 1', "insert into geo.cities values (4, 'Chur')", 'show tables']) {
      await expect(answer(lake, sql, [1, 2])).rejects.toMatchObject({
        code: 'usage/invalid',
        context: { expected: 0, given: 2 },
      })
    }
    expect(await cities(lake)).toEqual(CITIES)
    const found: unknown[] = []
    for await (const statement of lake.run('select $1 as one; select 2 as two; select $1 + 2 as three', [1])) {
      for await (const batch of statement.batches) found.push(...batch.rows())
    }
    expect(found).toEqual([{ one: 1 }, { two: 2 }, { three: 3 }])
  })

  it.each([{ batchRows: 0 }, { batchRows: -5 }, { batchRows: Number.NaN }, { batchRows: 1.5 }, { batchBytes: 0 }])(
    'Arrow batches of %o are refused instead of coming empty without an end',
    async (options) => {
      await using lake = await Lakehouse.open(lakeFolder)
      for await (const statement of lake.run('select 1 as one')) {
        await expect(statement.arrow(options)).rejects.toMatchObject({ code: 'usage/invalid' })
      }
    },
  )

  it.each(['own', 'child'] as const)(
    'a callback that throws ends its call and not the process: engine %s',
    async (engine) => {
      await using lake = await Lakehouse.open(lakeFolder, { engine })
      const thrown = new Error('no more')
      const callbacks = [
        () => {
          throw thrown
        },
        (): unknown => Promise.reject(thrown),
      ]
      for (const onProgress of callbacks) {
        const long = 'select count(*) from range(100000000000) t(i) where i % 7 = 3'
        await expect(answer(lake, long, [], { onProgress })).rejects.toMatchObject({
          code: 'cancelled',
          message: 'onProgress threw: no more',
          cause: thrown,
        })
        const options = { table: 'geo.cities', source: join(folder, 'cities.csv'), onProgress }
        await expect(lake.import(options)).rejects.toMatchObject({ code: 'cancelled', cause: thrown })
      }
      expect(await lake.tableNames()).toEqual([])
      expect(await lake.sql`select 1 as one`).toEqual([{ one: 1 }])
    },
  )

  it('every method of a closed lakehouse says that it was closed, and none blames the catalog', async () => {
    const lake = await Lakehouse.open(lakeFolder)
    await importCities(lake)
    await lake.close()
    const options = { table: 'geo.more', source: join(folder, 'cities.csv') }
    const calls: Record<string, () => Promise<unknown>> = {
      import: () => lake.import(options),
      planImport: () => lake.planImport(options),
      query: () => answer(lake, 'select 1'),
      sql: () => lake.sql`select 1`,
      appender: () => lake.appender('geo.cities'),
      tableNames: () => lake.tableNames(),
      tables: () => lake.tables(),
      describeTable: () => lake.describeTable('geo.cities'),
      registerTable: () => lake.registerTable('geo.more', '/nowhere.json'),
      relocate: () => lake.relocate(),
      dropTable: () => lake.dropTable('geo.cities'),
      renameTable: () => lake.renameTable('geo.cities', 'geo.towns'),
    }
    for (const [name, call] of Object.entries(calls)) {
      await expect(call(), name).rejects.toMatchObject({ code: 'cancelled', message: 'the lakehouse was closed' })
    }
    await using again = await Lakehouse.open(lakeFolder)
    expect(await cities(again)).toEqual(CITIES)
  })

  it('a table that could not be adopted leaves no namespace behind, and takes none away', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await importCities(lake)
    for (const table of ['fresh.cities', 'geo.more']) {
      const registered = lake.registerTable(table, join(folder, 'cities.csv'))
      await expect(registered).rejects.toMatchObject({ code: 'iceberg/invalid-metadata' })
    }
    expect(await answer(lake, 'show schemas')).toEqual([{ namespace: 'geo' }])
  })

  it('query.timeout ends a statement that runs too long, and the next one works', async () => {
    await using lake = await Lakehouse.open(lakeFolder, { set: ['query.timeout=1s'] })
    const long = lake.sql`select count(*) from range(1000000) a, range(1000000) b where a.range * b.range % 7 = 3`
    await expect(long).rejects.toMatchObject({ code: 'sql/timeout' })
    expect(await lake.sql`select 1 as one`).toEqual([{ one: 1 }])
  })

  it('query.timeout counts for each statement of a script from its own start, not from that of the script', async () => {
    await using lake = await Lakehouse.open(lakeFolder, { set: ['query.timeout=2s'] })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const endless = 'select sum(a.range * b.range % 7) from range(10000000) a, range(10000000) b'
      const statements = lake.run(`select 1; select 2; ${endless}`)[Symbol.asyncIterator]()
      for (const _ of [1, 2]) {
        await statements.next()
        // 3 seconds of a script when its third statement begins.
        vi.advanceTimersByTime(1500)
      }
      const last = statements.next()
      // It is over as soon as its own time is, wherever in the statement that finds it.
      const clock = setInterval(() => vi.advanceTimersByTime(500), 50)
      await expect(last).rejects.toMatchObject({ code: 'sql/timeout' })
      clearInterval(clock)
    } finally {
      vi.useRealTimers()
    }
  })

  it('the smallest budget of the lakehouses open in a process is that of its engine too, and goes with its lakehouse', async () => {
    await using lake = await Lakehouse.open(lakeFolder, { memory: '1GB' })
    const limit = async () => {
      const [row] = await lake.sql`select current_setting('memory_limit') as text`
      const text = row?.['text']
      return parseSize(typeof text === 'string' ? text.replace(' ', '') : '')
    }
    const other = join(folder, 'other')
    await Lakehouse.init(other)
    const atFirst = await limit()
    await using larger = await Lakehouse.open(other, { memory: '2GB' })
    expect([larger.budgetBytes, await limit()]).toEqual([1_000_000_000, atFirst])
    {
      await using smaller = await Lakehouse.open(other, { memory: '600MB' })
      expect([smaller.budgetBytes, lake.budgetBytes, larger.budgetBytes]).toEqual([600e6, 600e6, 600e6])
      // 400 MB less for the process is 400 MB less for the engine, but for the shares of others (3%) and of bursts (4%).
      expect(atFirst - (await limit())).toBeGreaterThan(370e6)
      const { bill } = await importCities(lake)
      expect(bill.budgetBytes).toBe(600e6)
    }
    expect(lake.budgetBytes).toBe(1_000_000_000)
    expect(await limit()).toBeGreaterThan(atFirst - 100e6)
    await lake.close()
    expect(larger.budgetBytes).toBe(2_000_000_000)
  })

  it.each([
    ['cannot shrink to', true],
    ['could not start with', false],
  ])('a second budget that the engine %s is refused, and nothing changes', async (_, isRunning) => {
    await using lake = await Lakehouse.open(lakeFolder, { memory: '1GB' })
    if (isRunning) await lake.sql`select 1`
    const other = join(folder, 'other')
    await Lakehouse.init(other)
    await expect(Lakehouse.open(other, { memory: '10MB' })).rejects.toMatchObject({
      code: 'memory/budget-too-small',
      context: { budgetBytes: 10_000_000 },
    })
    expect(lake.budgetBytes).toBe(1_000_000_000)
    expect(await lake.sql`select 1 as one`).toEqual([{ one: 1 }])
  })

  it('a budget that cannot hold the engine is refused with the least that can', async () => {
    await using lake = await Lakehouse.open(lakeFolder, { memory: '1MB' })
    await expect(lake.sql`select 1`).rejects.toMatchObject({
      code: 'memory/budget-too-small',
      context: { budgetBytes: 1_000_000 },
    })
  })
})

describe('a call that is wrong, as JavaScript can make it', () => {
  /** Types would not let these through. */
  const untyped = (value: unknown): never => value as never
  const invalid = (text: string) => ({ code: 'usage/invalid', message: expect.stringContaining(text) as unknown })

  it.each([
    [{ memroy: '512MB' }, 'memroy'],
    [{ memory: 536_870_912 }, 'memory: 536870912'],
    [{ memory: null }, 'memory: null'],
    [{ set: 'query.timeout=5s' }, 'set:'],
    [{ engine: 'chld' }, "engine: 'chld'"],
    [null, 'null'],
  ])('open(%o) names it', async (options, text) => {
    await expect(Lakehouse.open(lakeFolder, untyped(options))).rejects.toMatchObject(invalid(text))
    await expect(Lakehouse.init(join(folder, 'other'), untyped(options))).rejects.toMatchObject(invalid(text))
  })

  it('ICEBOX_ENGINE that names no engine is refused instead of meaning this process', async () => {
    const opened = Lakehouse.open(lakeFolder, { env: { ICEBOX_ENGINE: 'childs' } })
    await expect(opened).rejects.toMatchObject({ code: 'config/invalid-value', remedy: 'did you mean child?' })
    await using lake = await Lakehouse.open(lakeFolder, { env: { ICEBOX_ENGINE: '' } })
    expect(await lake.tableNames()).toEqual([])
  })

  it.each([
    [{ mode: 'upsert' }, "mode: 'upsert'"],
    [{ onError: 'skip' }, "onError: 'skip'"],
    [{ format: 'xlsx' }, "format: 'xlsx'"],
    [{ newColumns: true }, 'newColumns: true'],
    [{ csv: { header: 'no' } }, "csv.header: 'no'"],
    [{ csv: { delim: ';' } }, 'csv.delim'],
    [{ patritionBy: 'id' }, 'patritionBy'],
    [{ source: undefined }, 'source'],
    [{ source: new URL('file:///cities.csv') }, 'source'],
    [{ table: 5 }, 'table: 5'],
    [{ signal: {} }, 'signal'],
    [{ onProgress: 'yes' }, 'onProgress'],
  ])('import() with %o names it, and changes nothing', async (wrong, text) => {
    await using lake = await Lakehouse.open(lakeFolder)
    await importCities(lake)
    const options = { table: 'geo.cities', source: join(folder, 'cities.csv'), mode: 'append' }
    for (const call of [
      lake.import(untyped({ ...options, ...wrong })),
      lake.planImport(untyped({ ...options, ...wrong })),
    ])
      await expect(call).rejects.toMatchObject(invalid(text))
    expect(await cities(lake)).toEqual(CITIES)
  })

  it.each(['own', 'child'] as const)(
    'a hole among the parameters is refused as undefined is: engine %s',
    async (engine) => {
      await using lake = await Lakehouse.open(lakeFolder, { engine })
      const sparse: SqlParameter[] = []
      sparse.length = 1
      for (const parameters of [sparse, [untyped(undefined)]]) {
        await expect(answer(lake, 'select $1 as a', parameters)).rejects.toMatchObject({
          code: 'usage/invalid',
          message: expect.stringMatching(/^parameter \$1 is undefined/),
        })
      }
    },
  )

  it('undefined is as good as left out', async () => {
    await using lake = await Lakehouse.open(lakeFolder, untyped({ memory: undefined }))
    const options = {
      table: 'geo.cities',
      source: join(folder, 'cities.csv'),
      csv: undefined,
      signal: null,
      other: undefined,
    }
    expect((await lake.import(untyped(options))).rows).toBe(3)
  })

  it('what is no statement, no name and no option is refused by every method with an error of ours', async () => {
    await using lake = await Lakehouse.open(lakeFolder)
    await importCities(lake)
    const sql = async (text: unknown): Promise<unknown> => lake.sql(untyped(text))
    const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['usage/invalid', () => lake.import(untyped(undefined))],
      ['usage/invalid', () => answer(lake, untyped(undefined))],
      ['usage/invalid', () => answer(lake, untyped(5))],
      ['usage/invalid', () => answer(lake, 'select 1', untyped({ id: 1 }))],
      ['usage/invalid', () => answer(lake, 'select 1', [], untyped({ signal: {} }))],
      ['usage/invalid', () => answer(lake, 'select 1', [], untyped({ onprogress: () => undefined }))],
      ['usage/invalid', () => answer(lake, 'select 1', [], untyped(null))],
      ['usage/invalid', () => sql('select 1')],
      ['usage/invalid', () => lake.appender('geo.cities', untyped({ ack: 'comitted' }))],
      ['usage/invalid', () => lake.dropTable('geo.cities', untyped({ pruge: true }))],
      ['usage/invalid', () => lake.relocate(untyped('geo.cities'))],
      ['usage/invalid', () => lake.registerTable('geo.more', untyped(undefined))],
      ['name/invalid', () => lake.appender(untyped(undefined))],
      ['name/invalid', () => lake.describeTable(untyped(undefined))],
      ['name/invalid', () => lake.dropTable(untyped(undefined))],
      ['name/invalid', () => lake.renameTable('geo.cities', untyped(undefined))],
    ]
    for (const [at, [code, call]] of calls.entries())
      await expect(call(), `call ${at}`).rejects.toMatchObject({ name: 'IceboxError', code })
    expect(await cities(lake)).toEqual(CITIES)
  })
})

describe('a lakehouse that was moved', () => {
  it('says so with both places, and relocate makes its tables whole again', async () => {
    {
      await using lake = await Lakehouse.open(lakeFolder)
      await importCities(lake)
      for await (const statement of lake.run(
        "insert into geo.cities values (4, 'Chur'); delete from geo.cities where id = 4",
      )) {
        await statement[Symbol.asyncDispose]()
      }
    }
    const moved = join(folder, 'moved')
    await rename(lakeFolder, moved)
    await using lake = await Lakehouse.open(moved)
    await expect(cities(lake)).rejects.toMatchObject({
      code: 'lake/moved',
      context: { oldRoot: `file://${lakeFolder}/warehouse`, newRoot: `file://${moved}/warehouse` },
    })
    const [listed] = await lake.tables()
    expect(listed).toMatchObject({ table: 'geo.cities', problem: { code: 'lake/moved' } })
    const [summary] = await lake.relocate()
    expect(summary).toMatchObject({ table: 'geo.cities', to: `file://${moved}/warehouse` })
    expect(await cities(lake)).toEqual(CITIES)
    // History too, which lies in older snapshots' manifests.
    const counts = await lake.sql`select count(*) as n from geo."cities$snapshots"`
    expect(counts).toEqual([{ n: 3n }])
    expect(await lake.relocate()).toEqual([])
  })

  it('relocate keeps the partitions of files whose partition column was dropped, or is of another type by now', async () => {
    {
      await using lake = await Lakehouse.open(lakeFolder)
      for await (const statement of lake.run(`
        create schema geo; create table geo.places (id integer, land varchar, at date) partitioned by (land, at);
        insert into geo.places values (1, 'ch', '2024-02-29'), (2, null, null); alter table geo.places reset partitioned by;
        alter table geo.places drop column land; alter table geo.places drop column at;
        create table geo.codes (code blob) partitioned by (code); insert into geo.codes values ('\\xFF'::blob);
        create or replace table geo.codes (code varchar)`)) {
        await statement[Symbol.asyncDispose]()
      }
    }
    const moved = join(folder, 'moved')
    await rename(lakeFolder, moved)
    await using lake = await Lakehouse.open(moved)
    await lake.relocate()
    const files = await lake.sql`select lower_bounds[1] as id, partition from geo.places.files order by 1`
    expect(files).toEqual([
      { id: '1', partition: 'land=ch/at=2024-02-29' },
      { id: '2', partition: 'land=null/at=null' },
    ])
    const codes: unknown[] = []
    const [oldest] = await lake.sql`select snapshot_id::varchar as id from geo.codes.history`
    if (typeof oldest?.['id'] !== 'string') throw new TypeError('no snapshot')
    for await (const { batches } of lake.run(
      `select code from geo.codes at (version => ${oldest['id']}) where code = '\\xFF'::blob`,
    )) {
      for await (const batch of batches) codes.push(...batch.toArrays())
    }
    expect(codes).toEqual([[Uint8Array.of(255)]])
  })

  it('a copy is told from its original: changing it after relocate leaves the original as it was', async () => {
    {
      await using lake = await Lakehouse.open(lakeFolder)
      await importCities(lake)
    }
    const copy = join(folder, 'copy')
    // Of a closed lakehouse these are empty, and go whenever this process's garbage is collected: during the copy, too.
    await cp(lakeFolder, copy, { recursive: true, filter: (path) => !/-(wal|shm)$/.test(path) })
    await using copied = await Lakehouse.open(copy)
    await copied.relocate(['geo.cities'])
    for await (const statement of copied.run("insert into geo.cities values (4, 'Chur')"))
      await statement[Symbol.asyncDispose]()
    expect(await copied.sql`select count(*) as n from geo.cities`).toEqual([{ n: 4n }])
    await using original = await Lakehouse.open(lakeFolder)
    expect(await cities(original)).toEqual(CITIES)
    expect(await readdir(join(lakeFolder, 'warehouse/geo/cities/data'))).toHaveLength(1)
  })
})

describe('a folder', () => {
  it('that is a lakehouse already is not made into one again', async () => {
    await expect(Lakehouse.init(lakeFolder)).rejects.toMatchObject({ code: 'lake/exists' })
  })

  it('below a lakehouse finds it; one outside says where it looked', async () => {
    const below = join(lakeFolder, 'a/b')
    await mkdir(below, { recursive: true })
    await using lake = await Lakehouse.open(undefined, { cwd: below, env: {} })
    expect(lake.directory).toBe(lakeFolder)
    await expect(Lakehouse.open(undefined, { cwd: folder, env: {} })).rejects.toMatchObject({
      code: 'lake/not-found',
      context: { place: folder },
    })
  })
})
