import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ICEBOX } from '../e2e/support/cli.ts'
import { errorOf, type FaultLake, faultLake, ordersCsv } from './support/lake.ts'
import { catalogStep, type Interrupted, interrupted, sightOf, type Step, WRITE_STEPS } from './support/steps.ts'

const ROWS = 60_000
const BASE_ROWS = 1_200
const GENERATED = 200_000

let lake: FaultLake
beforeAll(async () => {
  lake = await faultLake()
  await writeFile(lake.folder.in('orders.csv'), ordersCsv(ROWS))
  await writeFile(lake.folder.in('base.csv'), ordersCsv(BASE_ROWS))
  await lake.json(['import', 'a.t', '../base.csv', '--partition-by', 'month(d)'])
})
afterAll(() => lake[Symbol.asyncDispose]())

interface Case {
  readonly name: string
  args(table: string): readonly string[]
  /** Rows of the table without and with the command. */
  readonly before: number | null
  readonly added: number
  readonly steps: readonly Step[]
}

const CASES: readonly Case[] = [
  {
    name: 'an import',
    args: (table) => ['import', table, '../orders.csv', '--json'],
    before: null,
    added: ROWS,
    steps: WRITE_STEPS,
  },
  {
    name: 'a partitioned import',
    args: (table) => ['import', table, '../orders.csv', '--partition-by', 'month(d)', '--json'],
    before: null,
    added: ROWS,
    steps: WRITE_STEPS.slice(2, 5),
  },
  {
    name: 'a CREATE TABLE AS',
    args: (table) => [
      'sql',
      `create table ${table} as select i as id, uuid() as u from range(${GENERATED}) r(i)`,
      '--json',
    ],
    before: null,
    added: GENERATED,
    steps: WRITE_STEPS.slice(1),
  },
]

let number = 0
/** Rows of a table; null where there is none. */
async function rowsOf(table: string): Promise<number | null> {
  const ran = await lake.run(['sql', `select count(*) from ${table}`, '--json'])
  if (ran.code === 0) return (JSON.parse(ran.out) as { rows: [[number]] }).rows[0][0]
  expect(errorOf(ran).code).toBe('sql/unknown-table')
  return null
}

/** Whatever the moment, one of two ends: 130 and nothing, or done; and nothing is left before any other start. */
async function checkEnd(ended: Interrupted, table: string, some: Case): Promise<'cancelled' | 'done'> {
  expect(await lake.remains()).toEqual([])
  expect(ended.err, 'standard error').not.toMatch(/\n\s+at |internal\/|Unhandled/)
  const rows = await rowsOf(table)
  // Node ends by the signal itself while it starts, and while it ends, with all done; a shell shows both as 130 or 143.
  const isEarly = ended.signal !== null
  if (isEarly && rows === (some.before ?? 0) + some.added) return 'done'
  if (ended.code === 0) {
    expect(rows).toBe((some.before ?? 0) + some.added)
    return 'done'
  }
  if (!isEarly) {
    expect(ended.code, `${ended.out}${ended.err}`).toBe(130)
    expect(errorOf({ ...ended }).code).toBe('cancelled')
  }
  expect(rows).toBe(some.before)
  return 'cancelled'
}

describe.each(['SIGINT', 'SIGTERM'] as const)('%s', (signal) => {
  it.each(CASES)('at every step of $name ends it with 130 and nothing left', async (some) => {
    const ends: string[] = []
    for (const step of [...some.steps, catalogStep()]) {
      const table = `a.i${++number}`
      const sight = sightOf(lake.path)
      const fresh = step.name === 'catalog change' ? catalogStep() : step
      const folder = `warehouse/${table.replace('.', '/')}`
      const ended = await interrupted(some.args(table), lake.path, signal, () =>
        fresh.reached(sight, folder, new Set()),
      )
      ends.push(await checkEnd(ended, table, some))
      if (step.name === 'first staged file' && ended.landed) expect(ended.code).toBe(130)
    }
    expect(ends).toContain('cancelled')
  })

  it('at any moment of an import ends it with 130 or done, and soon', async () => {
    for (let at = 1; at <= 8; at++) {
      const table = `a.i${++number}`
      const some = CASES[0]
      if (some === undefined) throw new TypeError('no case')
      let sentAt = 0
      const ended = await interrupted(some.args(table), lake.path, signal, (elapsedMs) => {
        sentAt = performance.now()
        return elapsedMs >= at * 90
      })
      if (ended.landed) expect(performance.now() - sentAt).toBeLessThan(10_000)
      await checkEnd(ended, table, some)
    }
  })

  it('in a long query, an INSERT and a script ends them with 130, and the table is as it was', async () => {
    const long = 'select count(*) from range(100000) a(i), range(1000000) b(j) where hash(i + j) = 7'
    for (const sql of [
      long,
      `insert into a.t select i, 1, 1, uuid()::varchar, null from range(100000) a(i), range(100000) b(j)`,
      `create table a.never as ${long}`,
      `select 1; ${long}; delete from a.t`,
    ]) {
      const ended = await interrupted(['sql', sql, '--json'], lake.path, signal, (elapsedMs) => elapsedMs > 1500)
      expect([ended.landed, ended.signal, ended.code], ended.out).toEqual([true, null, 130])
      expect(errorOf(ended).code).toBe('cancelled')
      expect(await rowsOf('a.t')).toBe(BASE_ROWS)
      expect(await lake.remains()).toEqual([])
    }
    expect(await rowsOf('a.never')).toBe(null)
  })
})

it('--output interrupted leaves the file that was there', async () => {
  const out = lake.folder.in('out.csv')
  await writeFile(out, 'as it was')
  const sql = 'select hash(i) as h from range(100000000) r(i)'
  const args = ['sql', sql, '--format', 'csv', '--output', out]
  const ended = await interrupted(args, lake.path, 'SIGINT', (elapsedMs) => elapsedMs > 1500)
  expect([ended.landed, ended.code]).toEqual([true, 130])
  expect((await readdir(lake.folder.path)).filter((name) => name.startsWith('out.'))).toEqual(['out.csv'])
})

it('a second SIGINT ends the process at once', async () => {
  const long = 'select count(*) from range(100000) a(i), range(1000000) b(j) where hash(i + j) = 7'
  const child = spawn(ICEBOX, ['sql', long], { cwd: lake.path, stdio: 'ignore' })
  const ended = once(child, 'close')
  const spill = join(lake.path, '.icebox/spill')
  while ((await readdir(spill).catch(() => [])).length === 0) await new Promise((next) => setImmediate(next))
  child.kill('SIGINT')
  child.kill('SIGINT')
  await ended
  expect(child.signalCode === 'SIGINT' || child.exitCode === 130).toBe(true)
  await rowsOf('a.t')
  expect(await lake.remains()).toEqual([])
})
