import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { csvWriter } from '../../src/cli/output/csv.ts'
import { jsonWriter, ndjsonWriter } from '../../src/cli/output/json.ts'
import { shortestFloat } from '../../src/cli/output/number-text.ts'
import type { ByteSink, ResultWriter } from '../../src/cli/output/writer.ts'
import type { EngineSession, SqlParameter, SqlValue } from '../../src/engine/index.ts'
import { TextSink } from '../unit/support/cli-batches.ts'
import { type Kit, openKit } from './ingest-kit.ts'

let kit: Kit
let session: EngineSession
beforeAll(async () => {
  kit = await openKit()
  session = await kit.engine.session()
})
afterAll(async () => {
  await session[Symbol.asyncDispose]()
  await kit[Symbol.asyncDispose]()
})

const pad = (value: number, length: number) => String(value).padStart(length, '0')
const day = fc.date({ min: new Date('1600-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
const micros = fc.integer({ min: 0, max: 999_999 }).map((value) => pad(value, 6))
const moment = fc.tuple(day, micros).map(([date, part]) => `${date.toISOString().slice(0, 19)}.${part}`)
/** In CSV an empty text is NULL again, which a note of the import says. */
const text = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 12 })
  .filter((value) => !/[\0\ud800-\udfff]/.test(value))

/** Column, type, and values as they are bound. */
const SCALARS: readonly (readonly [name: string, type: string, values: fc.Arbitrary<SqlParameter>])[] = [
  ['d', 'DOUBLE', fc.oneof(fc.double(), fc.double({ noInteger: false, min: -1e6, max: 1e6 }).map(Math.round))],
  [
    'f',
    'FLOAT',
    fc.oneof(
      fc.float(),
      fc.integer({ min: -999, max: 999 }).map((value) => Math.fround(value / 10)),
    ),
  ],
  ['b', 'BIGINT', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  ['i', 'INTEGER', fc.integer()],
  [
    'n',
    'DECIMAL(38,9)',
    fc
      .bigInt({ min: -(10n ** 30n), max: 10n ** 30n })
      .map((value) => `${value / 10n}.${(value < 0n ? -value : value) % 10n}`),
  ],
  ['t', 'VARCHAR', text],
  ['y', 'BOOLEAN', fc.boolean()],
  ['day', 'DATE', day.map((date) => date.toISOString().slice(0, 10))],
  ['ts', 'TIMESTAMP', moment],
  ['z', 'TIMESTAMPTZ', moment.map((value) => `${value}Z`)],
  ['clock', 'TIME', moment.map((value) => value.slice(11))],
  ['u', 'UUID', fc.uuid()],
]
const NESTED = ['{d: d, f: f, b: b, n: n} AS s', '[[d], [], NULL, [-d]] AS l', '[{f: f}, NULL] AS m']
const NESTED_TYPES = 's STRUCT(d DOUBLE, f FLOAT, b BIGINT, n DECIMAL(38,9)), l DOUBLE[][], m STRUCT(f FLOAT)[]'

const schemaOf = (columns: string) =>
  `at_row INTEGER, ${SCALARS.map(([name, type]) => `${name} ${type}`).join(', ')}${columns}`

describe.each<[string, (sink: ByteSink) => ResultWriter, boolean]>([
  ['csv', csvWriter, false],
  ['ndjson', ndjsonWriter, true],
  ['json', jsonWriter, true],
])('what is written as %s', (format, makeWriter, isNested) => {
  it('is the same when it is imported: every value, sign and digit', async () => {
    const schemaFile = await kit.file(`${format}.sql`, schemaOf(isNested ? `, ${NESTED_TYPES}` : ''))
    const row = fc.tuple(...SCALARS.map(([, , values]) => fc.option(values, { freq: 8 })))
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), async (rows) => {
        const parameters: SqlParameter[] = []
        const selects = rows.map((values, at) => {
          const columns = SCALARS.map(([name, type], column) => {
            parameters.push(values[column] ?? null)
            return `CAST($${parameters.length} AS ${type}) AS ${name}`
          })
          return `SELECT ${at}::INTEGER AS at_row, ${columns.join(', ')}`
        })
        const sql = `SELECT *${isNested ? `, ${NESTED.join(', ')}` : ''} FROM (${selects.join(' UNION ALL ')}) ORDER BY at_row`
        const sink = new TextSink()
        const expected: Record<string, SqlValue>[] = []
        await using stream = await session.stream(sql, { parameters })
        const writer = makeWriter(sink)
        await writer.begin(stream.columns)
        for await (const batch of stream) {
          expected.push(...batch.rows())
          await writer.batch(batch)
        }
        await writer.end()
        await stream[Symbol.asyncDispose]()
        const source = await kit.file(`rows.${format}`, sink.text)
        const table = { namespace: ['ns'], name: format }
        const mode = (await kit.catalog.tableExists(table)) ? 'replace' : 'create'
        await kit.import({ table, sources: [source], mode, ...(mode === 'create' && { schemaFile }) })
        expect(await kit.read('SELECT * FROM $T ORDER BY at_row', format)).toEqual(expected)
      }),
      { numRuns: 10, endOnFailure: true },
    )
  }, 240_000)
})

it('numbers in CSV become doubles again without a schema, whatever their size and sign', async () => {
  const values = ['-0.0', '1e20', '1e300', '1e-7', "'nan'", "'-inf'", '0.1', '3']
  await using stream = await session.stream(
    `SELECT unnest([${values.map((value) => `${value}::DOUBLE`).join(', ')}]) AS d`,
  )
  const sink = new TextSink()
  const writer = csvWriter(sink)
  await writer.begin(stream.columns)
  for await (const batch of stream) await writer.batch(batch)
  await writer.end()
  const table = { namespace: ['ns'], name: 'inferred' }
  await kit.import({ table, sources: [await kit.file('doubles.csv', sink.text)], preserveOrder: true })
  const read = await kit.read('SELECT d FROM $T', 'inferred')
  expect(read.map((row) => row['d'])).toEqual([-0, 1e20, 1e300, 1e-7, Number.NaN, Number.NEGATIVE_INFINITY, 0.1, 3])
})

it('floats are written as DuckDB writes them: the shortest text that is the same float', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 200 }),
      async (floats) => {
        const list = floats.map((_, at) => `$${at + 1}::FLOAT`).join(', ')
        const rows = await session.all(`SELECT unnest([${list}])::VARCHAR AS t`, { parameters: floats })
        expect(floats.map(shortestFloat)).toEqual(rows.map((row) => Number(row['t'])))
      },
    ),
    { numRuns: 20 },
  )
})
