import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ICEBOX, iceboxJson } from '../e2e/support/cli.ts'
import { errorOf } from './support/lake.ts'
import { type Watched, watched, within } from './support/watched.ts'

const BUDGET = 256_000_000

let folder = ''
let lake = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-literals-'))
  lake = join(folder, 'lake')
  await iceboxJson(['init', lake])
  await iceboxJson(['sql', 'create schema m'], { cwd: lake })
  const rows = "select i as id, 'name ' || i as name from range(300000) t(i)"
  await iceboxJson(['sql', `create table m.t as ${rows}`], { cwd: lake })
})
afterAll(() => rm(folder, { recursive: true }))

const many = (count: number, value: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => value(at)).join(',')

describe('statements of very many literals under a budget of 256MB', () => {
  const asked = async (sql: string): Promise<Watched> => {
    const file = join(folder, 'statement.sql')
    await writeFile(file, sql)
    const args = ['-C', lake, 'sql', '--memory', '256MB', '-f', file, '--json']
    return await watched(spawn(ICEBOX, args, { stdio: ['ignore', 'pipe', 'pipe'] }))
  }

  it('100,000 in IN and 40,000 tuples of VALUES pass', async () => {
    const found = await asked(
      `select count(*)::int as n from m.t where id in (${many(100_000, (at) => String(at * 3))})`,
    )
    within(found, BUDGET)
    expect(found.code, found.out).toBe(0)
    expect(JSON.parse(found.out)).toMatchObject({ rows: [[100_000]] })
    const inserted = await asked(`insert into m.t values ${many(40_000, (at) => `(${at},'name ${at}')`)}`)
    within(inserted, BUDGET)
    expect(inserted.code, inserted.out).toBe(0)
    expect(JSON.parse(inserted.out)).toMatchObject({ summary: { rows: 40_000 } })
    console.log(`peaks ${(found.peakBytes / 1e6).toFixed(0)} and ${(inserted.peakBytes / 1e6).toFixed(0)} MB`)
  })

  it.each([
    ['200,000 in IN', () => `select count(*) from m.t where id in (${many(200_000, (at) => String(at * 3))})`],
    ['200,000 texts in IN', () => `select count(*) from m.t where name in (${many(200_000, (at) => `'name ${at}'`)})`],
    ['300,000 tuples', () => `insert into m.t values ${many(300_000, (at) => `(${at},'name ${at}')`)}`],
    ['8M tokens', () => `select ${many(4_000_000, () => '1')}`],
  ])('%s are refused by name, with the bytes', async (_what, sql) => {
    const ran = await asked(sql())
    within(ran, BUDGET)
    expect(ran.code).toBe(3)
    const error = errorOf(ran)
    expect(error.code).toBe('memory/refused')
    expect(error.message).toMatch(/takes about [\d.]+ [MG]B/)
    console.log(`${_what}: peak ${(ran.peakBytes / 1e6).toFixed(0)} MB`)
  })
})

/** A program that node starts keeps up to 34 MB of V8's young generation after such a heap: 256 MB are 2 too few at times. */
const PROGRAM_BUDGET = 280_000_000

describe('a program with a large heap under a budget of 280MB', () => {
  const program = (before: string, after: string): Promise<Watched> => {
    const script = `
      import { Lakehouse } from '${join(import.meta.dirname, '../../dist/lakehouse.js')}'
      const make = () => Array.from({ length: 1000000 }, (_, i) => ({ i, text: 'text ' + i }))
      let kept
      ${before}
      const lake = await Lakehouse.open('${lake}', { memory: '280MB' })
      ${after}
      try {
        for await (const statement of lake.run('select 7::int as seven'))
          for await (const batch of statement.batches) console.log(JSON.stringify(batch.toArrays()))
      } catch (error) {
        console.log(JSON.stringify({ code: error.code, message: error.message, context: error.context }))
      }
      await lake.close()
      if (kept?.length === 1) console.log(kept)`
    return watched(
      spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] }),
    )
  }

  it.each([
    ['before the lakehouse is opened', 'make()', ''],
    ['before its first statement', '', 'make()'],
    ['in buffers', 'let b = Array.from({ length: 15 }, () => Buffer.alloc(10000000, 1)); b = undefined', ''],
  ])('garbage %s is not taken for its base', async (_when, before, after) => {
    const ran = await program(before, after)
    within(ran, PROGRAM_BUDGET)
    expect(ran.out.trim(), ran.err).toBe('[[7]]')
  })

  it('objects that are held are named as what holds the memory', async () => {
    const ran = await program('', 'kept = make()')
    const { code, message, context } = JSON.parse(ran.out.split('\n')[0] ?? '') as Record<string, unknown>
    expect(code).toBe('memory/budget-too-small')
    expect(message).toMatch(/JavaScript objects and buffers of this program \d+(\.\d+)? MB/)
    expect(context).toMatchObject({ heapBytes: expect.any(Number) })
  })
})
