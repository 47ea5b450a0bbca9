import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openQueryLake, type QueryLake } from './query-lake.ts'
import { type EngineBench, startEngine } from './support/engine.ts'
import { plainAndAsked } from './support/plain-and-asked.ts'

/** Above 1 MiB: arrays of fewer are left to DuckDB. */
const ROWS = 18_000

let lake: QueryLake
let roomy: EngineBench
const both = (sql: string) => plainAndAsked(lake, roomy, sql)
const rows = <T>(row: (at: number) => T, count = ROWS) => Array.from({ length: count }, (_, at) => row(at))
const plain = rows(
  (at): Record<string, unknown> => ({
    id: at,
    name: `name ${at}`,
    tags: ['a', `b${at % 7}`],
    o: { x: at % 10, y: null },
  }),
)
const strings = rows((at) => ({
  id: at,
  text: ['a ] b', '[{"', '\\', '"]}', 'é\n,', '\\"]'][at % 6],
  pad: 'x'.repeat(50),
}))
const numbers = rows((at) => [at, at + 0.5, at % 3], 90_000)
const lines = (values: readonly unknown[]) => values.map((value) => JSON.stringify(value)).join('\n')
const small = JSON.stringify(plain.slice(0, 50))

beforeAll(async () => {
  lake = await openQueryLake({ memoryLimitBytes: 300_000_000 })
  roomy = await startEngine({ limitMiB: 900 })
  const long = JSON.stringify(plain)
  const files: Record<string, string | Buffer> = {
    'array.json': long,
    'lines.json': `[\n${plain.map((row) => JSON.stringify(row)).join(',\n')}\n]\n`,
    'pretty.json': JSON.stringify(plain, null, 2),
    'strings.json': JSON.stringify(strings),
    'strings-pretty.json': JSON.stringify(strings, null, 1),
    'numbers.json': JSON.stringify(numbers),
    'texts.json': JSON.stringify(rows((at) => `text ${at} ]`, 90_000)),
    'blanks.json': `\r\n\t ${long} \n\n  `,
    'null-first.json': JSON.stringify([null, ...plain]),
    'nulls.json': JSON.stringify([...plain, null]),
    'number-late.json': JSON.stringify([...plain, 5]),
    'objects-late.json': JSON.stringify([...numbers, { a: 1 }]),
    'type-late.json': JSON.stringify([...plain, { id: 'text' }]),
    'field-late.json': JSON.stringify([...plain, { new: 1 }]),
    'field-absent.json': JSON.stringify(rows((at) => (at % 2 === 0 ? { id: at, pad: 'x'.repeat(120) } : { n: at }))),
    'truncated.json': long.slice(0, -1),
    'comma.json': `${long.slice(0, -1)},]`,
    'text-behind.json': `${long} xyz`,
    'array-lines.json': lines(plain.map((row) => [row])),
    'array-lines.ndjson': lines(plain.map((row) => [row, row])),
    'objects.json': lines(plain),
    'objects.ndjson': lines(plain),
    'objects-pretty.json': plain.map((row) => JSON.stringify(row, null, 2)).join('\n'),
    'two-arrays.json': `${small}\n${long}`,
    'bom.json': `\ufeff${long}`,
    'latin-1.json': Buffer.from(JSON.stringify(plain.map((row) => ({ ...row, t: 'é' }))), 'latin1'),
    'packed.json.gz': gzipSync(long),
    'packed-lines.json.gz': gzipSync(lines(plain)),
    'many/1.json': small,
    'many/2.json': long,
    'mixed/1.json': lines(plain.slice(0, 20)),
    'mixed/2.json': long,
    'kinds/1.json': JSON.stringify(numbers),
    'kinds/2.json': long,
    'small.json': small,
    'empty-array.json': '[]',
    'empty.json': '',
  }
  for (const folder of ['many', 'mixed', 'kinds']) await mkdir(join(lake.folder, folder))
  for (const [name, content] of Object.entries(files)) await writeFile(join(lake.folder, name), content)
}, 60_000)
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
  await roomy[Symbol.asyncDispose]()
})

describe('a JSON file read in SQL answers what it answers without a word of its format (Q15)', () => {
  it.each([
    'array.json',
    'lines.json',
    'pretty.json',
    'strings.json',
    'strings-pretty.json',
    'numbers.json',
    'texts.json',
    'blanks.json',
    'null-first.json',
    'nulls.json',
    'objects-late.json',
    'type-late.json',
    'field-late.json',
    'field-absent.json',
    'truncated.json',
    'comma.json',
    'array-lines.json',
    'array-lines.ndjson',
    'objects.json',
    'objects.ndjson',
    'objects-pretty.json',
    'two-arrays.json',
    'bom.json',
    'latin-1.json',
    'packed.json.gz',
    'packed-lines.json.gz',
    'many/*.json',
    'mixed/*.json',
    'kinds/*.json',
    'small.json',
    'empty-array.json',
    'empty.json',
  ])('%s', async (file) => {
    const described = await both(`DESCRIBE FROM '@/${file}'`)
    expect(described.asked).toEqual(described.plain)
    const content = await both(`SELECT count(*), bit_xor(hash(r)), min(hash(r)) FROM '@/${file}' AS r`)
    expect(content.asked).toEqual(content.plain)
  })

  it.each([
    ['a call', "SELECT count(*), bit_xor(hash(r)) FROM read_json('@/array.json') AS r"],
    ['its base name', "SELECT max(array.id) FROM '@/array.json'"],
    ['an alias with columns', "SELECT max(a.n) FROM '@/array.json' AS a(n, w)"],
    [
      'columns that are named',
      "SELECT sum(id), count(n) FROM read_json('@/array.json', columns = {id: 'BIGINT', n: 'INTEGER'})",
    ],
    ['records that are named', "SELECT count(*), count(json) FROM read_json('@/array.json', records = 'false')"],
    ['a format that is named', "SELECT count(*) FROM read_json('@/array.json', format = 'newline_delimited')"],
    ['errors that are ignored', "SELECT count(*) FROM read_json('@/type-late.json', ignore_errors = true)"],
    ['a list', "SELECT count(*), sum(id) FROM read_json_auto(['@/array.json', '@/pretty.json'])"],
    ['a parameter of another call', "SELECT count(*) FROM read_json('@/array.json', sample_size = 10)"],
    ['the file of each row', "SELECT DISTINCT filename FROM read_json('@/many/*.json', filename = true) ORDER BY 1"],
    ['objects', "SELECT count(*), bit_xor(hash(json)) FROM read_json_objects('@/array.json')"],
    ['objects of values', "SELECT count(*), bit_xor(hash(json)) FROM read_json_objects_auto('@/numbers.json')"],
    ['lines', "SELECT count(*) FROM read_ndjson('@/array.json')"],
    ['a summary', "SELECT column_name, max FROM (SUMMARIZE '@/array.json') ORDER BY 1"],
  ])('%s', async (_what, sql) => {
    const { plain: answer, asked } = await both(sql)
    expect(asked).toEqual(answer)
  })

  it('a number among objects is told, where DuckDB makes one column of all, and is read so where the call says it', async () => {
    const file = `${lake.folder}/number-late.json`
    await expect(lake.rows(`SELECT count(*) FROM '${file}'`)).rejects.toMatchObject({
      code: 'sql/type',
      message: expect.stringContaining("records='false'"),
    })
    const { plain: answer, asked } = await both(
      `SELECT count(*), max(json) FROM read_json('${file}', records = 'false')`,
    )
    expect(asked).toEqual(answer)
  })

  it('what is behind an array is an error', async () => {
    await expect(lake.rows(`SELECT count(*) FROM '${lake.folder}/text-behind.json'`)).rejects.toMatchObject({
      code: 'sql/type',
      message: expect.stringContaining('text-behind.json'),
    })
  })
})
