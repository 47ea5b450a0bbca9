import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ICEBOX } from '../e2e/support/cli.ts'
import { startEngine } from '../integration/support/engine.ts'
import { type FaultLake, faultLake } from './support/lake.ts'
import { type Watched, watched } from './support/watched.ts'

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
  const text = (at: number, length: number) => `${at} `.repeat(Math.ceil(length / 2)).slice(0, length)
  const numbers = (at: number, count: number) =>
    Array.from({ length: count }, (_, column) => (at + column) % 7).join(',')
  const names = (count: number) => Array.from({ length: count }, (_, at) => `c${at}`).join(',')
  await writeLines('long40k.csv', 3_000, 'id,text', (at) => `${at},${text(at, 40_000)}`)
  await writeLines('long1m.csv', 120, 'id,text', (at) => `${at},${text(at, 1_000_000)}`)
  await writeLines('long20m.csv', 3, 'id,text', (at) => `${at},${text(at, 20_000_000)}`)
  // Short rows as far as the sample sees.
  await writeLines('late40k.csv', 42_000, 'id,text', (at) => `${at},${text(at, at < 40_000 ? 20 : 40_000)}`)
  // Every fiftieth row after the first 1,200 is bad: 36 of 3,000.
  const isBad = (at: number) => at >= 1_200 && at % 50 === 0
  await writeLines('bad40k.csv', 3_000, 'id,text', (at) => `${isBad(at) ? 'x' : ''}${at},${text(at, 40_000)}`)
  await writeLines('tiny300.csv', 10_000, names(300), (at) => numbers(at, 300))
  await writeLines('tiny1000.csv', 5_000, names(1_000), (at) => numbers(at, 1_000))
  // 48,000 column chunks: the footer takes 40 MB when it is read.
  await writeParquet('footer.parquet', 409_600, 240)
  // Numbers below a column are looked at apart.
  await writeLines('nested200.ndjson', 3_000, '', (at) =>
    JSON.stringify({
      id: at,
      o: Object.fromEntries(Array.from({ length: 200 }, (_, key) => [`k${key}`, at + key + 0.5])),
    }),
  )
  await writeLines('keys200.ndjson', 10_000, '', (at) =>
    JSON.stringify(
      Object.fromEntries(Array.from({ length: 200 }, (_, key) => [`k${key}`, (at * 7 + key * 13) % 99_991])),
    ),
  )
  await writeLines('long40k.ndjson', 3_000, '', (at) => JSON.stringify({ id: at, text: text(at, 40_000) }))
  await writeLines('long1m.ndjson', 120, '', (at) => JSON.stringify({ id: at, text: text(at, 1_000_000) }))
  // Documents: arrays whose end is in the last line.
  const document = (count: number, object: (at: number) => unknown) => (at: number) =>
    `${JSON.stringify(object(at))}${at === count - 1 ? ']' : ','}`
  await writeLines(
    'long1m.json',
    120,
    '[',
    document(120, (at) => ({ id: at, text: text(at, 1_000_000) })),
  )
  const row = (at: number) => ({ id: at, part: at % 997, price: at / 100, note: text(at, 200), flag: at % 2 === 0 })
  await writeLines('small.json', 400_000, '[', document(400_000, row))
  const feature = (at: number) => ({ type: 'Feature', properties: { mag: at / 7, place: text(at, 500) }, id: `f${at}` })
  const features = { type: 'FeatureCollection', features: Array.from({ length: 1_700 }, (_, at) => feature(at)) }
  await writeLines('features.json', 1, '', () => JSON.stringify(features))
}, 120_000)
afterAll(() => lake[Symbol.asyncDispose]())

async function writeLines(name: string, count: number, header: string, line: (at: number) => string): Promise<void> {
  const text = function* () {
    if (header !== '') yield `${header}\n`
    for (let at = 0; at < count; at++) yield `${line(at)}\n`
  }
  await pipeline(Readable.from(text()), createWriteStream(lake.folder.in(name)))
}

/** Row groups as small as DuckDB makes them. */
async function writeParquet(name: string, rows: number, columns: number): Promise<void> {
  await using bench = await startEngine()
  await using session = await bench.engine.session()
  const values = Array.from({ length: columns }, (_, at) => `((i + ${at}) % 7)::TINYINT AS c${at}`)
  await session.run(
    `COPY (SELECT ${values.join(', ')} FROM range(${rows}) t(i)) TO '${lake.folder.in(name)}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`,
  )
}

/** Runs a command under the budget. */
const icebox = (args: readonly string[], budget = '256MB'): Promise<Watched> =>
  watched(spawn(ICEBOX, [...args, '--memory', budget, '--json'], { cwd: lake.path, stdio: ['ignore', 'pipe', 'pipe'] }))

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
  it('a sort larger than the engine can merge finishes, in passes', async () => {
    const text = ['i', 'id', 'i * 7 + id'].map((seed) => `md5((${seed})::varchar)`).join(' || ')
    const sql = `select id, ${text} || note as t from a.parts, range(16) r(i) order by t`
    const ran = await icebox(['sql', sql, '--output', '../sorted.parquet'], '220MB')
    expect(ran.code, `${ran.out}${ran.err}`).toBe(0)
    expect(ran.peakBytes).toBeLessThanOrEqual(220_000_000)
    expect(await lake.remains()).toEqual([])
    const wrong = await lake.row(
      "select count(*), count(*) filter (t < p) from (select t, lag(t) over () as p from '../sorted.parquet')",
    )
    expect(wrong).toEqual([(await lake.row('select 16 * count(*) from a.parts'))[0], 0])
  })

  it('CREATE TABLE AS a sort larger than the engine can merge keeps its order in the files', async () => {
    const text = ['i', 'id', 'i * 7 + id'].map((seed) => `md5((${seed})::varchar)`).join(' || ')
    const sql = `create table a.ordered as select id, ${text} || note as t from a.parts, range(16) r(i) order by t`
    const ran = await icebox(['sql', sql], '220MB')
    expect(ran.code, `${ran.out}${ran.err}`).toBe(0)
    expect(ran.peakBytes).toBeLessThanOrEqual(220_000_000)
    expect(await lake.remains()).toEqual([])
    const files = "read_parquet('warehouse/a/ordered/data/*.parquet', filename = true, file_row_number = true)"
    const wrong = await lake.row(
      `select count(*), count(*) filter (t < p) from (select t, lag(t) over (partition by filename order by file_row_number) as p from ${files})`,
    )
    expect(wrong).toEqual([(await lake.row('select 16 * count(*) from a.parts'))[0], 0])
    const overlaps = await lake.row(
      `select count(*) from (select min(t) as low, lag(max(t)) over (order by min(t)) as before from ${files} group by filename) where low < before`,
    )
    expect(overlaps).toEqual([0])
  })

  it.each(SHAPES)('%s stays inside, or is refused with the bytes', async (_name, ...args) => {
    const ran = await icebox(args)
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

/** What the last line of `--json` says of an import that ended either way. */
interface Said {
  readonly rows?: number
  readonly rejectedRows?: number
  readonly error?: { readonly code: string; readonly message: string }
}

type Outcome =
  | { readonly rows: number; readonly rejectedRows?: number }
  | { readonly code: RegExp; readonly message?: RegExp }

/** Long values and many columns: budget in MB, file, what must come of it. */
const WIDE: readonly (readonly [budget: number, file: string, outcome: Outcome, flags?: string])[] = [
  [256, 'long40k.csv', { rows: 3_000 }],
  [300, 'long40k.csv', { rows: 3_000 }],
  [225, 'long40k.csv', { rows: 3_000 }],
  [256, 'long40k.csv', { rows: 3_000 }, '--preserve-order'],
  [256, 'late40k.csv', { rows: 42_000 }],
  [256, 'long1m.csv', { rows: 120 }],
  [225, 'long1m.csv', { rows: 120 }],
  [256, 'long20m.csv', { code: /^memory\// }],
  [256, 'wide.csv', { rows: 60_000 }],
  [256, 'tiny300.csv', { rows: 10_000 }],
  [256, 'footer.parquet', { rows: 409_600 }],
  [256, 'tiny1000.csv', { code: /^memory\/refused$/, message: /1,000 columns/ }],
  [600, 'tiny1000.csv', { rows: 5_000 }],
  [256, 'bad40k.csv', { rows: 2_964, rejectedRows: 36 }, '--on-error reject'],
  // Line 1 is the header, row 1,200 the first that is bad.
  [256, 'bad40k.csv', { code: /^source\/row$/, message: /line 1202, column 'id': 'x1200'/ }],
  [256, 'keys200.ndjson', { rows: 10_000 }],
  [256, 'nested200.ndjson', { rows: 3_000 }],
  [400, 'keys200.ndjson', { rows: 10_000 }],
  [225, 'long40k.ndjson', { rows: 3_000 }],
  [256, 'long40k.ndjson', { rows: 3_000 }],
  [256, 'long1m.ndjson', { rows: 120 }],
  [256, 'long1m.json', { rows: 120 }],
  [256, 'small.json', { rows: 400_000 }],
  [256, 'features.json', { rows: 1 }],
]

describe('long values and many columns stay inside the budget', () => {
  it.each(WIDE.map((shape, at) => [shape[0], shape[1], shape[3] ?? '', at] as const))(
    'at %d MB: import of %s %s',
    async (budget, file, flags, at) => {
      const outcome = WIDE[at]?.[2] ?? { rows: -1 }
      const words = flags === '' ? [] : flags.split(' ')
      const ran = await icebox(['import', `w.t${at}`, `../${file}`, ...words], `${budget}MB`)
      console.log(`${file} at ${budget}MB: ${(ran.peakBytes / 1e6).toFixed(0)} MB`)
      expect(ran.signal, ran.err).toBe(null)
      expect(ran.peakBytes, `peak of ${file} at ${budget}MB: ${ran.peakBytes}`).toBeLessThanOrEqual(budget * 1e6)
      expect(await lake.remains()).toEqual([])
      const said = JSON.parse(ran.out.trim().split('\n').at(-1) ?? '') as Said
      if ('rows' in outcome) {
        expect(said.error, ran.out).toBeUndefined()
        expect(said.rows).toBe(outcome.rows)
        expect(said.rejectedRows).toBe(outcome.rejectedRows ?? 0)
        return
      }
      expect(said.error?.code).toMatch(outcome.code)
      expect(said.error?.message).toMatch(outcome.message ?? /\d+(\.\d+)? [kMG]B/)
    },
  )
})
