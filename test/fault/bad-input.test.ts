import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { gzipSync } from 'node:zlib'
import { tableFromArrays, tableToIPC } from 'apache-arrow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorOf, type FaultLake, faultLake, ordersCsv } from './support/lake.ts'

/**
 * "What bad input gets" of the issue, through the command: for each a code, an exit code, and a message that names place,
 * value and remedy, in both forms; the table that is there stays as it is, and no file is left.
 */
interface BadInput {
  readonly name: string
  /** Of the file; undefined: it is not made here. */
  readonly content?: string | Uint8Array | (() => Promise<Uint8Array>)
  readonly file: string
  readonly code: string
  /** What the message and the remedy must say. */
  readonly says: readonly (string | RegExp)[]
  readonly options?: readonly string[]
}

const rows = (count: number, row: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => row(at)).join('\n')
/** Beyond the sample of 20,480 rows. */
const MANY = 25_000
const two = rows(MANY, (at) => `${at},name ${at}`)
const late = (good: string, bad: string) => `id,v\n${rows(MANY, (at) => `${at},${good}`)}\n${MANY},${bad}\n`
const lateJson = (good: string, bad: string) => `${rows(MANY, () => good)}\n${bad}\n`
const LATE = MANY + 2

let lake: FaultLake
const sql = (text: string) => lake.json(['sql', text])
/** A file that the engine writes, as bytes. */
const written = (select: string, options: string) => async () => {
  const path = lake.folder.in('made')
  await lake.json(['sql', select, '--output', path, '--format', options])
  return readFile(path)
}
const cut = (make: () => Promise<Uint8Array>, bytes: number) => async () => {
  const whole = await make()
  return whole.subarray(0, whole.length - bytes)
}
const parquet = written('select i as id, hash(i) as h from range(30000) r(i)', 'parquet')
const arrow = async () => tableToIPC(tableFromArrays({ id: Int32Array.from({ length: 5000 }, (_, at) => at) }), 'file')
const gzip = gzipSync(`id,name\n${two}\n`)

const BAD: readonly BadInput[] = [
  { name: 'a missing file', file: 'nowhere.csv', code: 'source/not-found', says: ['nowhere.csv', 'check the path'] },
  { name: 'a folder without data', file: 'void/', code: 'source/not-found', says: ['void', '.csv'] },
  { name: 'an empty file', file: 'empty.csv', content: '', code: 'source/empty', says: ['empty.csv'] },
  { name: 'only line ends', file: 'lines.csv', content: '\n\n\n', code: 'source/empty', says: ['lines.csv'] },
  {
    name: 'a header only',
    file: 'h.csv',
    content: 'id,name\n',
    code: 'source/empty',
    says: ['header', 'CREATE TABLE'],
  },
  {
    name: 'a long row',
    file: 'l.csv',
    content: `id,name\n${two}\n5,x,y\n`,
    code: 'source/row',
    says: [`line ${LATE}`, '3 fields instead of 2', '5,x,y', '--on-error reject'],
  },
  {
    name: 'a short row',
    file: 's.csv',
    content: `id,name\n${two}\n5\n6,b\n`,
    code: 'source/row',
    says: [`line ${LATE}`, '1 fields instead of 2'],
  },
  {
    name: 'a quote that is not closed',
    file: 'q.csv',
    content: `id,name\n${two}\n5,"abc\n${two}\n`,
    code: 'source/row',
    says: [`line ${LATE}`, 'quote'],
  },
  {
    name: 'a quote that is not closed in the first row',
    file: 'q1.csv',
    content: `id,name\n1,"abc\n${two}\n`,
    code: 'source/row',
    says: ['line 2', 'quote'],
  },
  {
    name: 'Latin-1',
    file: 'latin.csv',
    content: Buffer.from('id,name\n1,caf\xe9\n', 'latin1'),
    code: 'source/encoding',
    says: ['line 2', 'UTF-8', 'latin-1'],
  },
  {
    name: 'UTF-16',
    file: 'u16.csv',
    content: Buffer.from('\ufeffid,name\n1,a\n', 'utf16le'),
    code: 'source/encoding',
    says: ['UTF-16'],
  },
  {
    name: 'UTF-16 without its mark',
    file: 'u16n.csv',
    content: Buffer.from('id,name\n1,a\n', 'utf16le'),
    code: 'source/encoding',
    says: ['NUL', 'utf-16'],
  },
  {
    name: 'NUL bytes',
    file: 'nul.csv',
    content: `id,name\n${two}\n1,a\0b\n`,
    code: 'source/encoding',
    says: [`line ${LATE}`, 'NUL'],
  },
  {
    name: 'a CSV line of 100 MB',
    file: 'wide.csv',
    content: `id,name\n1,a\n2,${'x'.repeat(100_000_000)}\n`,
    code: 'source/line-too-long',
    says: ['line 3', '64 MB', 'ingest.max_line_size'],
  },
  {
    name: 'an NDJSON line of 100 MB',
    file: 'wide.ndjson',
    content: `{"a":"1"}\n{"a":"${'x'.repeat(100_000_000)}"}\n`,
    code: 'source/line-too-long',
    says: ['line 2', '64 MB'],
  },
  {
    name: 'duplicate column names',
    file: 'd.csv',
    content: 'a,a,b\n1,2,3\n',
    code: 'source/columns',
    says: ['column 2', "'a'", 'rename'],
  },
  {
    name: 'an empty column name',
    file: 'e.csv',
    content: 'a,,b\n1,2,3\n',
    code: 'source/columns',
    says: ['column 2', 'no name'],
  },
  {
    name: 'names that differ by case',
    file: 'c.csv',
    content: 'id,Name,NAME\n1,2,3\n',
    code: 'source/columns',
    says: ["'NAME'", "'Name'", 'case'],
  },
  {
    name: 'keys that differ by case far behind the sample',
    file: 'c.ndjson',
    content: lateJson('{"a":1}', '{"a":1,"A":2}'),
    code: 'schema/mismatch',
    says: ['A', 'sample_rows'],
  },
  {
    name: 'a key twice',
    file: 'k.ndjson',
    content: lateJson('{"a":1}', '{"a":1,"a":2}'),
    code: 'source/columns',
    says: [`line ${MANY + 1}`, "'a'"],
  },
  {
    name: 'a reserved column name',
    file: 'r.csv',
    content: 'id,file_row_number\n1,2\n',
    code: 'source/columns',
    says: ['file_row_number', 'rename'],
  },
  {
    name: 'a truncated gzip',
    file: 't.csv.gz',
    content: gzip.subarray(0, gzip.length / 2),
    code: 'source/truncated',
    says: ['gzip', 'again'],
  },
  {
    name: 'a gzip without its trailer',
    file: 't2.csv.gz',
    content: gzip.subarray(0, -4),
    code: 'source/truncated',
    says: ['gzip'],
  },
  {
    name: 'a file that is named .gz and is none',
    file: 'n.csv.gz',
    content: 'id\n1\n',
    code: 'source/format',
    says: ['.gz', 'gzip', 'rename'],
  },
  {
    name: 'a truncated zstd',
    file: 't.csv.zst',
    content: Buffer.from('28b52ffd0458', 'hex'),
    code: 'source/truncated',
    says: ['zstd'],
  },
  {
    name: 'a truncated Parquet',
    file: 't.parquet',
    content: cut(parquet, 100),
    code: 'source/truncated',
    says: ['t.parquet', 'Parquet'],
  },
  {
    name: 'a Parquet file of no format',
    file: 'x.parquet',
    content: ordersCsv(100),
    code: 'source/format',
    says: ['x.parquet', '--format'],
  },
  {
    name: 'a Parquet file whose names differ by case',
    file: 'case.parquet',
    content: () => readFile(new URL('fixtures/names-differ-by-case.parquet', import.meta.url)),
    code: 'source/columns',
    says: ["'ID'", "'id'"],
  },
  {
    name: 'a Parquet decimal of 50 digits',
    file: 'd.parquet',
    content: () => readFile(new URL('fixtures/decimal-50.parquet', import.meta.url)),
    code: 'schema/unsupported-type',
    says: ['decimal(50, 0)', '38'],
  },
  {
    name: 'a truncated Arrow',
    file: 't.arrow',
    content: cut(arrow, 300),
    code: 'source/truncated',
    says: ['t.arrow', 'Arrow'],
  },
  {
    name: 'a date that reads two ways',
    file: 'a.csv',
    content: 'id,d\n1,01/02/2023\n',
    code: 'source/ambiguous',
    says: ['01/02/2023', '%d/%m/%Y', '%m/%d/%Y'],
  },
  {
    name: 'a broken line of NDJSON',
    file: 'b.ndjson',
    content: lateJson('{"a":1}', '{"a":2\n{"a":3}'),
    code: 'source/row',
    says: [`line ${MANY + 1} `, 'not JSON', 'reject'],
  },
  {
    name: 'a broken array',
    file: 'b.json',
    content: '[{"a":1},{"a":2},{"a":]',
    code: 'source/row',
    says: ['object 3', 'not JSON'],
  },
  { name: 'JSON that holds no objects', file: 'o.json', content: '[1, 2]', code: 'source/format', says: ['objects'] },
  {
    name: 'text among numbers',
    file: 'm.csv',
    content: late('1', 'abc'),
    code: 'source/row',
    says: [`line ${LATE}`, "'v'", "'abc'", 'long', '--schema'],
  },
  {
    name: 'text among numbers of NDJSON',
    file: 'm.ndjson',
    content: lateJson('{"a":1}', '{"a":"x"}'),
    code: 'source/row',
    says: [`line ${MANY + 1}`, "'a'", "'x'"],
  },
  {
    name: 'text in a list of numbers',
    file: 'm2.ndjson',
    content: lateJson('{"a":[1]}', '{"a":["x"]}'),
    code: 'source/row',
    says: [`line ${MANY + 1}`, "'a'", "'x'", 'list'],
  },
  {
    name: 'a number past 64 bits',
    file: 'n.csv',
    content: late('1', '99999999999999999999'),
    code: 'source/row',
    says: [`line ${LATE}`, '99999999999999999999', '--schema'],
  },
  {
    name: 'a date out of range',
    file: 'dr.csv',
    content: late('2024-01-01', '2024-13-45'),
    code: 'source/row',
    says: [`line ${LATE}`, "'2024-13-45'", 'date'],
  },
  {
    name: 'a timestamp out of range',
    file: 'tr.csv',
    content: late('2024-01-01 00:00:00', '300000-01-01 00:00:00'),
    code: 'source/row',
    says: [`line ${LATE}`, "'300000-01-01 00:00:00'"],
  },
]

const BEFORE = ordersCsv(40)
const SUM = 'select count(*), sum(id)::bigint, count(distinct note) from a.t'
const STATE = [40, 780, 40]

beforeAll(async () => {
  lake = await faultLake()
  await mkdir(lake.folder.in('void'))
  await writeFile(lake.folder.in('void/readme.md'), 'no data')
  await writeFile(lake.folder.in('before.csv'), BEFORE)
  await lake.json(['import', 'a.t', '../before.csv'])
})
afterAll(() => lake[Symbol.asyncDispose]())

async function expectAsBefore(): Promise<void> {
  expect(await lake.remains()).toEqual([])
}

/** Neither form may show that something else than the input was at fault. */
const CRASH = /\n\s+at .*:\d+|internal\/|Unhandled|node:|is a bug of Icebox/

describe('bad input through the command', () => {
  it.each(BAD)('$name: $code', async ({ file, content, code, says, options = [] }) => {
    const path = lake.folder.in(file)
    if (content !== undefined) {
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, typeof content === 'function' ? await content() : content)
    }
    const args = ['import', 'bad.t', path, ...options]
    const json = await lake.run([...args, '--json'])
    expect([json.signal, json.code, json.err], json.out).toEqual([null, 1, ''])
    const error = errorOf(json)
    expect(error.code, error.message).toBe(code)
    for (const word of says) expect(`${error.message} → ${error.remedy}`).toMatch(word)
    expect(error.remedy).toMatch(/\w/)
    expect(json.out).not.toMatch(CRASH)
    const human = await lake.run([...args.slice(0, 1), 'a.t', path, '--append', ...options])
    expect([human.signal, human.code], human.err).toEqual([null, 1])
    expect(human.err).toMatch(/^[a-z]+\/[a-z-]+: /)
    expect(human.err).toContain('→')
    expect(human.err).not.toMatch(CRASH)
    await expectAsBefore()
  })

  it('all of it left the table as it was, and made none', async () => {
    expect(await lake.row(SUM)).toEqual(STATE)
    const tables = (await lake.json(['table', 'list'])) as { table: string }[]
    expect(tables.map(({ table }) => table)).toEqual(['a.t'])
  })
})

describe('input that looks bad and is not', () => {
  it('reserved words, quotes and any script are names, and stay as they are', async () => {
    const names = ['select', 'from', 'größe', '数', 'a b', 'q"x', '😀', 'filename']
    await writeFile(
      lake.folder.in('words.csv'),
      `${names.map((name) => `"${name.replace('"', '""')}"`).join(',')}\n1,2,3,4,5,6,7,8\n`,
    )
    await lake.json(['import', 'good.words', '../words.csv'])
    const { columns, rows: values } = (await sql('select * from good.words')) as {
      columns: { name: string }[]
      rows: unknown[][]
    }
    expect(columns.map((column) => column.name)).toEqual(names)
    expect(values).toEqual([[1, 2, 3, 4, 5, 6, 7, 8]])
  })

  it('numbers past 64 bits in the sample keep every digit', async () => {
    await writeFile(lake.folder.in('big.csv'), 'n\n12345678901234567890\n1\n')
    await lake.json(['import', 'good.big', '../big.csv'])
    expect(await lake.row('select n::varchar from good.big order by n desc')).toEqual(['12345678901234567890'])
  })

  it('JSON nested 5,000 levels deep is kept as text below a limit, and said so', async () => {
    await writeFile(lake.folder.in('deep.ndjson'), `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}\n`)
    const summary = (await lake.json(['import', 'good.deep', '../deep.ndjson'])) as { notes: string[] }
    expect(summary.notes.join()).toContain('kept as text')
  })

  it('a Parquet file without field ids goes into a table that has them, by name', async () => {
    await lake.json([
      'sql',
      'select 99 as id, 1 as k',
      '--output',
      lake.folder.in('ids.parquet'),
      '--format',
      'parquet',
    ])
    await sql('create table good.ids (k int, id int, gone int)')
    await sql('insert into good.ids values (1, 2, 3)')
    await sql('alter table good.ids drop column gone')
    await sql('alter table good.ids rename column k to kk')
    const refused = await lake.run(['import', 'good.ids', '../ids.parquet', '--append', '--json'])
    expect([refused.code, errorOf(refused).code]).toEqual([1, 'schema/mismatch'])
    expect(errorOf(refused).message).toContain('k')
    await sql('alter table good.ids rename column kk to k')
    await lake.json(['import', 'good.ids', '../ids.parquet', '--append'])
    expect(await lake.row('select k, id from good.ids where id = 99')).toEqual([1, 99])
    await expectAsBefore()
  })
})

describe('the budget', () => {
  it.each([
    ['1MB', 3, 'memory/budget-too-small'],
    ['-5', 2, 'config/invalid-value'],
    ['lots', 2, 'config/invalid-value'],
  ])('%s: exit %i, %s', async (memory, exit, code) => {
    for (const args of [
      ['import', 'bad.t', '../before.csv'],
      ['sql', 'select 1'],
    ]) {
      const ran = await lake.run([...args, '--memory', memory, '--json'])
      expect([ran.signal, ran.code, errorOf(ran).code, ran.err]).toEqual([null, exit, code, ''])
      expect(errorOf(ran).remedy).toMatch(/\d+ ?MB|auto/)
    }
    await expectAsBefore()
  })
})

describe('SQL', () => {
  it.each([
    ['select id,\n  from where', 'sql/syntax', /line 2/],
    ['select * from a.tt', 'sql/unknown-table', /a\.t\b/],
    ['select note2 from a.t', 'sql/unknown-column', /note/],
    ["select cast('x' as int)", 'sql/type', /x/],
    ['insert into a.t select 1', 'schema/mismatch', /id, k, amount, note, d/],
    ['insert into a.t (id, nope) select 1, 2', 'sql/unknown-column', /nope/],
    ["insert into a.t select 'abc', 1, 1, 'x', null", 'sql/type', /abc/],
    ['create table a.t (i int)', 'table/exists', /a\.t/],
    ['drop table a.none', 'sql/unknown-table', /none/],
    ['delete from a.t where id = 3', 'sql/unsupported', /INSERT OVERWRITE/],
    ['create table nowhere.t (i int)', 'namespace/not-found', /nowhere/],
    ['create table a.x (a int, A int)', 'sql/syntax', /'?A'?/],
    ['create table a.x as select 1 as a, 2 as A', 'source/columns', /A/],
    ['update a.t set id = 1', 'sql/unsupported', /UPDATE/],
    ['', 'usage/invalid', /statement/],
  ])('%j: %s', async (text, code, says) => {
    const ran = await lake.run(['sql', text, '--json'])
    expect([ran.signal, ran.err], ran.out).toEqual([null, ''])
    expect(ran.code).toBe(code === 'usage/invalid' ? 2 : 1)
    const error = errorOf(ran)
    expect(error.code, error.message).toBe(code)
    expect(`${error.message} → ${error.remedy}`).toMatch(says)
    expect(ran.out).not.toMatch(CRASH)
    expect(await lake.row(SUM)).toEqual(STATE)
    await expectAsBefore()
  })

  it('marks the place of a syntax error', async () => {
    const ran = await lake.run(['sql', 'select id from a.t where and id'])
    expect(ran.code).toBe(1)
    expect(ran.err).toMatch(/\^/)
  })
})
