import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { tableFromIPC } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ICEBOX, iceboxJson } from '../e2e/support/cli.ts'
import { errorOf } from './support/lake.ts'
import { type Watched, watched, within } from './support/watched.ts'

const BUDGET = 256_000_000
const ROWS = 20_000_000

let folder = ''
let lake = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-out-'))
  lake = join(folder, 'lake')
  await iceboxJson(['init', lake])
  await iceboxJson(
    [
      'sql',
      `create schema m; create table m.fact as select i as id, (i * 7919 % 100003)::integer as k, i / 7 as q, 'item ' || i % 5000 as name from range(${ROWS}) t(i)`,
    ],
    { cwd: lake },
  ).catch((error: unknown) => {
    // Two statements print two documents.
    if (!(error instanceof SyntaxError)) throw error
  })
})
afterAll(() => rm(folder, { recursive: true }))

/** Of what is printed. */
const KEPT_BYTES = 65_536

const icebox = (args: readonly string[]): Promise<Watched> =>
  watched(
    spawn(ICEBOX, ['-C', lake, 'sql', '--memory', '256MB', ...args], { stdio: ['ignore', 'pipe', 'pipe'] }),
    KEPT_BYTES,
  )

describe('20M rows out under a budget of 256MB', () => {
  it.each(['csv', 'ndjson', 'json', 'arrow'])('%s into a pipe', async (format) => {
    const ran = await icebox(['select * from m.fact', '--format', format])
    within(ran, BUDGET)
    expect(ran.code, ran.err).toBe(0)
    // At least an id, and 8 bytes of each in Arrow.
    expect(ran.bytesOut).toBeGreaterThan(ROWS * 20)
    console.log(`${format}: peak ${(ran.peakBytes / 1e6).toFixed(0)} MB`)
  })

  it.each(['ndjson', 'parquet'])('%s into /dev/null', async (format) => {
    const ran = await icebox(['select * from m.fact', '--format', format, '--output', '/dev/null', '--json'])
    within(ran, BUDGET)
    expect(ran.code, ran.out).toBe(0)
    expect(JSON.parse(ran.out)).toMatchObject({ rows: ROWS })
    console.log(`${format}: peak ${(ran.peakBytes / 1e6).toFixed(0)} MB`)
  })

  it.each([
    ['batches of values', 'for await (const b of statement.batches) rows += b.column(0).length'],
    ['Arrow batches', 'for await (const b of await statement.arrow()) rows += b.recordBatch().numRows'],
  ])('the library: %s', async (_name, read) => {
    const script = `
      import { Lakehouse } from '${join(import.meta.dirname, '../../dist/lakehouse.js')}'
      await using lake = await Lakehouse.open('${lake}', { memory: '256MB' })
      let rows = 0
      for await (const statement of lake.run('select * from m.fact')) { ${read} }
      console.log(rows)`.replace('await using lake', 'const lake')
    const args = ['--input-type=module', '-e', `${script}\nawait lake.close()`]
    const ran = await watched(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] }), KEPT_BYTES)
    within(ran, BUDGET)
    expect(ran.out.trim(), ran.err).toBe(String(ROWS))
    console.log(`${_name}: peak ${(ran.peakBytes / 1e6).toFixed(0)} MB`)
  })
})

describe('what is wide, long or deep, under a budget of 256MB', () => {
  const written = (query: string, format: string, ...more: readonly string[]) =>
    icebox([query, '--format', format, '--output', '/dev/null', '--json', ...more])

  it.each(['csv', 'ndjson', 'arrow'])('a value of 100 MB is refused as %s, and is never fatal', async (format) => {
    const file = join(folder, `large.${format}`)
    const small = await icebox([
      "select repeat('x', 100000000 + i::int) as t from range(1) r(i)",
      '--output',
      file,
      '--json',
    ])
    within(small, BUDGET)
    expect(small.code).toBe(3)
    expect(errorOf(small).code).toBe('memory/exhausted')
    // The last --memory holds. DuckDB's planner makes a constant outside its limit, and several copies of it.
    const large = await icebox(["select repeat('x', 100000000) as t", '--output', file, '--json', '--memory', '1GB'])
    expect(large.peakBytes).toBeLessThanOrEqual(1e9)
    expect(large.code).toBe(1)
    expect(errorOf(large)).toMatchObject({ code: 'sql/value-too-large', context: { column: 't', row: 1 } })
    await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it.each(['csv', 'ndjson', 'arrow'])('a value of 40 MB is not copied for %s without room', async (format) => {
    // Below query.max_value_size: 335 to 383 MB before anyone asked.
    const file = join(folder, `copied.${format}`)
    const ran = await icebox([
      "select repeat('x', i::int) as t from range(40000000, 40000001) r(i)",
      '--output',
      file,
      '--json',
    ])
    within(ran, BUDGET)
    expect(ran.code).toBe(3)
    expect(errorOf(ran)).toMatchObject({ code: 'memory/exhausted', context: { rowBytes: 40_000_000 } })
    await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' })
    const whole = await icebox([
      "select repeat('x', i::int) as t from range(40000000, 40000001) r(i)",
      '--output',
      file,
      '--json',
      '--memory',
      '512MB',
    ])
    expect(whole.code, whole.out).toBe(0)
    expect((await stat(file)).size).toBeGreaterThanOrEqual(40_000_000)
    expect(whole.peakBytes).toBeLessThanOrEqual(512e6)
  })

  it.each([
    ['numbers', 'select list(id) as v from m.fact where id < 2000000'],
    ['texts', 'select list(name) as v from m.fact where id < 700000'],
    ['structs', 'select list({a: id, b: k}) as v from m.fact where id < 700000'],
    ['pairs', 'select map(list(id), list(id)) as v from m.fact where id < 500000'],
  ])('a list of %s, many times as large as values, is refused as such and passes as Arrow', async (_what, query) => {
    for (const format of ['json', 'csv']) {
      const ran = await written(query, format)
      within(ran, BUDGET)
      expect(ran.code, ran.out).toBe(3)
      expect(errorOf(ran)).toMatchObject({ code: 'memory/exhausted', context: { rowBytes: expect.any(Number) } })
    }
    const arrow = await written(query, 'arrow')
    within(arrow, BUDGET)
    expect(arrow.code, arrow.out).toBe(0)
  })

  it('a value of 15 MB passes whole', async () => {
    const file = join(folder, 'value.arrow')
    const ran = await icebox(["select repeat('x', 15000000) as t from range(3)", '--output', file, '--json'])
    within(ran, BUDGET)
    expect(ran.code, ran.out).toBe(0)
    const table = tableFromIPC(await readFile(file))
    expect(table.numRows).toBe(3)
    expect(String(table.getChild('t')?.get(2))).toHaveLength(15_000_000)
  })

  const texts = (count: number) =>
    `select ${Array.from({ length: count }, (_, at) => `'column ${at} of ' || i as c${at}`).join(', ')} from range(30000) t(i)`

  it.each(['csv', 'ndjson', 'arrow'])('rows of 200 columns, and of texts of 20 kB, as %s', async (format) => {
    for (const query of [texts(200), "select i, repeat('y', 20000) as t from range(50000) t(i)"]) {
      const ran = await written(query, format)
      within(ran, BUDGET)
      expect(ran.code, ran.out).toBe(0)
    }
  })

  it.each(['csv', 'ndjson', 'arrow'])(
    'rows of 300 and 400 texts pass as %s: a chunk of them is 28 and 38 MB',
    async (format) => {
      for (const count of [300, 400]) {
        const ran = await written(texts(count), format)
        within(ran, BUDGET)
        expect(ran.code, ran.out).toBe(0)
      }
    },
  )

  it('rows of 600 texts are refused before they are computed', async () => {
    const ran = await written(texts(600), 'csv')
    within(ran, BUDGET)
    expect(ran.code).toBe(3)
    expect(errorOf(ran)).toMatchObject({ code: 'memory/exhausted', context: { columns: 600 } })
  })

  it('rows of 1,000 texts, of which one vector of each takes 32 MB, pass or are refused with the bytes', async () => {
    const ran = await written(texts(1000), 'arrow')
    within(ran, BUDGET)
    if (ran.code !== 0) expect(errorOf(ran).code).toBe('memory/exhausted')
  })

  describe('of a table with texts of 1 MB, of which DuckDB would gather 2,048', () => {
    beforeAll(async () => {
      const path = join(folder, 'long.csv')
      const rows = function* () {
        yield 'id,text\n'
        for (let id = 0; id < 300; id++) yield `${id},${randomBytes(750_000).toString('base64')}\n`
      }
      await pipeline(Readable.from(rows()), createWriteStream(path))
      await iceboxJson(['import', 'm.long', path, '--memory', '256MB'], { cwd: lake })
      await rm(path)
    }, 120_000)

    it.each([
      ['a filter', 150, 'select * from m.long where id % 2 = 0'],
      ['a join', 150, 'select * from m.long join (select id from m.long where id % 2 = 0) using (id)'],
      [
        'a join on the texts side',
        100,
        'select x.id, y.text from m.long x join m.long y using (id) where x.id % 3 = 0',
      ],
    ])('%s passes', async (_what, rows, query) => {
      for (const format of ['csv', 'arrow']) {
        const ran = await icebox([query, '--format', format])
        within(ran, BUDGET)
        expect(ran.code, ran.err).toBe(0)
        expect(ran.bytesOut).toBeGreaterThan(rows * 1_000_000)
      }
    })

    it('a filter passes into another table', async () => {
      const ran = await icebox(['create table m.half as select * from m.long where id % 2 = 0'])
      within(ran, BUDGET)
      expect(ran.code, ran.err).toBe(0)
    })
  })

  it('texts of 32 kB are read and written by as many threads as have room for their vectors, at 512MB', async () => {
    const texts = "(select string_agg(md5((i * 1000 + j)::varchar), '') from range(1000) r(j))"
    const make = `create table m.documents as select i as id, ${texts} as text from range(12000) t(i)`
    await iceboxJson(['sql', '--memory', '2GB', make], { cwd: lake })
    for (const statement of [
      'select id, upper(text) as text from m.documents',
      'create table m.upper as select id, upper(text) as text from m.documents',
    ]) {
      const ran = await icebox(['--memory', '512MB', statement, '--format', 'csv'])
      within(ran, 512_000_000)
      expect(ran.code, ran.err).toBe(0)
    }
  })

  it.each(['ndjson', 'arrow'])('nesting 60 deep as %s', async (format) => {
    const deep = Array.from({ length: 60 }).reduce<string>(
      (inner, _, at) => (at % 2 === 0 ? `[${inner}]` : `{'a': ${inner}}`),
      'i',
    )
    const ran = await written(`select ${deep} as d from range(200000) t(i)`, format)
    within(ran, BUDGET)
    expect(ran.code, ran.out).toBe(0)
  })
})
