// npm run demo: the main job on real data, inside 256MB for the whole process. Fails when the budget was broken or an
// answer is wrong. Each answer is compared with the same question asked of the source file, past Icebox's tables.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { IceboxError, formatBytes, formatDuration, parseSize } from '../src/base/index.ts'
import { type ImportSummary, Lakehouse, type OperationSummary } from '../src/lakehouse/index.ts'

const BUDGET = '256MB'
const DATA = resolve(import.meta.dirname, '../node_modules/vega-datasets/data')
const FLIGHTS = join(DATA, 'flights-3m.parquet')
const AIRPORTS = join(DATA, 'airports.csv')

interface Question {
  readonly asks: string
  /** Asked of the tables, and for the check of the source files. */
  readonly sql: (flights: string, airports: string) => string
}

const QUESTIONS: readonly Question[] = [
  {
    asks: 'How punctual was each month?',
    sql: (
      flights,
    ) => `select date_trunc('month', date)::date as month, count(*) as flights, round(avg(delay), 2) as average_delay_min
      from ${flights} group by all order by month`,
  },
  {
    asks: 'Which routes are flown most?',
    sql: (flights) => `select origin, destination, count(*) as flights, max(distance) as miles
      from ${flights} group by all order by flights desc, origin, destination limit 5`,
  },
  {
    asks: 'From which states do flights leave late? (flights joined to airports)',
    sql: (flights, airports) => `select a.state, count(*) as flights, round(avg(f.delay), 2) as average_delay_min
      from ${flights} f join ${airports} a on f.origin = a.iata
      group by a.state having count(*) > 10000 order by average_delay_min desc, a.state limit 5`,
  },
  {
    asks: 'What happened at Chicago on one evening? (reads one month of seven)',
    sql: (flights) => `select destination, count(*) as late_flights, max(delay) as worst_delay_min
      from ${flights} where date >= '2001-03-15 18:00' and date < '2001-03-16' and origin = 'ORD' and delay > 30
      group by destination order by worst_delay_min desc, destination limit 5`,
  },
]

const say = (text = '') => console.log(text)

function check(holds: boolean, message: string): void {
  if (!holds) throw new IceboxError('internal/unreachable', { message: `the demo failed: ${message}` })
}

async function main(): Promise<void> {
  const started = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'icebox-demo-'))
  const lakeFolder = join(folder, 'lake')
  try {
    say(`Icebox demo: a lakehouse in ${lakeFolder}, ${BUDGET} for the whole process\n`)
    await Lakehouse.init(lakeFolder, { memory: BUDGET })
    const lake = await Lakehouse.open(lakeFolder)
    try {
      await importData(lake)
      for (const question of QUESTIONS) await ask(lake, question)
      await deleteAndTravel(lake)
      report(lake)
    } finally {
      await lake.close()
    }
    say(`\nEverything was checked against the source files. ${formatDuration(performance.now() - started)} in all.`)
    say('\nWhat to type next:')
    say('  npx icebox init mylake && cd mylake')
    say('  npx icebox import sales.orders ../orders.csv --partition-by "month(ordered_at)"')
    say('  npx icebox sql "select count(*) from sales.orders"      # or just: npx icebox sql, for the shell')
    say("  python: SqlCatalog('icebox', uri='sqlite:///catalog.sqlite').load_table('sales.orders')")
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function importData(lake: Lakehouse): Promise<void> {
  const imports = [
    { table: 'demo.flights', source: FLIGHTS, partitionBy: 'month(date)' },
    { table: 'demo.airports', source: AIRPORTS },
    { table: 'demo.movies', source: join(DATA, 'movies.json') },
    { table: 'demo.earthquakes', source: join(DATA, 'earthquakes.json') },
  ]
  for (const options of imports) {
    const summary: ImportSummary = await lake.import(options)
    const rate = summary.rows / (summary.elapsedMs / 1000)
    say(
      `imported ${summary.table}: ${summary.rows.toLocaleString('en')} rows into ${summary.files} files, ` +
        `${formatBytes(summary.bytesRead)} -> ${formatBytes(summary.bytesWritten)}, ${formatDuration(summary.elapsedMs)} ` +
        `(${Math.round(rate).toLocaleString('en')} rows/s), peak ${formatBytes(summary.peakRssBytes)}`,
    )
    for (const note of summary.notes.slice(0, 3)) say(`  note: ${note}`)
  }
}

interface Answer {
  readonly rows: Record<string, unknown>[]
  readonly summary: OperationSummary
}

async function answer(lake: Lakehouse, sql: string): Promise<Answer> {
  let rows: Record<string, unknown>[] = []
  let summary: OperationSummary | undefined
  for await (const statement of lake.run(sql)) {
    rows = []
    for await (const batch of statement.batches) rows.push(...batch.rows())
    summary = statement.summary()
  }
  if (summary === undefined) throw new IceboxError('internal/unreachable', { message: `no statement in ${sql}` })
  return { rows, summary }
}

async function ask(lake: Lakehouse, question: Question): Promise<void> {
  const { rows, summary } = await answer(lake, question.sql('demo.flights', 'demo.airports'))
  const expected = await answer(lake, question.sql(`'${FLIGHTS}'`, `'${AIRPORTS}'`))
  show(question.asks, rows, summary)
  check(rows.length > 0, `'${question.asks}' has no answer`)
  check(
    same(rows, expected.rows),
    `'${question.asks}' differs from the source: ${text(rows)} against ${text(expected.rows)}`,
  )
}

/** Drops January by its partition, then asks how many flights there are now and how many there were before. */
async function deleteAndTravel(lake: Lakehouse): Promise<void> {
  const before = await answer(
    lake,
    'select snapshot_id from demo."flights$snapshots" order by committed_at desc limit 1',
  )
  const snapshotId = String(before.rows[0]?.['snapshot_id'])
  const deleted = await answer(lake, "delete from demo.flights where date < '2001-02-01'")
  check(
    deleted.summary.bytesRead === 0,
    `the DELETE of a whole partition read ${deleted.summary.bytesRead} bytes of data`,
  )
  const { rows, summary } = await answer(
    lake,
    `select 'now' as moment, count(*) as flights, min(date) as first from demo.flights
     union all select 'before the DELETE', count(*), min(date) from demo.flights at (version => ${snapshotId}) order by moment`,
  )
  show('January was deleted (metadata only). What is there now, and what was before?', rows, summary)
  const source = await answer(
    lake,
    `select 'now' as moment, count(*) as flights, min(date) as first from '${FLIGHTS}' where date >= '2001-02-01'
     union all select 'before the DELETE', count(*), min(date) from '${FLIGHTS}' order by moment`,
  )
  check(same(rows, source.rows), `time travel differs from the source: ${text(rows)} against ${text(source.rows)}`)
}

function show(title: string, rows: readonly Record<string, unknown>[], summary: OperationSummary): void {
  say(`\n${title}`)
  const names = Object.keys(rows[0] ?? {})
  const cells = rows.map((row) => names.map((name) => String(row[name])))
  const widths = names.map((name, at) => Math.max(name.length, ...cells.map((row) => row[at]?.length ?? 0)))
  const line = (values: readonly string[]) => `  ${values.map((value, at) => value.padEnd(widths[at] ?? 0)).join('  ')}`
  say(line(names))
  for (const row of cells) say(line(row))
  say(`  ${formatDuration(summary.elapsedMs)}, peak ${formatBytes(summary.peakRssBytes)}`)
}

function report(lake: Lakehouse): void {
  const bill = lake.bill()
  say('\nThe memory bill of the whole run')
  say(`  budget        ${formatBytes(bill.budgetBytes)}`)
  say(`  peak          ${formatBytes(bill.peakRssBytes)} (VmHWM, as the kernel counts it)`)
  for (const consumer of bill.consumers) say(`  - ${consumer.name.padEnd(24)} ${formatBytes(consumer.peakBytes)}`)
  say(`  - ${'unattributed'.padEnd(24)} ${formatBytes(bill.unattributedBytes)}`)
  check(bill.budgetBytes === parseSize(BUDGET), `the budget is ${bill.budgetBytes}, not ${BUDGET}`)
  check(
    bill.peakRssBytes <= bill.budgetBytes,
    `the peak of ${formatBytes(bill.peakRssBytes)} broke the budget of ${BUDGET}`,
  )
}

const text = (value: unknown) =>
  JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? item.toString() : item))
const same = (a: unknown, b: unknown) => text(a) === text(b)

await main()
