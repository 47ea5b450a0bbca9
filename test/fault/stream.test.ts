import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, symlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { Lakehouse } from '../../src/lakehouse/index.ts'
import { StreamHub } from '../../src/ingest/index.ts'
import { SlabPool } from '../../src/memory/index.ts'
import { openKit } from '../integration/ingest-kit.ts'
import { type FaultLake, faultLake, filesBelow } from './support/lake.ts'
import { smallDisk } from './support/mount.ts'
import { type Sight, sightOf, WRITE_STEPS } from './support/steps.ts'

const MB = 1_000_000
const ROWS = 50
/** Small, so that commits follow each other while a process lives. */
const SET = ['performance.streaming.commit_size=64kB', 'performance.streaming.commit_interval=30ms']
const WRITER = resolve(import.meta.dirname, 'support/stream-writer.mjs')
const LIBRARY = resolve(import.meta.dirname, '../../dist/lakehouse.js')
const TABLE = 'warehouse/s/t'

/** A moment in the life of the writer; `before` is what was there when it began to append. */
interface Moment {
  readonly name: string
  reached(now: Sight, before: ReadonlySet<string>): boolean
}

const spool = (now: Sight) => now.below('.icebox/spool')
const isNew = (now: Sight, before: ReadonlySet<string>, ending: string) =>
  spool(now).some((name) => name.endsWith(ending) && !before.has(`.icebox/spool/${name}`))
/** Once something was there, it is gone. */
function gone(name: string, ending: string): Moment {
  let wasThere = false
  return {
    name,
    reached: (now, before) => {
      const isThere = isNew(now, before, ending)
      wasThere ||= isThere
      return wasThere && !isThere
    },
  }
}

const moments = (): Moment[] => [
  {
    name: 'owner of a stream',
    reached: (now) => spool(now).some((name) => name.startsWith('new-') || name.includes('/owner.')),
  },
  { name: 'open segment', reached: (now, before) => isNew(now, before, '.open') },
  { name: 'sealed segment', reached: (now, before) => isNew(now, before, '.rows') },
  gone('removed segment', '.rows'),
  ...WRITE_STEPS.slice(1).map((step) => ({
    name: step.name,
    reached: (now: Sight, before: ReadonlySet<string>) => step.reached(now, TABLE, before),
  })),
]
/** Each moment so many times, and any time between. */
const ROUNDS_A_MOMENT = 5
const ANY_TIME = 'any time'
const OPENING = 'while it opens and takes over'
const RANDOM_ROUNDS = 50

interface Lived {
  readonly landed: boolean
  /** From its start to its first append. */
  readonly openMs: number
  readonly started: (readonly [number, number])[]
  readonly acknowledged: Set<string>
  readonly counts: { round: number; batch: number; n: number; d: number }[] | null
}

/** Runs the writer until `when`, counted from its start or from its first append, and kills it. */
async function live(
  lake: FaultLake,
  job: object,
  when: (elapsedMs: number) => boolean,
  from: 'start' | 'append' = 'append',
): Promise<Lived> {
  const child = spawn(process.execPath, [WRITER, LIBRARY, lake.path, JSON.stringify(job)], { stdio: 'pipe' })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString()
  })
  const closed = once(child, 'close')
  const spawnedAt = performance.now()
  let startedAt: number | undefined
  while (child.exitCode === null && child.signalCode === null) {
    if (startedAt === undefined && (from === 'start' || out.includes('\n+'))) startedAt = performance.now()
    if (startedAt !== undefined && when(performance.now() - startedAt)) child.kill('SIGKILL')
    await new Promise((next) => setImmediate(next))
  }
  await closed
  const landed = child.signalCode === 'SIGKILL'
  expect(landed || child.exitCode === 0, err).toBe(true)
  const lines = out.split('\n').slice(0, -1)
  // Killed while it was opening, or taking over what the one before left, it has nothing to tell.
  const told = lines[0]?.replace(/^now /, '') ?? '{"counts":null,"failures":[]}'
  const now = JSON.parse(told) as { counts: Lived['counts']; failures: string[] }
  expect(now.failures).toEqual([])
  const pairs = (mark: string) =>
    lines
      .filter((line) => line.startsWith(mark))
      .map((line) => line.slice(2).split(' ').map(Number))
      .map(([round = -1, batch = -1]) => [round, batch] as const)
  return {
    landed,
    openMs: (startedAt ?? spawnedAt) - spawnedAt,
    started: pairs('+'),
    acknowledged: new Set(pairs('=').map(([round, batch]) => `${round}/${batch}`)),
    counts: now.counts,
  }
}

let tally = ''
afterAll(() => {
  console.log(tally)
})

describe('kill -9 of streaming ingest', () => {
  it('at 100 points leaves every acknowledged row exactly once, none twice, and half an append nowhere', async () => {
    await using lake = await faultLake()
    await lake.json(['sql', 'create schema s'])
    await lake.json(['sql', 'create table s.t (round int, batch int, row int, "text" varchar)'])
    const acknowledged = new Set<string>()
    const started = new Map<string, readonly [number, number]>()
    const outcomes = new Map<string, number>()
    const plan = [
      ...Array.from({ length: ROUNDS_A_MOMENT }, moments).flat(),
      ...Array.from({ length: RANDOM_ROUNDS }, (_, at): Moment => {
        return { name: at % 2 === 0 ? ANY_TIME : OPENING, reached: () => false }
      }),
    ]
    let kills = 0
    /** How long the last process took to its first append: opening, taking over, starting the engine. */
    let openMs = 1_000
    /** What the table must hold, told by the process that was started after a kill. */
    const check = (counts: Lived['counts']) => {
      if (counts === null) return
      const found = new Map(counts.map((count) => [`${count.round}/${count.batch}`, count]))
      for (const { round, batch, n, d } of counts) expect([round, batch, n, d]).toEqual([round, batch, ROWS, ROWS])
      for (const key of acknowledged) expect(found.has(key), `acknowledged append ${key}`).toBe(true)
      for (const key of found.keys()) expect(started.has(key), `append ${key}`).toBe(true)
    }
    for (const [round, moment] of plan.entries()) {
      const root = `${lake.path}/`
      const before = new Set((await filesBelow(lake.path)).map((file) => file.slice(root.length)))
      const sight = sightOf(lake.path)
      const isOpening = moment.name === OPENING
      const atMs = Math.random() * (isOpening ? openMs : 400)
      // A moment that does not come in two seconds is passed over: the kill lands there.
      const when = (elapsedMs: number) =>
        moment.name === ANY_TIME || isOpening ? elapsedMs >= atMs : elapsedMs > 2_000 || moment.reached(sight, before)
      const again = [...started].filter(([key]) => !acknowledged.has(key)).map(([, pair]) => pair)
      const ack = round % 3 === 0 ? 'committed' : 'durable'
      const job = { round, again, ack, rows: ROWS, set: SET }
      const lived = await live(lake, job, when, isOpening ? 'start' : 'append')
      if (!isOpening) openMs = lived.openMs
      check(lived.counts)
      for (const pair of lived.started) started.set(pair.join('/'), pair)
      for (const key of lived.acknowledged) acknowledged.add(key)
      if (lived.landed) kills++
      outcomes.set(moment.name, (outcomes.get(moment.name) ?? 0) + 1)
    }
    const rest = [...started].filter(([key]) => !acknowledged.has(key)).map(([, pair]) => pair)
    const last = await live(lake, { round: null, again: rest, ack: 'durable', rows: ROWS, set: SET }, () => false)
    check(last.counts)
    for (const key of last.acknowledged) acknowledged.add(key)
    expect([...started.keys()].filter((key) => !acknowledged.has(key))).toEqual([])
    const total = started.size * ROWS
    expect(await lake.row('select count(*), count(distinct (round, batch, row)) from s.t')).toEqual([total, total])
    expect(await lake.remains()).toEqual([])
    const table = (await lake.json(['table', 'show', 's.t'])) as { properties: Record<string, string> }
    expect(Object.keys(table.properties).filter((key) => key.startsWith('icebox.'))).toEqual([])
    tally = `${kills} kills, ${started.size} appends: ${[...outcomes].map(([name, count]) => `${name} ${count}`).join(', ')}`
    expect(kills).toBeGreaterThanOrEqual(100)
  }, 1_500_000)
})

describe('a full disk', () => {
  const create = async (lake: Lakehouse) => {
    for (const sql of ['create schema s', 'create table s.t (id bigint, text varchar)'])
      for await (const result of lake.run(sql)) expect(result.kind).toContain('create')
  }
  const rows = (first: number, count: number) =>
    Array.from({ length: count }, (_, at) => ({
      id: first + at,
      text: Array.from({ length: 20 }, () => Math.random().toString(36)).join(''),
    }))
  const idsOf = async (lake: Lakehouse) => (await lake.sql`select id from s.t order by id`).map(({ id }) => Number(id))

  it('under the spool refuses new rows, loses none that were acknowledged, and takes more when there is room', async (context) => {
    await using fault = await faultLake()
    await using disk = await smallDisk(context, fault.folder.in('disk'), 12 * MB)
    await mkdir(join(disk.path, 'state'))
    await rm(join(fault.path, '.icebox'), { recursive: true })
    await symlink(join(disk.path, 'state'), join(fault.path, '.icebox'))
    await using lake = await Lakehouse.open(fault.path)
    await create(lake)
    const writer = await lake.appender('s.t')
    const acknowledged: number[] = []
    let refusal: unknown
    for (let at = 0; at < 100_000 && refusal === undefined; at += 500) {
      const some = rows(at, 500)
      try {
        await writer.append(some)
        acknowledged.push(...some.map(({ id }) => id))
      } catch (error) {
        refusal = error
      }
    }
    expect(refusal).toMatchObject({ code: 'storage/full' })
    expect(acknowledged.length).toBeGreaterThan(5000)
    await writer.commit()
    expect(await idsOf(lake)).toEqual(acknowledged)
    await writer.append(rows(200_000, 500))
    await writer.close()
    expect(await idsOf(lake)).toEqual([...acknowledged, ...rows(200_000, 500).map(({ id }) => id)])
  })

  it('under the table keeps acknowledged rows in the spool, says why, and commits them when there is room', async (context) => {
    await using fault = await faultLake()
    await using disk = await smallDisk(context, fault.folder.in('disk'), 12 * MB)
    await mkdir(join(disk.path, 's'))
    await symlink(join(disk.path, 's'), join(fault.path, 'warehouse/s'))
    await using lake = await Lakehouse.open(fault.path, { set: ['performance.streaming.commit_size=1MB'] })
    await create(lake)
    const writer = await lake.appender('s.t')
    await disk.fill()
    await writer.append(rows(0, 500))
    await expect(writer.commit()).rejects.toMatchObject({
      code: 'stream/uncommitted',
      context: { code: 'storage/full' },
    })
    await expect(writer.append(rows(500, 500), { ack: 'committed' })).rejects.toMatchObject({
      code: 'stream/uncommitted',
    })
    // Four times the commit size may wait; then rows are refused, not gathered without end.
    let taken = 1000
    let refusal: unknown
    for (; taken < 100_000 && refusal === undefined; taken += 500) {
      refusal = await writer.append(rows(taken, 500)).then(
        () => undefined,
        (error: unknown) => error,
      )
    }
    expect(refusal).toMatchObject({ code: 'stream/uncommitted' })
    await disk.empty()
    await writer.close()
    expect(await idsOf(lake)).toEqual(Array.from({ length: taken - 500 }, (_, id) => id))
  })
})

describe('the wall clock', () => {
  it('may jump: streams are committed by a clock that only moves forward', async () => {
    await using kit = await openKit()
    await kit.import({ sources: [await kit.file('first.csv', 'id\n0\n')] })
    const timers: { atMs: number; call: () => void }[] = []
    let nowMs = 0
    const hub = new StreamHub({
      ...kit.services,
      services: async (operation) => ({ ...kit.services, operation }),
      spoolDirectory: join(kit.folder, 'state/spool'),
      commitBytes: MB,
      commitIntervalMs: 60_000,
      maxConcurrent: 4,
      sources: { whenOpen: async () => {} },
      buffers: new SlabPool({
        budget: { tryReserve: () => ({ release: () => undefined }) },
        poolSizeBytes: 0,
        maxBytes: 64 * MB,
        defragThreshold: 0.5,
      }),
      windowBytes: MB,
      mostRowBytes: MB,
      clock: {
        after: (ms, call) => {
          const timer = { atMs: nowMs + ms, call }
          timers.push(timer)
          return () => timers.splice(timers.indexOf(timer), 1)
        },
      },
    })
    const advance = (ms: number) => {
      nowMs += ms
      for (const timer of timers.filter(({ atMs }) => atMs <= nowMs)) {
        timers.splice(timers.indexOf(timer), 1)
        timer.call()
      }
    }
    const counted = async () => (await kit.read('SELECT count(*) AS n FROM $T'))[0]?.['n']
    const handle = await hub.open({ namespace: ['ns'], name: 't' })
    const real = Date.now
    const jumps = [-400, 400].map((days) => days * 86_400_000)
    try {
      let expected = 1n
      for (const jumpMs of jumps) {
        await handle.stream.append([{ id: 1 }], { ack: 'durable' })
        vi.spyOn(Date, 'now').mockImplementation(() => real() + jumpMs)
        advance(59_000)
        expect(await counted()).toBe(expected)
        advance(1_000)
        expected++
        await vi.waitFor(async () => expect(await counted()).toBe(expected), { timeout: 20_000 })
      }
    } finally {
      vi.restoreAllMocks()
      await hub.close()
    }
  })
})
