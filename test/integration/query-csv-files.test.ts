import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openQueryLake, type QueryLake } from './query-lake.ts'
import { type EngineBench, startEngine } from './support/engine.ts'
import { plainAndAsked } from './support/plain-and-asked.ts'

// As at a budget of 256MB: buffers of less than 4 MB, where DuckDB takes 32.
const MEMORY_LIMIT = 90_000_000

let lake: QueryLake
/** Has room for DuckDB's own buffers. */
let roomy: EngineBench
const lines = (count: number, line: (row: number) => string) => Array.from({ length: count }, (_, row) => line(row))

beforeAll(async () => {
  lake = await openQueryLake({ memoryLimitBytes: MEMORY_LIMIT })
  roomy = await startEngine({ limitMiB: 900 })
  const files: Record<string, string | Buffer> = {
    'x.csv': 'id,v\n1,a\n2,b\n',
    'y.csv': 'id,w\n1,c\n3,d\n',
    'two.parts.csv': 'id\n1\n',
    'a b.csv': 'id\n1\n',
    "it's.csv": 'id\n1\n',
    'q"q.csv': 'id\n1\n',
    'UPPER.CSV': 'id\n1\n',
    'tabs.tsv': 'id\tv\n1\ta,b\n',
    'semicolons.csv': lines(3000, (row) => `${row};"text; ${row}";${row},5`).join('\n'),
    'pipes.csv': lines(100, (row) => `${row}|x|2024-01-0${(row % 9) + 1}`).join('\r\n'),
    'types.csv': `a,b,c,d,e\n${lines(500, (row) => `${row},${row}.25,2024-02-${String((row % 28) + 1).padStart(2, '0')},${row % 2 === 0},12:00:0${row % 10}`).join('\n')}\n`,
    'late-type.csv': `a\n${lines(60_000, (row) => (row === 59_999 ? 'text' : String(row))).join('\n')}\n`,
    'quotes.csv': `id,c\n${lines(200_000, (row) => `${row},"a ""quoted"" line\nof two, ${'words '.repeat(row % 7)}end"`).join('\n')}\n`,
    'long.csv': `id,c\n${lines(2, (row) => `${row},${'x'.repeat(1_990_000)}`).join('\n')}\n`,
    'long-between.csv': `id,c\n${lines(300_000, (row) => `${row},${row % 60_000 === 59_999 ? 'y'.repeat(1_990_000) : 'short'}`).join('\n')}\n`,
    'medium.csv': `id,c\n${lines(40, (row) => `${row},${'x'.repeat(5_000)}`).join('\n')}\n`,
    'empty.csv': '',
    'header.csv': 'id,v\n',
    'bare.csv': '1,2\n3,4\n',
    'nulls.csv': 'id,v\n1,\n,x\n"",""\n',
    'comments.csv': '# a comment\nid,v\n1,a\n',
    'bom.csv': '\ufeffid,v\n1,ä\n',
    'bad-width.csv': `id,v\n${lines(30_000, (row) => (row === 29_000 ? '1,2,3,4' : `${row},v`)).join('\n')}\n`,
    'bad-utf8.csv': Buffer.concat([Buffer.from('id,v\n1,'), Buffer.from([0xff, 0xfe, 0xfd]), Buffer.from('\n')]),
    'nul.csv': 'id,v\n1,a\0b\n2,c\n',
    'g.csv.gz': gzipSync(`id,v\n${lines(100_000, (row) => `${row},"v ${row}"`).join('\n')}\n`),
    'many/part-1.csv': 'id,v\n1,a\n',
    'many/part-2.csv': 'id,v\n2,b\n',
  }
  await mkdir(join(lake.folder, 'many'))
  for (const [name, content] of Object.entries(files)) await writeFile(join(lake.folder, name), content)
}, 60_000)
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
  await roomy[Symbol.asyncDispose]()
})

const both = (sql: string) => plainAndAsked(lake, roomy, sql)

describe('a CSV file read in SQL answers with small buffers what it answers without (Q15)', () => {
  it.each([
    'semicolons.csv',
    'pipes.csv',
    'types.csv',
    'late-type.csv',
    'quotes.csv',
    'long.csv',
    'long-between.csv',
    'empty.csv',
    'header.csv',
    'bare.csv',
    'nulls.csv',
    'comments.csv',
    'bom.csv',
    'bad-width.csv',
    'bad-utf8.csv',
    'nul.csv',
    'g.csv.gz',
    'tabs.tsv',
    'UPPER.CSV',
    'many/*.csv',
  ])('%s', async (file) => {
    const described = await both(`DESCRIBE FROM '@/${file}'`)
    expect(described.asked).toEqual(described.plain)
    const content = await both(`SELECT count(*), bit_xor(hash(r)), min(hash(r)) FROM '@/${file}' AS r`)
    expect(content.asked).toEqual(content.plain)
    const called = await both(`SELECT count(*), bit_xor(hash(r)) FROM read_csv('@/${file}') AS r`)
    expect(called.asked).toEqual(called.plain)
  })

  it.each([
    ['its base name', "SELECT x.id, x.v FROM '@/x.csv'"],
    ['a name up to the first dot', `SELECT two.id FROM '@/two.parts.csv'`],
    ['a name with a blank', `SELECT "a b".id FROM '@/a b.csv'`],
    ['a name with quotes', `SELECT "q""q".id FROM '@/q"q.csv'`],
    ['an apostrophe', `SELECT "it's".id FROM '@/it''s.csv'`],
    ['not the name of the function', "SELECT read_csv_auto.id FROM '@/x.csv'"],
    ['a pattern, as it is written', `SELECT "@/many/*.csv".id FROM '@/many/*.csv' ORDER BY 1`],
    ['an alias', "SELECT a.id FROM '@/x.csv' a WHERE a.id = 1"],
    ['an alias with columns', "SELECT a.n FROM '@/x.csv' AS a(n, w)"],
    ['a struct', "SELECT x FROM '@/x.csv'"],
    ['two files', "SELECT x.id, y.w FROM '@/x.csv', '@/y.csv' WHERE x.id = y.id"],
    ['a join', "SELECT * FROM '@/x.csv' LEFT JOIN '@/y.csv' USING (id) ORDER BY 1"],
    ['a join in brackets', "SELECT * FROM ('@/x.csv' JOIN '@/y.csv' USING (id))"],
    ['the same file twice', "SELECT * FROM '@/x.csv', '@/x.csv'"],
    [
      'the same file twice, with aliases',
      "SELECT a.id, b.v AS w FROM '@/x.csv' a JOIN '@/x.csv' b USING (id) ORDER BY 1",
    ],
    ['a subquery', "SELECT (SELECT max(x.id) FROM '@/x.csv') AS m, id FROM '@/y.csv' ORDER BY 2"],
    ['double quotes', `SELECT x.id FROM "@/x.csv"`],
    ['dollar quotes', 'SELECT x.id FROM $$@/x.csv$$'],
    ['a sample', "SELECT count(x.id) FROM '@/x.csv' TABLESAMPLE 100%"],
    ['a union', "SELECT id FROM '@/x.csv' UNION ALL SELECT id FROM '@/y.csv' ORDER BY 1"],
    ['TABLE', "TABLE '@/x.csv'"],
    ['TABLE in brackets', "FROM (TABLE '@/x.csv') t"],
    ['DESCRIBE', "DESCRIBE '@/x.csv'"],
    ['DESCRIBE TABLE', "DESCRIBE TABLE '@/x.csv'"],
    ['SUMMARIZE', "SUMMARIZE '@/x.csv'"],
    ['PIVOT', "FROM (PIVOT '@/x.csv' ON v IN ('a', 'b') USING count(*)) ORDER BY 1"],
    ['UNPIVOT', "UNPIVOT '@/x.csv' ON id"],
    ['a prefix alias', "SELECT al.id FROM al: '@/x.csv'"],
    ['a hidden column', "SELECT filename FROM '@/x.csv'"],
    ['a CTE of the same name', `WITH "@/x.csv" AS (SELECT 5 AS five) FROM '@/x.csv'`],
    ['a text that is no table', "SELECT '@/x.csv' AS t, x.id FROM '@/x.csv' WHERE v IS DISTINCT FROM '@/x.csv'"],
    ['trim', "SELECT trim(BOTH 'x' FROM 'x.csv') AS t"],
    ['a call', "SELECT read_csv.id FROM read_csv('@/x.csv')"],
    ['a call with names', "SELECT * FROM read_csv('@/x.csv', header => true, names = ['a', 'b'])"],
    ['a call of files', "SELECT count(*) FROM read_csv(['@/many/part-1.csv', '@/many/part-2.csv'])"],
    ['a call with a comment behind', "SELECT * FROM read_csv('@/x.csv' /* ) */) ORDER BY 1"],
    ['sniff_csv', "FROM sniff_csv('@/x.csv')"],
    ['a wrong option', "FROM read_csv('@/x.csv', nonsense = 1)"],
    ['no argument', 'FROM read_csv()'],
  ])('%s', async (_what, sql) => {
    const { plain, asked } = await both(sql)
    expect(asked).toEqual(plain)
  })

  it('a table of the catalog goes before a file of the same name', async () => {
    await lake.run(`CREATE SCHEMA f; CREATE TABLE f."x.csv" AS SELECT 7 AS seven; USE f`)
    expect(await lake.rows('FROM "x.csv"')).toEqual([[7]])
  })

  it('buffers that a person names are left as they are, and what is said of lines', async () => {
    const file = join(lake.folder, 'medium.csv')
    for (const option of ['buffer_size = 4096', 'max_line_size := 4096', '"maximum_line_size" => 4096'])
      await expect(lake.rows(`SELECT count(*) FROM read_csv('${file}', ${option})`)).rejects.toThrow(/4096/)
    const skipping = `SELECT count(*) FROM read_csv('${file}', ignore_errors = true, buffer_size = 16384)`
    expect(await lake.rows(skipping)).toEqual([[40n]])
  })

  describe('a last line that is too long and has no end is not lost, as DuckDB loses it where two buffers do not hold it', () => {
    const dialect = `auto_detect = false, header = true, delim = ',', columns = {'id': 'INT', 'c': 'VARCHAR'}`
    const folder = (): string => join(lake.folder, 'tails')
    beforeAll(async () => {
      await mkdir(folder())
      await writeFile(join(folder(), 'a.csv'), 'id,c\n1,a\n')
      await writeFile(join(folder(), 'tail.csv'), `id,c\n1,a\n2,${'x'.repeat(9_000_000)}`)
      await writeFile(join(lake.folder, 'longer.csv'), `id,c\n1,a\n2,${'x'.repeat(33_000_000)}`)
    })

    it.each([
      ['a name', (at: string) => `'${at}/tail.csv'`, false],
      ['a pattern', (at: string) => `'${at}/*.csv'`, false],
      ['a list', (at: string) => `['${at}/a.csv', '${at}/t*.csv']`, false],
      ['an expression', (at: string) => `concat('${at}', '/tail.csv')`, false],
      ['a parameter', () => '$1', true],
      ['a list with a parameter', (at: string) => `['${at}/a.csv', ?]`, true],
    ])('in a file that is named by %s', async (_what, argument, isBound) => {
      const sql = `SELECT count(*) FROM read_csv(${argument(folder())}, ${dialect})`
      const given = isBound ? [join(folder(), 'tail.csv')] : undefined
      await expect(lake.rows(sql, given)).rejects.toThrow(/CSV Error on Line: 3/)
    })

    it('in a pattern in the place of a table', async () => {
      await expect(lake.rows(`SELECT count(*) FROM '${folder()}/*.csv'`)).rejects.toThrow(/CSV Error on Line: 3/)
    })

    it.each([
      ['the buffers that DuckDB takes', ''],
      ['buffers that are named', ', buffer_size = 4_000_000'],
      ['a longest line that is named', ', max_line_size = 1000000'],
    ])('where it is longer than %s', async (_what, option) => {
      const file = join(lake.folder, 'longer.csv')
      await expect(lake.rows(`SELECT count(*) FROM read_csv('${file}', ${dialect}${option})`)).rejects.toMatchObject({
        code: 'source/line-too-long',
        context: { file },
      })
    })
  })

  it('buffers are small for files that a parameter, a list or an expression names', async () => {
    // One line is longer than DuckDB's own 2 MB, and is read with the buffers of ours.
    const file = join(lake.folder, 'three-megabytes.csv')
    await writeFile(file, `id,c\n1,${'x'.repeat(3_000_000)}\n`)
    const count = (argument: string, given?: readonly string[]): Promise<unknown> =>
      lake.rows(`SELECT max(length(c)) FROM read_csv(${argument})`, given)
    expect(await count('$1', [file])).toEqual([[3_000_000n]])
    expect(await lake.rows(`SELECT max(length(t.c)) FROM t: '${file}'`)).toEqual([[3_000_000n]])
    expect(await count(`['${file}']`)).toEqual([[3_000_000n]])
    expect(await count(`replace('${file}', '#', '')`)).toEqual([[3_000_000n]])
  })

  it.each([
    ['csv.gz', '(FORMAT csv, COMPRESSION gzip)'],
    ['csv.zst', '(FORMAT csv, COMPRESSION zstd)'],
    ['ndjson.gz', '(FORMAT json, COMPRESSION gzip)'],
    ['ndjson.zst', '(FORMAT json, COMPRESSION zstd)'],
  ])('a %s that was cut off is refused, of which DuckDB reads the rows that are there', async (name, how) => {
    const whole = join(lake.folder, `whole.${name}`)
    const cut = join(lake.folder, `cut.${name}`)
    await using session = await roomy.engine.session()
    await session.run(
      `COPY (SELECT i AS id, hash(i)::VARCHAR AS v, 'end' AS w FROM range(60000) t(i)) TO '${whole}' ${how}`,
    )
    const bytes = await readFile(whole)
    await writeFile(cut, bytes.subarray(0, Math.floor(bytes.byteLength * 0.9)))
    expect(await lake.rows(`SELECT count(*) FROM '${whole}'`)).toEqual([[60_000n]])
    const reader = name.startsWith('csv') ? 'read_csv' : 'read_ndjson'
    for (const sql of [
      `SELECT * FROM '${cut}' LIMIT 1`,
      `SELECT * FROM 'file://${cut}' LIMIT 1`,
      `SELECT * FROM ${reader}('file:${cut}') LIMIT 1`,
      `SELECT * FROM t: '${cut}' LIMIT 1`,
      `SELECT count(*) FROM ${reader}('${lake.folder}/cut.${name}*')`,
      `SELECT count(*) FROM "${reader}"('${cut}')`,
    ])
      await expect(lake.rows(sql)).rejects.toMatchObject({ code: 'source/truncated', context: { file: cut } })
    // It is whole again: what was found is of the file as it was.
    await writeFile(cut, bytes)
    expect(await lake.rows(`SELECT count(*) FROM '${cut}'`)).toEqual([[60_000n]])
    await writeFile(cut, bytes.subarray(0, bytes.byteLength - 9))
    await expect(lake.rows(`SELECT count(*) FROM '${cut}'`)).rejects.toMatchObject({ code: 'source/truncated' })
  })

  it('places of errors are those of the text that was written, before and behind a file (Q7)', async () => {
    const file = join(lake.folder, 'x.csv')
    const behind = `SELECT x.id FROM '${file}' WHERE nothing = 1`
    await expect(lake.rows(behind)).rejects.toMatchObject({
      code: 'sql/unknown-column',
      context: { line: 1, column: behind.indexOf('nothing') + 1 },
    })
    const called = `SELECT id FROM read_csv('${file}') WHERE id = 1 AND nothing = 1`
    await expect(lake.rows(called)).rejects.toMatchObject({ context: { column: called.indexOf('nothing') + 1 } })
    const missing = "SELECT 1 FROM 'not-there.csv'"
    await expect(lake.rows(missing)).rejects.toMatchObject({
      code: 'source/not-found',
      context: { file: 'not-there.csv', column: missing.indexOf('not-there') + 1 },
    })
  })

  it('rows are written from a file, with parameters beside it', async () => {
    const file = join(lake.folder, 'x.csv')
    await lake.run(`CREATE SCHEMA w; CREATE TABLE w.t AS SELECT * FROM '${file}'; INSERT INTO w.t FROM '${file}'`)
    expect(await lake.rows('SELECT count(*) FROM w.t')).toEqual([[4n]])
    expect(await lake.rows('SELECT v FROM read_csv($1) WHERE id = $2', [file, 2])).toEqual([['b']])
  })
})
