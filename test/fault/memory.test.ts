import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ICEBOX } from '../e2e/support/cli.ts'
import { type FaultLake, faultLake, procStatus } from './support/lake.ts'

const BUDGET = 256_000_000

let lake: FaultLake
beforeAll(async () => {
  lake = await faultLake()
  await writeLines('wide.csv', 60_000, Array.from({ length: 200 }, (_, at) => `c${at}`).join(','), (at) =>
    Array.from({ length: 200 }, (_, column) => (at * 7 + column * 13) % 99_991).join(','),
  )
  await writeLines('long.csv', 25_000, 'id,text', (at) => `${at},${`${at} `.repeat(1000).slice(0, 4000)}`)
  await writeLines('parts.csv', 400_000, 'id,k,k84,d,note', (at) => {
    const month = String(1 + (at % 12)).padStart(2, '0')
    return `${at},${at % 1000},${at % 84},20${10 + (at % 7)}-${month}-01,some note of row ${at} for width`
  })
  await lake.json(['import', 'a.parts', '../parts.csv'])
})
afterAll(() => lake[Symbol.asyncDispose]())

async function writeLines(name: string, count: number, header: string, line: (at: number) => string): Promise<void> {
  const text = function* () {
    yield `${header}\n`
    for (let at = 0; at < count; at++) yield `${line(at)}\n`
  }
  await pipeline(Readable.from(text()), createWriteStream(lake.folder.in(name)))
}

interface Watched {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
  /** VmHWM as it was last seen from outside. */
  readonly peakBytes: number
}

/** Runs a command under the budget and looks at its high-water mark until it ends. */
async function watched(args: readonly string[]): Promise<Watched> {
  const child = spawn(ICEBOX, [...args, '--memory', '256MB', '--json'], {
    cwd: lake.path,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  const closed = once(child, 'close')
  let peakBytes = 0
  while (child.exitCode === null && child.signalCode === null) {
    peakBytes = Math.max(peakBytes, (await procStatus(child.pid ?? 0, 'VmHWM')) ?? 0)
    await new Promise((next) => setTimeout(next, 2))
  }
  await closed
  return {
    code: child.exitCode,
    signal: child.signalCode,
    out: Buffer.concat(out).toString('utf8'),
    err: Buffer.concat(err).toString('utf8'),
    peakBytes,
  }
}

const SHAPES: readonly (readonly [string, ...string[]])[] = [
  ['import of 200 columns', 'import', 'm.wide', '../wide.csv'],
  ['import of long texts', 'import', 'm.long', '../long.csv'],
  ['import into 84 partitions', 'import', 'm.p84', '../parts.csv', '--partition-by', 'month(d)'],
  ['import into 1,000 partitions', 'import', 'm.p1000', '../parts.csv', '--partition-by', 'k'],
  ['sorted import', 'import', 'm.sorted', '../parts.csv', '--sort-by', 'note desc'],
  ['--replace', 'import', 'a.parts', '../parts.csv', '--replace'],
  ['big sort', 'sql', 'select max(n) from (select note || i as n from a.parts, range(12) r(i) order by n offset 5)'],
  [
    'big group by',
    'sql',
    'select count(*) from (select note || i as n, count(*) from a.parts, range(12) r(i) group by n)',
  ],
  [
    'big join',
    'sql',
    'select count(*) from (select id + i * 400000 as x from a.parts, range(10) r(i)) a join (select id + i * 400000 as x from a.parts, range(10) s(i)) b using (x)',
  ],
  [
    'window',
    'sql',
    'select max(r) from (select row_number() over (partition by k order by note) as r from a.parts, range(5))',
  ],
  ['distinct', 'sql', 'select count(*) from (select distinct * from a.parts, range(6) r(i))'],
  ['list of everything', 'sql', 'select len(list(note)) from a.parts, range(20)'],
  ['CREATE TABLE AS with a sort', 'sql', 'create table m.cs as select * from a.parts, range(4) r(i) order by note'],
]

describe('under a budget of 256MB', () => {
  it.each(SHAPES)('%s stays inside, or is refused with the bytes', async (_name, ...args) => {
    const ran = await watched(args)
    expect(ran.signal, ran.err).toBe(null)
    expect(ran.peakBytes, `peak of ${args.join(' ')}: ${ran.peakBytes}`).toBeLessThanOrEqual(BUDGET)
    expect(await lake.remains()).toEqual([])
    const last = JSON.parse(ran.out.trim().split('\n').at(-1) ?? '') as {
      error?: { code: string; message: string }
      summary?: { peakRssBytes: number }
      peakRssBytes?: number
    }
    if (ran.code === 0) {
      const said = last.summary?.peakRssBytes ?? last.peakRssBytes ?? 0
      expect(Math.abs(said - ran.peakBytes) / ran.peakBytes, `${said} said, ${ran.peakBytes} seen`).toBeLessThan(0.03)
      console.log(`${_name}: ${(ran.peakBytes / 1e6).toFixed(0)} MB`)
      return
    }
    expect(ran.code, ran.out).toBe(3)
    expect(last.error?.code).toMatch(/^memory\//)
    expect(last.error?.message).toMatch(/\d+(\.\d+)? [kMG]B/)
    console.log(`${_name}: ${(ran.peakBytes / 1e6).toFixed(0)} MB, ${last.error?.code}`)
  })
})
