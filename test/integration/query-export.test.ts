import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openQueryLake, type QueryLake } from './query-lake.ts'

let lake: QueryLake
let file = ''

beforeAll(async () => {
  lake = await openQueryLake()
  file = join(lake.folder, 'rows.parquet')
  await lake.run('create schema ns')
  await lake.run(`create table ns.t as select i, i % 3 as k,
    case i % 4 when 0 then '-0.0'::double when 1 then 0.0 else i end as d from range(3000) r(i)`)
})
afterAll(() => lake[Symbol.asyncDispose]())

async function exported(sql: string): Promise<void> {
  for await (const result of lake.sql.run(sql, { parquetFile: file })) for await (const _ of result.batches);
}

describe('a query into a Parquet file', () => {
  it.each([
    ['of a column', 'from ns.t'],
    ['in an order', 'from ns.t order by k, i'],
    ['in a list', 'select i, [d] as d from ns.t'],
    ['of two columns of one name', 'select d, i, i from ns.t'],
  ])('keeps the signs of zeros: %s', async (_, sql) => {
    await exported(sql)
    const first = sql.includes('[d]') ? 'd[1]' : 'd'
    const signs = `count(*) filter (${first} = 0 and signbit(${first})), count(*) filter (${first} = 0), count(*)`
    expect(await lake.rows(`select ${signs} from '${file}'`)).toEqual([[750n, 1500n, 3000n]])
  })

  it('keeps dictionaries where no zero is negative', async () => {
    await exported('select k::double as d from ns.t')
    const [row] = await lake.rows(`select distinct encodings from parquet_metadata('${file}')`)
    expect(row?.[0]).toContain('DICTIONARY')
  })

  it('and its order', async () => {
    await exported('from ns.t order by k desc, i')
    expect(await lake.rows(`select i from '${file}' limit 3`)).toEqual([[2n], [5n], [8n]])
  })

  it.each([
    ['a sum of BIGINT', '27021597764222979::hugeint', 'DECIMAL(38,0)', '27021597764222979'],
    ['UHUGEINT', '27021597764222979::uhugeint', 'DECIMAL(38,0)', '27021597764222979'],
    ['lists', '[27021597764222979::hugeint]', 'DECIMAL(38,0)[]', '[27021597764222979]'],
    [
      'structs',
      "{'hugeint': 27021597764222979::hugeint}",
      'STRUCT(hugeint DECIMAL(38,0))',
      "{'hugeint': 27021597764222979}",
    ],
    ['maps', 'map {1: 27021597764222979::hugeint}', 'MAP(INTEGER, DECIMAL(38,0))', '{1=27021597764222979}'],
    ['arrays', '[27021597764222979::hugeint]::hugeint[1]', 'DECIMAL(38,0)[]', '[27021597764222979]'],
    [
      'names and labels like types',
      `{'HUGEINT)': 'HUGEINT'::enum('HUGEINT')}`,
      'STRUCT("HUGEINT)" VARCHAR)',
      "{'HUGEINT)': HUGEINT}",
    ],
    ['a time with its zone', "'01:02:03.5+02'::timetz", 'VARCHAR', '01:02:03.5+02'],
    [
      'microseconds of intervals',
      "interval '1 month 2 days 00:00:01.123456'",
      'VARCHAR',
      '1 month 2 days 00:00:01.123456',
    ],
    ['negative intervals', "{'time': interval '-5 seconds'}", 'STRUCT("time" VARCHAR)', "{'time': '-00:00:05'}"],
    ['nanoseconds of times', "time_ns '01:02:03.123456789'", 'VARCHAR', '01:02:03.123456789'],
    ['nanoseconds', "timestamp_ns '2020-01-01 00:00:01.123456789'", 'TIMESTAMP_NS', '2020-01-01 00:00:01.123456789'],
    ['bits', "'101'::bit", 'VARCHAR', '101'],
  ])('keeps every digit: %s', async (_, value, type, text) => {
    await exported(`select ${value} as v, 1 as v from range(1)`)
    expect(await lake.rows(`select typeof(v), v::varchar from '${file}'`)).toEqual([[type, text]])
  })

  it('keeps the order of rows with sums', async () => {
    await exported('select i % 100000 as k, sum(i) as v from range(200000) r(i) group by k order by v desc')
    const inOrder = `select v >= lead(v) over (order by file_row_number) as o from read_parquet('${file}', file_row_number = true)`
    expect(await lake.rows(`select count(*), count(*) filter (not o) from (${inOrder})`)).toEqual([[100000n, 0n]])
  })

  it.each([
    ['a value of 39 digits', 'select 170141183460469231731687303715884105727::hugeint as v', 'DECIMAL(38,0)'],
    ['a row without names', 'select row(1::hugeint, 2) as v', "column 'v' has the type STRUCT(HUGEINT, INTEGER)"],
  ])('refuses what does not fit: %s', async (_, sql, message) => {
    await expect(exported(sql)).rejects.toMatchObject({ message: expect.stringContaining(message) })
  })

  it.each([
    [
      'describe ns.t',
      [
        ['i', 'BIGINT', 'YES', null, null, null],
        ['k', 'BIGINT', 'YES', null, null, null],
        ['d', 'DOUBLE', 'YES', null, null, null],
      ],
    ],
    [
      "describe select 1 as a, 'it''s' as b",
      [
        ['a', 'INTEGER', 'YES', null, null, null],
        ['b', 'VARCHAR', 'YES', null, null, null],
      ],
    ],
    ['show schemas', [['ns']]],
    ["show schemas like 'no such one'", []],
    ['show tables from ns', [['ns', 't']]],
    ['show TimeZone', [['UTC']]],
    ['select column_name from (summarize ns.t)', [['i'], ['k'], ['d']]],
  ])('writes what is told of tables: %s', async (sql, rows) => {
    await exported(sql)
    expect(await lake.rows(`from '${file}'`)).toEqual(rows)
  })

  it('writes what is told of tables in its order, whatever order the session prefers', async () => {
    await lake.run("set default_order = 'desc'")
    try {
      await exported('describe ns.t')
      expect(await lake.rows(`select column_name from '${file}'`)).toEqual([['i'], ['k'], ['d']])
    } finally {
      await lake.run('reset default_order')
    }
  })

  it('writes hundreds of columns of few texts, whose dictionaries share what one thread has for them', async () => {
    const texts = Array.from({ length: 700 }, (_, at) => `((range + ${at}) % 4)::VARCHAR AS c${at}`)
    await exported(`select ${texts.join(', ')} from range(5000)`)
    expect(await lake.rows(`select count(*), count(distinct c699) from '${file}'`)).toEqual([[5000n, 4n]])
  })

  it('writes SUMMARIZE and SHOW CREATE TABLE, and refuses what has no rows', async () => {
    await exported('summarize ns.t')
    expect(await lake.rows(`select column_name, "max" from '${file}' order by 1 limit 1`)).toEqual([['d', '2999.0']])
    await exported('show create table ns.t')
    expect(await lake.rows(`from '${file}'`)).toEqual(await lake.rows('show create table ns.t'))
    await expect(exported('insert into ns.t select 1, 2, 3')).rejects.toMatchObject({
      code: 'sql/unsupported',
      message: 'only rows are written to a Parquet file, and insert has none',
    })
  })
})
