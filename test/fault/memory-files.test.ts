import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ICEBOX, iceboxJson } from '../e2e/support/cli.ts'
import { errorOf } from './support/lake.ts'
import { type Watched, watched, within } from './support/watched.ts'

const BUDGET = 256_000_000
const ROWS = 2_500_000

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-files-'))
  await iceboxJson(['init', join(folder, 'lake')])
  const header = 'id,name,price,day\n'
  await pipeline(rows(header, ROWS, plainRow), createWriteStream(join(folder, 'plain.csv')))
  await pipeline(
    rows(header, ROWS, plainRow),
    createGzip({ level: 1 }),
    createWriteStream(join(folder, 'packed.csv.gz')),
  )
  await pipeline(
    rows('id,name\n1,"never closed\n', ROWS, (row) => `${row},never closed ${row},\n`),
    createWriteStream(join(folder, 'open.csv')),
  )
  await pipeline(
    rows('id,name\n', 61, (row) => (row === 60 ? '\n2,b\n' : row === 0 ? '1,' : 'x'.repeat(1_000_000))),
    createWriteStream(join(folder, 'field.csv')),
  )
  await pipeline(
    rows('[', ROWS, (row) => `{"id":${row},"name":"name, of ${row}"}${row === ROWS - 1 ? ']' : ',\n'}`),
    createWriteStream(join(folder, 'array.json')),
  )
}, 120_000)
afterAll(() => rm(folder, { recursive: true }))

function plainRow(row: number): string {
  return `${row},"name, of ${row}",${row % 1000},2024-01-${String((row % 28) + 1).padStart(2, '0')}\n`
}

function rows(head: string, count: number, row: (at: number) => string): Readable {
  const make = function* () {
    yield head
    for (let from = 0; from < count; from += 1000)
      yield Array.from({ length: Math.min(1000, count - from) }, (_, at) => row(from + at)).join('')
  }
  return Readable.from(make())
}

const icebox = (query: string): Promise<Watched> =>
  watched(
    spawn(
      ICEBOX,
      ['-C', join(folder, 'lake'), 'sql', '--memory', '256MB', query.replaceAll('@/', `${folder}/`), '--json'],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    ),
  )

describe('files of 90 MB read in SQL under a budget of 256MB', () => {
  it.each([
    ['a file', "select count(*)::int as n, max(plain.name) as m from '@/plain.csv'"],
    ['a packed file', "select count(*)::int as n, max(name) as m from '@/packed.csv.gz'"],
    ['files by a pattern', "select count(*)::int as n, max(name) as m from '@/pl*.csv'"],
    ['a call', "select count(*)::int as n, max(name) as m from read_csv('@/plain.csv')"],
    ['an array of JSON', "select count(*)::int as n, max(name) as m from '@/array.json'"],
    [
      'a call of JSON',
      "select count(*)::int as n, max(name) as m from read_json_auto('@/array.json', sample_size = 100)",
    ],
    [
      'a file joined with itself',
      "select count(*)::int as n, max(b.name) as m from '@/plain.csv' a join '@/plain.csv' b using (id)",
    ],
  ])('%s is read', async (_what, query) => {
    const ran = await icebox(query)
    within(ran, BUDGET)
    expect(ran.code, ran.out).toBe(0)
    expect(JSON.parse(ran.out)).toMatchObject({ rows: [[ROWS, 'name, of 999999']] })
    console.log(`${_what}: peak ${(ran.peakBytes / 1e6).toFixed(0)} MB`)
  })

  it.each([
    ['a quote that is never closed', "select count(*) from '@/open.csv'"],
    ['a quote that is never closed, described,', "describe '@/open.csv'"],
    ['a field of 60 MB', "select count(*) from '@/field.csv'"],
  ])('%s fails by name', async (_what, query) => {
    const ran = await icebox(query)
    within(ran, BUDGET)
    expect(ran.code).not.toBe(0)
    expect(errorOf(ran).message).toMatch(/Maximum line size|Error when sniffing/)
    console.log(`${_what}: peak ${(ran.peakBytes / 1e6).toFixed(0)} MB`)
  })
})

describe('an Arrow file of one record batch under a budget of 256MB', () => {
  it('a table of 288 MB, written as pandas and pyarrow write one, is imported', async () => {
    const { RecordBatchStreamWriter, tableFromArrays } = await import('apache-arrow')
    const count = 12_000_000
    const numbers = (factor: number) => Float64Array.from({ length: count }, (_, row) => row * factor)
    const table = tableFromArrays({ a: numbers(1), b: numbers(0.5), c: numbers(3) })
    expect(table.batches).toHaveLength(1)
    const path = join(folder, 'one-batch.arrow')
    await pipeline(Readable.from(RecordBatchStreamWriter.writeAll(table)), createWriteStream(path))
    const ran = await watched(
      spawn(ICEBOX, ['-C', join(folder, 'lake'), 'import', 'ns.one', path, '--memory', '256MB', '--json'], {
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    )
    within(ran, BUDGET)
    expect(ran.code, ran.out).toBe(0)
    const sums = await icebox('select count(*)::int, sum(a), sum(b), sum(c) from ns.one')
    expect(JSON.parse(sums.out)).toMatchObject({ rows: [[count, 71_999_994e6, 35_999_997e6, 215_999_982e6]] })
    console.log(`one record batch: peak ${(ran.peakBytes / 1e6).toFixed(0)} MB`)
  })
})
