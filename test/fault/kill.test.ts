import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorOf, type FaultLake, faultLake, filesBelow, ordersCsv } from './support/lake.ts'
import { catalogStep, interrupted, sightOf, type Step, WRITE_STEPS } from './support/steps.ts'

const ROWS = 20_000
const BASE_ROWS = 1_200
/** Two partitions of so many are divided as text. */
const DIVIDED_ROWS = 110_000
/** Beside those at every step: kills at any time. */
const RANDOM_KILLS = 3
/** A step may pass between two looks. */
const TRIES = 6

/** What `SELECT count(*), sum(id)` gives, as the command prints it; null for a table that is not there. */
type State = readonly [rows: number, sum: number] | null

const sumOf = (rows: number, first = 0) => (rows * (2 * first + rows - 1)) / 2
const IMPORTED: State = [ROWS, sumOf(ROWS)]
const plus = (state: State, rows: number, sum: number): State => [(state?.[0] ?? 0) + rows, (state?.[1] ?? 0) + sum]

interface Victim {
  readonly name: string
  /** Makes the tables that the command works on; once. */
  readonly prepare?: (lake: FaultLake) => Promise<void>
  /** A table for each kill: the command makes it. */
  readonly makesTable: boolean
  args(table: string, key: string): readonly string[]
  /** What the whole command makes of a table. */
  after(before: State): State
  /** What it reads from standard input. */
  readonly stdin?: string
  /** Ran again with the same key it is exactly once. */
  readonly hasKey: boolean
  readonly steps: readonly Step[]
}

const base = (layout: string) => async (lake: FaultLake) => {
  await writeFile(lake.folder.in('base.csv'), ordersCsv(BASE_ROWS, 0))
  await lake.json(['import', 'a.t', lake.folder.in('base.csv'), ...(layout === '' ? [] : ['--partition-by', layout])])
}
const imported =
  (...more: string[]) =>
  (table: string, key: string) => ['import', table, '../orders.csv', '--key', key, ...more]
const METADATA_STEPS = WRITE_STEPS.filter(({ name }) => /metadata|manifest/.test(name))

const VICTIMS: readonly Victim[] = [
  {
    name: 'import of a new table',
    makesTable: true,
    args: imported(),
    after: () => IMPORTED,
    hasKey: true,
    steps: WRITE_STEPS,
  },
  {
    name: 'import of standard input',
    makesTable: true,
    args: (table, key) => ['import', table, '-', '--format', 'csv', '--key', key],
    after: () => IMPORTED,
    hasKey: true,
    stdin: ordersCsv(ROWS),
    steps: [
      { name: 'spool', reached: (now) => now.below('.icebox/spill').some((name) => name.startsWith('stdin-')) },
      ...WRITE_STEPS.slice(3, 4),
    ],
  },
  {
    name: 'import by month',
    makesTable: true,
    args: imported('--partition-by', 'month(d)'),
    after: () => IMPORTED,
    hasKey: true,
    steps: WRITE_STEPS,
  },
  {
    name: 'import of many partitions, staged',
    makesTable: true,
    args: imported('--partition-by', 'bucket(200, id)', '--memory', '256MB'),
    after: () => IMPORTED,
    hasKey: true,
    steps: [
      {
        name: 'first staged bucket',
        reached: (now) => now.below('.icebox/spill').some((name) => name.endsWith('.parquet')),
      },
      ...WRITE_STEPS.slice(2),
    ],
  },
  {
    name: 'import by month, its text divided',
    prepare: async (lake) => {
      const line = (id: number) => `${id},2024-0${1 + (id % 2)}-05,note number ${id}\n`
      const text = Array.from({ length: DIVIDED_ROWS }, (_, id) => line(id)).join('')
      await writeFile(lake.folder.in('divided.csv'), `id,d,note\n${text}`)
    },
    makesTable: true,
    args: (table, key) => ['import', table, '../divided.csv', '--key', key, '--partition-by', 'month(d)'],
    after: () => [DIVIDED_ROWS, sumOf(DIVIDED_ROWS)],
    hasKey: true,
    steps: [
      {
        name: 'first part of the text',
        reached: (now) => now.below('.icebox/spill').some((name) => /\d-\d+\.csv$/.test(name)),
      },
      ...WRITE_STEPS.slice(2),
    ],
  },
  {
    name: 'import --append',
    prepare: base('month(d)'),
    makesTable: false,
    args: imported('--append'),
    after: (before) => plus(before, ROWS, sumOf(ROWS)),
    hasKey: true,
    steps: WRITE_STEPS,
  },
  {
    name: 'import --replace',
    prepare: base(''),
    makesTable: false,
    args: imported('--replace'),
    after: () => IMPORTED,
    hasKey: true,
    steps: WRITE_STEPS,
  },
  {
    name: 'INSERT',
    prepare: base(''),
    makesTable: false,
    args: (table) => ['sql', `insert into ${table} select i, 0, 0, 'x', date '2024-01-01' from range(50000) r(i)`],
    after: (before) => plus(before, 50_000, sumOf(50_000)),
    hasKey: false,
    steps: WRITE_STEPS.slice(1),
  },
  {
    name: 'CREATE TABLE AS',
    prepare: base(''),
    makesTable: true,
    args: (table) => ['sql', `create table ${table} as select i as id, i % 7 as k from range(50000) r(i)`],
    after: () => [50_000, sumOf(50_000)],
    hasKey: false,
    steps: WRITE_STEPS.slice(1),
  },
  {
    name: 'CREATE OR REPLACE TABLE AS with other columns',
    prepare: base('month(d)'),
    makesTable: false,
    args: (table) => ['sql', `create or replace table ${table} as select i as id, [i] as other from range(50000) r(i)`],
    after: () => [50_000, sumOf(50_000)],
    hasKey: false,
    steps: WRITE_STEPS.slice(1),
  },
  {
    name: 'DELETE of partitions',
    prepare: base('k'),
    makesTable: false,
    args: (table, key) => ['sql', `delete from ${table} where k = ${Number(key.replace(/\D/g, '')) % 97}`],
    after: (before) => before,
    hasKey: false,
    steps: METADATA_STEPS,
  },
]

let kills = 0
const tally: string[] = []
afterAll(() => {
  console.log(`${kills} kills\n${tally.join('\n')}`)
})

describe.each(VICTIMS)('kill -9 of $name', (victim) => {
  let lake: FaultLake
  beforeAll(async () => {
    lake = await faultLake()
    await writeFile(lake.folder.in('orders.csv'), ordersCsv(ROWS))
    await victim.prepare?.(lake)
  })
  afterAll(() => lake[Symbol.asyncDispose]())

  it('at every step leaves the table as it was or whole, and nothing else after the next start', async () => {
    const steps = [...victim.steps, catalogStep()]
    const outcomes: string[] = []
    for (const [at, step] of steps.entries()) {
      let landed = false
      for (let tries = 0; tries < TRIES && !landed; tries++) {
        const round = new Round(lake, victim, `s${at}x${tries}`)
        const seen = await round.begin()
        const fresh = step.name === 'catalog change' ? catalogStep() : step
        const sight = sightOf(lake.path)
        landed = await round.killWhen(() => fresh.reached(sight, round.folder, seen))
        outcomes.push(`${step.name}: ${await round.check(landed)}${landed ? '' : ' (missed)'}`)
      }
      expect(landed, `a kill at the step '${step.name}' in ${TRIES} tries`).toBe(true)
    }
    tally.push(`${victim.name}: ${outcomes.join(', ')}`)
  })

  it('at any time leaves the table as it was or whole, and nothing else after the next start', async () => {
    const whole = new Round(lake, victim, 'r0')
    await whole.begin()
    const startedAt = performance.now()
    expect(await whole.killWhen(() => false)).toBe(false)
    const wholeMs = performance.now() - startedAt
    await whole.check(false)
    const outcomes: string[] = []
    for (let at = 1; at <= RANDOM_KILLS; at++) {
      const round = new Round(lake, victim, `r${at}`)
      await round.begin()
      const killAtMs = wholeMs * ((at - Math.random()) / RANDOM_KILLS)
      const landed = await round.killWhen((elapsedMs) => elapsedMs >= killAtMs)
      outcomes.push(`${Math.round(killAtMs)} ms: ${await round.check(landed)}`)
    }
    tally.push(`${victim.name} at random: ${outcomes.join(', ')}`)
  })
})

/** One run of a command that is killed, and what it left. */
class Round {
  readonly table: string
  readonly folder: string
  readonly #lake: FaultLake
  readonly #victim: Victim
  readonly #key: string
  #before: State = null

  constructor(lake: FaultLake, victim: Victim, key: string) {
    this.#lake = lake
    this.#victim = victim
    this.#key = key
    this.table = victim.makesTable ? `a.${key}` : 'a.t'
    this.folder = `warehouse/${this.table.replace('.', '/')}`
  }

  /** Notes the state of the table, and gives the files that are there. */
  async begin(): Promise<ReadonlySet<string>> {
    this.#before = this.#victim.makesTable ? null : await this.#state()
    const root = `${this.#lake.path}/`
    return new Set((await filesBelow(this.#lake.path)).map((file) => file.slice(root.length)))
  }

  async killWhen(when: (elapsedMs: number) => boolean): Promise<boolean> {
    const ended = await interrupted(
      this.#victim.args(this.table, this.#key),
      this.#lake.path,
      'SIGKILL',
      when,
      this.#victim.stdin,
    )
    if (ended.landed) {
      kills++
      return true
    }
    expect(ended.code, `${ended.out}${ended.err}`).toBe(0)
    return false
  }

  /** Which of the two states the table is in; then, with a key, that the repeated command is exactly once. */
  async check(wasKilled: boolean): Promise<'before' | 'after'> {
    const now = await this.#state()
    expect(await this.#lake.remains(), `remains of ${this.#key}`).toEqual([])
    const after = this.#after()
    const isBefore = JSON.stringify(now) === JSON.stringify(this.#before)
    expect(isBefore && wasKilled ? after : now, `state after ${this.#key}`).toEqual(after)
    if (this.#victim.hasKey && wasKilled) {
      const again = await this.#lake.run(this.#victim.args(this.table, this.#key), { stdin: this.#victim.stdin ?? '' })
      expect(again.code, again.err).toBe(0)
      expect(await this.#state(), `state after ${this.#key} was repeated`).toEqual(after)
      expect(await this.#lake.remains()).toEqual([])
    }
    return isBefore ? 'before' : 'after'
  }

  #after(): State {
    if (!this.#victim.name.startsWith('DELETE')) return this.#victim.after(this.#before)
    const k = Number(this.#key.replace(/\D/g, '')) % 97
    const ids = Array.from({ length: BASE_ROWS }, (_, id) => id).filter((id) => id % 97 === k)
    return plus(this.#before, -ids.length, -ids.reduce((sum, id) => sum + id, 0))
  }

  /** Read by a new process: the next start. */
  async #state(): Promise<State> {
    const ran = await this.#lake.run(['sql', `select count(*), sum(id)::bigint from ${this.table}`, '--json'])
    if (ran.code === 0) return (JSON.parse(ran.out) as { rows: [[number, number]] }).rows[0]
    expect(errorOf(ran).code).toBe('sql/unknown-table')
    return null
  }
}
