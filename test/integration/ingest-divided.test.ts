import { readdir } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { partitionKey } from '../../src/iceberg/index.ts'
import { executeImport, type ImportRequest, type IngestServices, planImport } from '../../src/ingest/index.ts'
import { failure, type Kit, openKit } from './ingest-kit.ts'

let kit: Kit
beforeAll(async () => {
  kit = await openKit()
})
afterAll(() => kit[Symbol.asyncDispose]())

let tables = 0
const fresh = () => ({ namespace: ['ns'], name: `d${++tables}` })

/** Enough for two partitions to be divided. */
const ROWS = 110_000
const lines = (line: (at: number) => string, lineEnd = '\n') =>
  Array.from({ length: ROWS }, (_, at) => line(at) + lineEnd).join('')

type Asked = Partial<ImportRequest> & Pick<ImportRequest, 'sources' | 'partitionBy'>

/** Imports twice, divided and as a whole, and expects the same rows in the same partitions. */
async function importBoth(asked: Asked): Promise<{ notes: readonly string[]; files: readonly string[] }> {
  const divided = fresh()
  const whole = fresh()
  const plan = await kit.plan({ ...asked, table: divided, tableName: divided.name })
  expect(plan.strategy.kind).toBe('divided')
  const done = await kit.import({ ...asked, table: divided })
  await kit.import({ ...asked, table: whole, preserveOrder: true })
  const tuples = async (name: string) => (await kit.dataFiles(name)).map((file) => partitionKey(file.partition))
  expect(new Set(await tuples(divided.name))).toEqual(new Set(await tuples(whole.name)))
  const sums = `SELECT count(*)::INTEGER AS n, sum(hash(f))::VARCHAR AS h FROM (SELECT f FROM $T AS f)`
  expect(await kit.read(sums, divided.name)).toEqual(await kit.read(sums, whole.name))
  for (const file of await kit.dataFiles(divided.name)) {
    // Each file holds what the whole import has in its partition; several files of one partition are compared together.
    const key = partitionKey(file.partition)
    const of = async (name: string) => {
      const files = (await kit.dataFiles(name)).filter((some) => partitionKey(some.partition) === key)
      return files.reduce((sum, { recordCount }) => sum + recordCount, 0n)
    }
    expect(await of(divided.name), key).toBe(await of(whole.name))
  }
  expect(await readdir(kit.services.settings.stagingDirectory)).toEqual([])
  return { notes: done.notes, files: await tuples(divided.name) }
}

/** Services whose division asks for its memory in another way. */
function withReserve(tryReserve: IngestServices['governor']['tryReserve']): IngestServices {
  const { governor } = kit.services
  return {
    ...kit.services,
    governor: { reserve: governor.reserve.bind(governor), advice: governor.advice, tryReserve },
  }
}

describe('imports of text that is divided by partition', () => {
  it('by month, nulls in a partition of their own, a file each', async () => {
    const date = (at: number) => (at % 2 === 0 ? '' : `2020-01-${10 + (at % 20)}`)
    const path = await kit.file('month.csv', `id,d,"te\nxt"\n${lines((at) => `${at},${date(at)},"a, ""${at}"" b"`)}`)
    const { files, notes } = await importBoth({ sources: [path], partitionBy: 'month(d)' })
    expect(files).toHaveLength(2)
    expect(notes.join()).not.toMatch(/as a whole/)
  })

  it('several files with headers, line ends of Windows, no end at the end, two partition columns', async () => {
    const head = 'kind,id,ts\r\n'
    const line = (at: number) => `"k",${at},2020-01-0${(at % 2) + 1}T10:00:00`
    const first = await kit.file('w1.csv', head + lines(line, '\r\n') + line(1))
    const second = await kit.file('w2.csv', head + lines(line, '\r\n'))
    const { files } = await importBoth({ sources: [first, second], partitionBy: 'kind, day(ts)' })
    expect(files).toHaveLength(2)
  })

  it('a guess of the text that the bounds do not prove is written by the true partitions', async () => {
    // The first seven bytes of years above 9999 do not say the month; of long texts, the first 64 do not say the value.
    const years = ['20200-1-05', '20200-11-05']
    const far = (at: number) => (at > 50_000 ? years[at % 1000] : undefined) ?? `2020-0${(at % 2) + 1}-05`
    const text = (at: number) => (at % 2 === 0 ? 'plain' : `${'x'.repeat(70)}${at > 50_000 ? at % 3 : 0}`)
    const path = await kit.file('far.csv', `id,d,t\n${lines((at) => `${at},${far(at)},${text(at)}`)}`)
    await importBoth({ sources: [path], partitionBy: 'month(d)' })
    await importBoth({ sources: [path], partitionBy: 't' })
  })

  it('text that cannot be divided is read as a whole, and the note says so', async () => {
    const path = await kit.file(
      'wide.csv',
      `id,d,t\n${lines((at) => `${at},2020-0${(at % 2) + 1}-05,${at === 99_999 ? 'w'.repeat(300_000) : 'n'}`)}`,
    )
    const { notes, files } = await importBoth({ sources: [path], partitionBy: 'month(d)' })
    expect(files).toHaveLength(2)
    expect(notes).toContainEqual(expect.stringMatching(/read as a whole, not divided by partition: its records cannot/))
  })

  it.each([
    ['a value of another type', 'source/row', '77777,2020-01-05,many', 'n'],
    ['a date that is none', 'source/row', '5,2020-13-05,5', 'd'],
    ['a NUL byte', 'source/encoding', '5,2020-01-05,5\0', undefined],
    ['a record that is too short', 'source/row', '5', undefined],
    ['a record that is too long', 'source/row', '5,2020-01-05,5,6', undefined],
  ])('%s is named with its line of the file', async (_, code, bad, column) => {
    const path = await kit.file(
      'bad.csv',
      `id,d,n\n${lines((at) => (at === 98_765 ? bad : `${at},2020-0${(at % 2) + 1}-05,${at % 7}`))}`,
    )
    const table = fresh()
    const asked = { sources: [path], partitionBy: 'month(d)', table, tableName: table.name }
    expect((await kit.plan(asked)).strategy.kind).toBe('divided')
    const error = await failure(kit.import(asked))
    expect(error.code).toBe(code)
    expect(error.context).toMatchObject({ file: path, line: 98_767, ...(column === undefined ? {} : { column }) })
    expect(await kit.catalog.tableExists(table)).toBe(false)
    expect(await readdir(kit.services.settings.stagingDirectory)).toEqual([])
  })

  it('keeps the sign of zeros and numbers that only their text says', async () => {
    const zeros = await kit.file(
      'zero.csv',
      `id,d,r\n${lines((at) => `${at},2020-0${(at % 2) + 1}-05,${at === 90_000 ? '-0.0' : '0.0'}`)}`,
    )
    await importBoth({ sources: [zeros], partitionBy: 'month(d)' })
    const negative = await kit.read('SELECT count(*)::INTEGER AS n FROM $T WHERE signbit(r)', `d${tables - 1}`)
    expect(negative).toEqual([{ n: 1 }])
    const large = await kit.file(
      'large.csv',
      `id,d,r\n${lines((at) => `${at},2020-0${(at % 2) + 1}-05,${at === 90_000 ? '9007199254740992' : '0.5'}`)}`,
    )
    const { notes } = await importBoth({ sources: [large], partitionBy: 'month(d)' })
    expect(notes).toContainEqual(expect.stringMatching(/read once more, as text/))
  })

  it('a cancel while it is divided leaves nothing', async () => {
    const path = await kit.file('cancel.csv', `id,d\n${lines((at) => `${at},2020-0${(at % 2) + 1}-05`)}`)
    const table = fresh()
    const stop = new AbortController()
    const services = withReserve((options) => {
      stop.abort()
      return kit.services.governor.tryReserve(options)
    })
    const asked = { sources: [path], partitionBy: 'month(d)', table, tableName: table.name, mode: 'create' as const }
    const plan = await planImport(asked, services)
    const error = await failure(executeImport(plan, { table, services, signal: stop.signal }))
    expect(error.code).toBe('cancelled')
    expect(await readdir(kit.services.settings.stagingDirectory)).toEqual([])
    expect(await kit.catalog.tableExists(table)).toBe(false)
  })

  it('without memory for it the text is read as a whole', async () => {
    const path = await kit.file('full.csv', `id,d\n${lines((at) => `${at},2020-0${(at % 2) + 1}-05`)}`)
    const table = fresh()
    const services = withReserve(() => undefined)
    const asked = { sources: [path], partitionBy: 'month(d)', table, tableName: table.name, mode: 'create' as const }
    const done = await executeImport(await planImport(asked, services), { table, services })
    expect(done.notes).toContainEqual(expect.stringMatching(/the memory for it is not free/))
    expect(done.rows).toBe(ROWS)
  })
})
