import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FaultLake, faultLake } from './support/lake.ts'
import { runProgram } from './support/program.ts'

const MB = 1_000_000

let lake: FaultLake
beforeAll(async () => {
  lake = await faultLake()
  await lake.json(['sql', 'create schema s'])
})
afterAll(() => lake[Symbol.asyncDispose]())

interface Job {
  readonly memory: string
  readonly tables: number
  /** To each table, as the others. */
  readonly appends: number
  readonly atOnce: number
  readonly rows: number
  readonly characters: number
  /** A query that runs meanwhile. */
  readonly beside?: string
}

async function append(job: Job) {
  for (let at = 0; at < job.tables; at++) {
    await lake.json(['sql', `drop table if exists s.t${at}`])
    await lake.json(['sql', `create table s.t${at} (id bigint, text varchar)`])
  }
  const ran = await runProgram('append-wide.mjs', lake.path, JSON.stringify(job))
  const said: unknown = JSON.parse(ran.out)
  return { said, peakBytes: ran.peakBytes }
}

const GROUPS =
  'select count(*)::int as n from (select i % 3000000 as k, count(*) as c from range(6000000) t(i) group by k)'

const JOBS: readonly (readonly [string, number, Job])[] = [
  [
    '50 MB each, eight at once',
    256 * MB,
    { memory: '256MB', tables: 1, appends: 16, atOnce: 8, rows: 1_000, characters: 50_000 },
  ],
  [
    'of rows of 5 MB, two at once',
    256 * MB,
    { memory: '256MB', tables: 1, appends: 30, atOnce: 2, rows: 1, characters: 5 * MB },
  ],
  [
    'of rows of 10 MB, four at once',
    512 * MB,
    { memory: '512MB', tables: 1, appends: 20, atOnce: 4, rows: 1, characters: 10 * MB },
  ],
  [
    'of rows of 1 MB, eight at once, beside a group by that goes to disk',
    256 * MB,
    { memory: '256MB', tables: 1, appends: 100, atOnce: 8, rows: 3, characters: MB, beside: GROUPS },
  ],
  [
    'to 16 tables, four at once to each',
    256 * MB,
    { memory: '256MB', tables: 16, appends: 20, atOnce: 4, rows: 1_000, characters: 1_000 },
  ],
]

describe('appends', () => {
  it.each(JOBS)('%s, stay inside the budget, and all rows are in the table', async (_what, budgetBytes, job) => {
    const { said, peakBytes } = await append(job)
    const rows = job.tables * job.appends * job.rows
    expect(said).toMatchObject({ refusals: {}, found: { rows, ids: rows, characters: rows * job.characters } })
    if (job.beside !== undefined) expect(said).toMatchObject({ answer: [{ n: 3_000_000 }] })
    expect(peakBytes).toBeLessThan(budgetBytes)
    console.log(`${_what}: peak ${(peakBytes / MB).toFixed(0)} MB`)
  })

  it('of a row that the budget could not read again are refused, and hold up nothing', async () => {
    const job = { memory: '256MB', tables: 1, appends: 3, atOnce: 1, rows: 1, characters: 6 * MB }
    const { said, peakBytes } = await append(job)
    expect(said).toMatchObject({ refusals: { 'source/row': 3 }, found: { ids: 0 } })
    expect(peakBytes).toBeLessThan(256 * MB)
  })
})
