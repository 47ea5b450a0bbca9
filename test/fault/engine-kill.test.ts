import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isIceboxError } from '../../src/base/index.ts'
import { Lakehouse } from '../../src/lakehouse/index.ts'
import { type ProcessNeeds, SharedProcess } from '../../src/lakehouse/shared-process.ts'
import { type EngineBench, startEngine } from '../integration/support/engine.ts'
import { type FaultLake, faultLake, ordersCsv } from './support/lake.ts'

const ROWS = 200_000
const POINTS = 50

/** The engine's process: its spill folder has its number. */
function engineOf(spillDirectory: string): number {
  const pid = startedEngine(spillDirectory)
  // Not 0: a signal to that goes to the tests themselves.
  if (pid === 0) throw new Error(`no engine has a folder in ${spillDirectory}`)
  return pid
}

/** The same, or 0 while there is none. */
function startedEngine(spillDirectory: string): number {
  const folder = readdirSync(spillDirectory).find((name) => /^\d+-\w+-[0-9a-f]+$/.test(name))
  return Number(folder?.split('-')[0] ?? 0)
}

/** Processes that this one started and that are not waited for yet. */
function children(): number[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    // ESRCH: gone.
    return false
  }
}

async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((next) => setTimeout(next, 5))
}

const after = (ms: number): Promise<void> => new Promise((next) => setTimeout(next, ms))

describe('kill -9 of the engine', () => {
  let faulty: FaultLake
  let lake: Lakehouse
  let shared: SharedProcess
  let joined: ProcessNeeds
  let spill = ''
  beforeAll(async () => {
    faulty = await faultLake()
    await writeFile(faulty.folder.in('orders.csv'), ordersCsv(ROWS))
    lake = await Lakehouse.open(faulty.path, { engine: 'child', memory: '512MB' })
    spill = join(faulty.path, '.icebox/spill')
    await lake.import({ table: 'a.orders', source: faulty.folder.in('orders.csv'), partitionBy: 'month(d)' })
    joined = {
      budgetBytes: lake.budgetBytes,
      threads: undefined,
      spillDirectory: spill,
      maxSpillBytes: 0,
      monitoringIntervalMs: undefined,
      poolSizeBytes: 1_000_000,
      defragThreshold: 0.3,
      pressure: { pausesSources: true, backpressureThreshold: 0.8, gcThreshold: 0.8, alertThreshold: 0.9 },
    }
    shared = await SharedProcess.join(joined)
  })
  afterAll(async () => {
    const pid = engineOf(spill)
    await shared.leave(joined)
    await lake.close()
    expect(isAlive(pid)).toBe(false)
    expect(readdirSync(spill)).toEqual([])
    await faulty[Symbol.asyncDispose]()
  })

  /** Operations that hold a part of the budget. */
  const operations = (): string[] =>
    shared.governor
      .snapshot()
      .children.map((child) => child.name)
      .filter((name) => !['process', 'engine', 'pool', 'heaps', 'unattributed'].includes(name))

  /** Runs an operation and kills the engine so many milliseconds after its start; true where it ended well all the same. */
  async function killedAfter(ms: number, operation: () => Promise<unknown>): Promise<boolean> {
    // Started anew after the kill before.
    await lake.sql`select 1 as one`
    const pid = engineOf(spill)
    const done = operation().then(
      () => undefined,
      (error: unknown) => error,
    )
    await after(ms)
    process.kill(pid, 'SIGKILL')
    const error = await done
    await gone(pid)
    if (error !== undefined) {
      expect(error).toMatchObject({ code: 'engine/crashed', retryable: true, context: { pid, signal: 'SIGKILL' } })
    }
    return error === undefined
  }

  const count = async (table: string): Promise<number> => {
    let rows = 0
    for await (const batch of lake.query(`select count(*)::double as n, sum(id)::double as s from ${table}`)) {
      const [n, sum] = batch.toArrays()[0] ?? []
      rows = Number(n)
      expect(sum).toBe((rows / ROWS) * ((ROWS * (ROWS - 1)) / 2))
    }
    return rows
  }

  /** How long an operation takes undisturbed. */
  async function duration(operation: () => Promise<unknown>): Promise<number> {
    const start = performance.now()
    await operation()
    return performance.now() - start
  }

  it(`at ${POINTS} points of an import leaves the table as before or complete, and the next statement works`, async () => {
    const append = () =>
      lake.import({
        table: 'a.orders',
        source: faulty.folder.in('orders.csv'),
        mode: 'append',
        partitionBy: 'month(d)',
      })
    // The first one may have been slow: what ends before it is killed says how long the next ones take.
    let wholeMs = await duration(append)
    const timed = async () => {
      wholeMs = Math.min(wholeMs, await duration(append))
    }
    let rows = await count('a.orders')
    let complete = 0
    for (let point = 0; point < POINTS; point++) {
      const isDone = await killedAfter((wholeMs * (point + 0.5)) / POINTS, timed)
      if (isDone) complete++
      const now = await count('a.orders')
      expect(now, `point ${point}`).toBe(isDone ? rows + ROWS : rows)
      rows = now
      expect(operations(), `point ${point}`).toEqual([])
    }
    // Most points lie within the import; one after its last statement may let it end.
    expect(complete).toBeLessThan(POINTS / 2)
    expect(await faulty.remains()).toEqual([])
    expect(children()).toEqual([engineOf(spill)])
  })

  it(`at ${POINTS} points of a query ends it with a clear error, and the next statement works`, async () => {
    const query = async () => {
      let rows = 0
      for await (const batch of lake.query('select * from a.orders order by note, id')) rows += batch.rowCount
      return rows
    }
    const wholeMs = Math.min(4_000, await duration(query))
    const rows = await count('a.orders')
    for (let point = 0; point < POINTS; point++) {
      await killedAfter((wholeMs * (point + 0.5)) / POINTS, query)
      expect(operations(), `point ${point}`).toEqual([])
    }
    expect(await count('a.orders')).toBe(rows)
    expect(await faulty.remains()).toEqual([])
    await lake.sql`select 1 as one`
    expect(children()).toEqual([engineOf(spill)])
  })

  it('ends the running statement only: the catalog answers, and so does the next statement', async () => {
    const before = await lake.tableNames()
    await lake.sql`select 1 as one`
    const running = lake.query('select count(*) from range(100000000000)')[Symbol.asyncIterator]().next()
    await after(50)
    process.kill(engineOf(spill), 'SIGKILL')
    await expect(running).rejects.toMatchObject({ code: 'engine/crashed' })
    expect(await lake.tableNames()).toEqual(before)
    expect(await lake.sql`select 1 as one`).toEqual([{ one: 1 }])
  })
})

describe('the process of the engine', () => {
  let bench: EngineBench
  beforeAll(async () => {
    bench = await startEngine({ process: 'child', limitMiB: 128 })
  })
  afterAll(() => bench[Symbol.asyncDispose]())

  it('ends when the process that started it is killed', async () => {
    const script = `
      import { Lakehouse } from '${join(import.meta.dirname, '../../dist/lakehouse.js')}'
      const lake = await Lakehouse.open(process.argv[1], { engine: 'child' })
      const running = lake.sql\`select count(*) from range(1000000000000) t(i) where i % 7 = 3\`
      console.log('asks')
      await running`
    await using lake = await faultLake()
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script, lake.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const spill = join(lake.path, '.icebox/spill')
    let engine = 0
    try {
      await once(parent.stdout, 'data')
      while (engine === 0) {
        await after(20)
        if (existsSync(spill)) engine = startedEngine(spill)
      }
      expect(isAlive(engine)).toBe(true)
    } finally {
      parent.kill('SIGKILL')
    }
    await gone(engine)
    expect(await lake.remains()).toEqual([])
    expect(readdirSync(spill)).toEqual([])
  })

  it.each([
    ['while it computes', 'select count(*) as n from range(100000000000) t(i) where i % 7 = 3'],
    ['while its rows are read', 'select i from range(100000000) t(i)'],
  ])('killed %s ends the command with an error that says so, and exit code 1', async (_, query) => {
    await using lake = await faultLake()
    const spill = join(lake.path, '.icebox/spill')
    const command = spawn(join(import.meta.dirname, '../../bin/icebox'), ['sql', query, '--format', 'csv'], {
      cwd: lake.path,
      env: { ...process.env, ICEBOX_ENGINE: 'child' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const closed = once(command, 'close')
    let said = ''
    command.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    command.stdout.resume()
    let engine = 0
    while (engine === 0) {
      await after(20)
      if (existsSync(spill)) engine = startedEngine(spill)
    }
    await after(300)
    process.kill(engine, 'SIGKILL')
    expect((await closed)[0]).toBe(1)
    expect(said).toContain('engine/crashed')
    expect(said).toContain(`process ${engine} ended by SIGKILL`)
    expect(await lake.remains()).toEqual([])
  })

  it('has a limit of data; a statement that wants more memory than there is fails, and the process lives', async (context) => {
    const pid = engineOf(bench.spillDirectory)
    const limit = /^Max data size +(\w+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1]
    if (limit === 'unlimited') context.skip('there is no prlimit here')
    expect(Number(limit)).toBeLessThan(1e9)
    await using session = await bench.engine.session()
    const hostile = session.all(
      "SELECT max(length(s)) AS n FROM (SELECT list(repeat('x', 3000000)) AS l, string_agg(repeat('y', 2000000), '') AS s FROM range(400))",
    )
    await expect(hostile).rejects.toMatchObject({ code: 'memory/exhausted' })
    expect(engineOf(bench.spillDirectory)).toBe(pid)
    expect(await session.all('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('a lost session says so on every call, and closing it is quiet', async () => {
    const session = await bench.engine.session()
    const stream = await session.stream('SELECT i FROM range(1000000000) t(i)')
    const reader = stream[Symbol.asyncIterator]()
    await reader.next()
    process.kill(engineOf(bench.spillDirectory), 'SIGKILL')
    const read = async () => {
      for (;;) if ((await reader.next()).done === true) return
    }
    await expect(read()).rejects.toMatchObject({ code: 'engine/crashed' })
    expect(session.isLost).toBe(true)
    await expect(session.run('SELECT 1')).rejects.toMatchObject({ code: 'engine/crashed' })
    await session[Symbol.asyncDispose]()
    await using next = await bench.engine.session()
    expect(next.generation).toBe(session.generation + 1)
    expect(await next.all('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('a reader that is stopped stops the engine, which is in nobody’s way and goes on with it', async () => {
    await using lake = await faultLake()
    const reader = spawn('sh', ['-c', 'kill -STOP $$; exec wc -l'], { stdio: ['pipe', 'pipe', 'inherit'] })
    const query = "select i, repeat('x', 200) as t from range(2000000) r(i)"
    const writer = spawn(join(import.meta.dirname, '../../bin/icebox'), ['sql', query, '--format', 'csv'], {
      cwd: lake.path,
      env: { ...process.env, ICEBOX_ENGINE: 'child' },
      stdio: ['ignore', reader.stdin, 'inherit'],
    })
    // Listened for at once: it may end in the same turn in which the reader's answer arrives.
    const closed = once(writer, 'close')
    reader.stdin.destroy()
    // Rows are in the pipe, and no more come: what is written into it is waited for.
    let [before, now] = [-1, 0]
    while (now < 100_000 || before !== now) {
      await after(300)
      before = now
      now = Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${writer.pid}/io`, 'utf8'))?.[1] ?? 0)
    }
    expect(now).toBeLessThan(20e6)
    const out = once(reader.stdout, 'data')
    reader.kill('SIGCONT')
    expect(String((await out)[0]).trim()).toBe('2000001')
    await closed
    expect(await lake.remains()).toEqual([])
  })

  it('1,000 cancels at random moments leave nothing reserved, no file and no process', async () => {
    const random = mulberry(process.env['ICEBOX_TEST_SEED'] === 'random' ? Date.now() : 20261125)
    const pid = engineOf(bench.spillDirectory)
    const held = bench.governor.heldBytes
    const statements = [
      'SELECT count(*) FROM range(1000000000) t(i) WHERE i % 7 = 3',
      "SELECT i, 'text of a row ' || i FROM range(100000000) t(i)",
      'SELECT md5(i::VARCHAR) AS m FROM range(3000000) t(i) ORDER BY m',
    ]
    let cancelled = 0
    for (let round = 0; round < 500; round++) {
      const one = async () => {
        await using session = await bench.engine.session()
        const sql = statements[Math.floor(random() * statements.length)] ?? ''
        const stop = new AbortController()
        const timer = setTimeout(() => stop.abort(), random() * 30)
        try {
          for await (const batch of await session.stream(sql, { signal: stop.signal })) if (batch.rowCount === 0) return
        } catch (error) {
          if (!isIceboxError(error, 'cancelled')) throw error
          cancelled++
        } finally {
          clearTimeout(timer)
        }
        expect(await session.all('SELECT 1 AS one')).toEqual([{ one: 1 }])
      }
      await Promise.all([one(), one()])
    }
    expect(cancelled).toBeGreaterThan(900)
    expect(engineOf(bench.spillDirectory)).toBe(pid)
    expect(bench.governor.heldBytes).toBe(held)
    const folder = readdirSync(bench.spillDirectory)
    expect(folder).toHaveLength(1)
    expect(readdirSync(join(bench.spillDirectory, folder[0] ?? ''))).toEqual([])
    const { usedBytes } = await bench.engine.memory()
    expect(usedBytes).toBeLessThan(10e6)
  })
})

/** Random numbers from a seed (mulberry32): a failure can be had again. */
function mulberry(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
