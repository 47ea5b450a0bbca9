import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorOf, type FaultLake, faultLake, ordersCsv } from './support/lake.ts'
import type { Ran } from '../e2e/support/cli.ts'
import { held, type Interrupted, sightOf } from './support/steps.ts'

const ROWS = 20_000
const sumOf = (rows: number) => (rows * (rows - 1)) / 2

let lake: FaultLake
beforeAll(async () => {
  lake = await faultLake()
  await writeFile(lake.folder.in('orders.csv'), ordersCsv(ROWS))
})
afterAll(() => lake[Symbol.asyncDispose]())

const ok = (ran: Pick<Ran, 'code' | 'out' | 'err'>) => expect(ran.code, `${ran.out}${ran.err}`).toBe(0)

describe('two processes and one table', () => {
  it('imports and INSERTs at the same time are all there', async () => {
    await lake.json(['sql', 'create schema if not exists a'])
    await lake.json(['import', 'a.t', '../orders.csv'])
    const inserts = (from: number) =>
      Array.from({ length: 6 }, (_, at) => `insert into a.t select ${from + at}, 0, 0, 'x', null`).join('; ')
    const runs = await Promise.all([
      lake.run(['import', 'a.t', '../orders.csv', '--append', '--quiet']),
      lake.run(['import', 'a.t', '../orders.csv', '--append', '--quiet']),
      lake.run(['sql', inserts(1_000_000)]),
      lake.run(['sql', inserts(2_000_000)]),
    ])
    for (const ran of runs) ok(ran)
    const ids = 6 * 1_000_000 + 15 + 6 * 2_000_000 + 15
    expect(await lake.row('select count(*), sum(id)::bigint from a.t')).toEqual([3 * ROWS + 12, 3 * sumOf(ROWS) + ids])
    expect(await lake.remains()).toEqual([])
  })

  it('imports under one key at the same time are one', async () => {
    await lake.json(['sql', 'create schema if not exists a'])
    for (const mode of ['--append', '--replace', '--create'] as const) {
      const table = `a.once${mode.slice(2)}`
      const run = () => lake.run(['import', table, '../orders.csv', '--key', 'one', mode, '--json'])
      const runs = await Promise.all([run(), run(), run()])
      for (const ran of runs) ok(ran)
      const skipped = runs.filter((ran) => (JSON.parse(ran.out) as { skipped: boolean }).skipped)
      expect(skipped, `${mode}: imports that found the key`).toHaveLength(2)
      expect(await lake.row(`select count(*), sum(id)::bigint from ${table}`)).toEqual([ROWS, sumOf(ROWS)])
    }
    expect(await lake.remains()).toEqual([])
  })

  it('one of two creations wins, the other is table/exists, and nothing of it is left', async () => {
    for (const [name, args] of [
      ['i', ['import', 'a.create_i', '../orders.csv']],
      ['c', ['sql', 'create table a.create_c as select i as id from range(20000) r(i)']],
      ['e', ['sql', 'create table a.create_e (id int)']],
    ] as const) {
      const runs = await Promise.all([lake.run([...args, '--json']), lake.run([...args, '--json'])])
      expect(
        runs.map((ran) => ran.code).sort((a, b) => Number(a) - Number(b)),
        runs.map((ran) => ran.out).join(),
      ).toEqual([0, 1])
      const lost = runs.find((ran) => ran.code === 1)
      if (lost === undefined) throw new TypeError('none lost')
      expect(errorOf(lost).code).toBe('table/exists')
      expect(await lake.row(`select count(*) from a.create_${name}`)).toEqual([name === 'e' ? 0 : ROWS])
    }
    expect(await lake.remains()).toEqual([])
  })
})

/** Runs a command while a write is stopped at its first staged file. */
async function meanwhile(args: readonly string[], folder: string, other: readonly string[]): Promise<Interrupted> {
  const sight = sightOf(lake.path)
  const isStaged = () => sight.below(folder).some((name) => name.includes('.icebox-') && name.endsWith('.parquet'))
  return await held([...args, '--json'], lake.path, isStaged, async () => {
    ok(await lake.run([...other, '--json']))
  })
}

describe('a table that another process changes while rows are written', () => {
  const slow = (table: string) => [
    'sql',
    `insert into ${table} select i, 1, 1.5, 'x', null from range(100000) r(i) order by hash(i)`,
  ]
  const make = async (name: string) => {
    await lake.json(['import', `b.${name}`, '../orders.csv'])
    return { table: `b.${name}`, folder: `warehouse/b/${name}/data` }
  }

  it.each([
    ['dropped', (table: string) => ['sql', `drop table ${table}`], /dropped or renamed/],
    [
      'renamed',
      (table: string) => ['sql', `alter table ${table} rename to ${table.slice(2)}_other`],
      /dropped or renamed/,
    ],
  ])('and is %s: table/gone, and nothing is left', async (how, other, message) => {
    const { table, folder } = await make(`gone_${how}`)
    const ran = await meanwhile(slow(table), folder, other(table))
    expect(ran.code, ran.out).toBe(1)
    expect(errorOf(ran)).toMatchObject({ code: 'table/gone', message: expect.stringMatching(message) })
    // A drop leaves the files of the table; those of the write are gone.
    if (how === 'dropped') {
      expect(await lake.remains()).toHaveLength(1)
      await rm(join(lake.path, folder), { recursive: true })
    }
    expect(await lake.remains()).toEqual([])
    if (how === 'renamed') expect(await lake.row(`select count(*) from ${table}_other`)).toEqual([ROWS])
  })

  it('and drops a column of: as if the rows had come first', async () => {
    const { table, folder } = await make('less')
    const ran = await meanwhile(slow(table), folder, ['sql', `alter table ${table} drop column note`])
    ok(ran)
    const [row] = (
      (await lake.json(['sql', `select count(*), sum(id)::bigint from ${table}`])) as { rows: unknown[][] }
    ).rows
    expect(row).toEqual([ROWS + 100_000, sumOf(ROWS) + sumOf(100_000)])
    expect(JSON.stringify(await lake.json(['sql', `describe ${table}`]))).not.toContain('note')
    expect(await lake.remains()).toEqual([])
  })

  it('and adds a column to: the rows are there, the column is NULL', async () => {
    const { table, folder } = await make('more')
    const ran = await meanwhile(slow(table), folder, ['sql', `alter table ${table} add column extra int`])
    const [rows, extra] = await lake.row(`select count(*), count(extra) from ${table}`)
    expect(extra).toBe(0)
    if (ran.code === 0) expect(Number(rows)).toBeGreaterThan(ROWS)
    else expect([errorOf(ran).code, rows]).toEqual(['table/conflict', ROWS])
    expect(await lake.remains()).toEqual([])
  })

  it('and replaces the rows of: the appended rows come on top', async () => {
    const { table, folder } = await make('replaced')
    ok(await meanwhile(slow(table), folder, ['import', table, '../orders.csv', '--replace']))
    const [rows, old] = await lake.row(`select count(*), count(*) filter (where amount <> 1.5) from ${table}`)
    expect(old).toBe(ROWS)
    expect(Number(rows)).toBeGreaterThan(ROWS)
    expect(await lake.remains()).toEqual([])
  })

  it('while it is created: the name is taken, table/exists', async () => {
    const create = ['sql', 'create table b.taken as select i as id from range(100000) r(i) order by hash(i)']
    await lake.json(['sql', 'create schema if not exists b'])
    const ran = await meanwhile(create, 'warehouse/b/taken/data', ['sql', 'create table b.taken (x int)'])
    expect([ran.code, errorOf(ran).code], ran.out).toEqual([1, 'table/exists'])
    expect(await lake.row('select count(*) from b.taken')).toEqual([0])
    expect(await lake.remains()).toEqual([])
  })

  it('and its namespace is dropped before the first table of it is there: told, and nothing is left', async () => {
    await lake.json(['sql', 'create schema c'])
    const create = ['sql', 'create table c.t as select i as id from range(100000) r(i) order by hash(i)']
    const ran = await meanwhile(create, 'warehouse/c/t/data', ['sql', 'drop schema c'])
    expect([ran.code, errorOf(ran).code], ran.out).toEqual([1, 'namespace/not-found'])
    expect(await lake.remains()).toEqual([])
  })
})
