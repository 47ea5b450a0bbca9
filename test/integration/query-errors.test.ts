import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { IceboxError } from '../../src/base/index.ts'
import type { SqlParameter } from '../../src/engine/index.ts'
import { openQueryLake, type QueryLake } from './query-lake.ts'

let lake: QueryLake
beforeAll(async () => {
  lake = await openQueryLake()
  await lake.run(
    "CREATE SCHEMA s; CREATE TABLE s.orders (id BIGINT, region VARCHAR, amount DOUBLE); INSERT INTO s.orders VALUES (1, 'eu', 2)",
  )
  await lake.run(
    `CREATE SCHEMA "my s"; CREATE TABLE "my s"."Order" ("the id" BIGINT, "select" BIGINT); INSERT INTO "my s"."Order" VALUES (1, 2); CREATE SCHEMA "a.b"; CREATE TABLE "a.b".t (id BIGINT)`,
  )
})
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
})

async function failure(sql: string): Promise<{ code: string; message: string; remedy: string }> {
  try {
    await lake.run(sql)
  } catch (error) {
    if (error instanceof IceboxError) return { code: error.code, message: error.message, remedy: error.remedy ?? '' }
    throw error
  }
  throw new TypeError(`did not fail: ${sql}`)
}

describe('errors of statements', () => {
  it.each([
    ['write.target-file-size-bytes', 'abc', 'of at least 1'],
    ['write.target-file-size-bytes', '0', 'of at least 1'],
    ['write.parquet.compression-level', '99', 'from -131072 to 22'],
    ['write.parquet.compression-level', 'high', 'from -131072 to 22'],
  ])(
    'a property that writing heeds, %s = %s, is not passed over where it is no such number',
    async (key, value, range) => {
      await lake.run(`CREATE OR REPLACE TABLE s.sizes (id BIGINT) TBLPROPERTIES ('${key}' = '${value}')`)
      const { code, message, remedy } = await failure('INSERT INTO s.sizes VALUES (1)')
      expect({ code, message }).toEqual({
        code: 'iceberg/invalid-metadata',
        message: `table property ${key} is '${value}', not a whole number ${range}`,
      })
      expect(remedy).toContain(key)
      await lake.run('DROP TABLE s.sizes')
    },
  )

  // The mark stands under the character whose place is given: both are counted by hand.
  it.each([
    ['at the end of the text', 'select 1 +', 'sql/syntax', 'line 1, column 11', '\nselect 1 +\n          ^'],
    [
      'on the line that it is on',
      'select id,\n  amout\nfrom s.orders',
      'sql/unknown-column',
      'line 2, column 3',
      '\n  amout\n  ^',
    ],
    [
      'in the second statement of a script',
      'select 1;\nselect * from',
      'sql/syntax',
      'line 2, column 14',
      '\nselect * from\n             ^',
    ],
    [
      'after an AT clause that was replaced',
      "select 1 from s.orders at (version => 'main') where regon = 1",
      'sql/unknown-column',
      'line 1, column 53',
      `\nselect 1 from s.orders at (version => 'main') where regon = 1\n${' '.repeat(52)}^`,
    ],
    [
      'at the end after a replaced AT clause',
      "select 1 from s.orders at (version => 'main') where",
      'sql/syntax',
      'line 1, column 52',
      `where\n${' '.repeat(51)}^`,
    ],
    [
      'at the version that is not there',
      'select * from s.orders at (version => 12)',
      'iceberg/unknown-snapshot',
      'line 1, column 39',
      `12)\n${' '.repeat(38)}^`,
    ],
  ])('are marked %s', async (_, sql, code, place, mark) => {
    const said = await failure(sql)
    expect(said.code).toBe(code)
    expect(said.message).toContain(`(${place})`)
    expect(said.message.endsWith(mark)).toBe(true)
  })

  it.each([
    ['select * from s.order', 'did you mean s.orders?'],
    ['select * from orders', 'did you mean s.orders?'],
    ['select * from t.orders', 'did you mean s.orders?'],
    ['select o.regin from s.orders o', 'did you mean region?'],
    ['select * from s.orders where region = "eu"', "did you mean 'eu'?"],
    ['select sum(id from (select 1', 'close'],
    ['select * from (select 1', "close the '(' of line 1, column 15"],
    ['select lenght(region) from s.orders', 'did you mean length?'],
    ['select region', 'add FROM'],
    // What DuckDB proposes has nothing in common with these.
    ['select zzz from s.orders', 'there are: id, region, amount'],
    ['select quxfoo(1)', 'see the functions of DuckDB'],
    ["select {'a': 1, 'b': 2}.zzz", 'list the columns with DESCRIBE'],
    ['selct 1', 'did you mean SELECT?'],
    ['create table s.u (id integr)', 'did you mean INTEGER'],
    ['select * from ordrs', 'did you mean s.orders?'],
    ['use "my"', 'did you mean "my s"?'],
    ['select * from "my s".ordr', 'did you mean "my s"."Order"?'],
    ['select * from ordr', 'did you mean "my s"."Order"?'],
    ['insert into "my s".ordr values (1)', 'did you mean "my s"."Order"?'],
    ['drop table "my".t', 'did you mean "my s"?'],
    ['select "the ids" from "my s"."Order"', 'did you mean "the id"?'],
    ['alter table "my s"."Order" drop column "the ids"', 'did you mean "the id"?'],
    ['insert into "my s"."Order" (nope) values (1)', 'its columns are "the id", "select"'],
    ['delete from "my s"."Order" where random() < 2', 'INSERT OVERWRITE "my s"."Order" SELECT * FROM "my s"."Order"'],
    ['select * from a.b.t', 'write "a.b".t'],
    ['select * from "a.b".tt', 'did you mean "a.b".t?'],
    ["select error('x') from s.orders", 'says so itself'],
    ["select strptime('x', '%d') from s.orders", 'what is given to the function'],
  ])('%s: the remedy names what was meant', async (sql, remedy) => {
    const said = await failure(sql)
    expect(`${said.message}\n${said.remedy}`).toContain(remedy === 'close' ? 'line 1, column 15' : remedy)
    expect(said.message).not.toMatch(/Candidate bindings|icebox \d|·/)
  })

  it('a cast that fails in an INSERT names the column that it is for', async () => {
    const said = await failure("insert into s.orders values ('x', 'eu', 1)")
    expect(said.code).toBe('sql/type')
    expect(said.message).toContain('column id')
    const far = await failure("insert into s.orders (amount, id) values (1, 2), (3, 'x')")
    expect(far.message).toContain("column id: Could not convert string 'x'")
    expect(far.message).toContain('line 1, column 54')
    const selected = await failure("insert into s.orders select 'x', 'eu', 1")
    expect(selected.message).toContain('column id')
  })

  it.each([
    ['values (1, 2), (3)', 'sql/syntax', 'line 1, column 17', 'as many values as the first'],
    ['select * from (values (1), (2, 3)) v', 'sql/syntax', 'line 1, column 29', 'as many values as the first'],
    ['select * from (values (1), (default)) v', 'sql/type', 'line 1, column 29', 'or NULL'],
    ['select default', 'sql/type', 'line 1, column 8', 'or NULL'],
    ['insert into s.orders by name values (1)', 'sql/syntax', 'line 1, column 30', 'INSERT INTO t (a, b)'],
    ['with w as (select 1) from w at (version => 1)', 'sql/unsupported', 'line 1, column 29', 'inside the WITH'],
    ['with w as (select 1) from w a at (version => 1)', 'sql/unsupported', 'line 1, column 31', 'inside the WITH'],
    ['from information_schema.tables at (version => 1)', 'sql/unsupported', 'line 1, column 32', 'leave AT'],
    ['from s.orders at (version => null)', 'sql/syntax', 'line 1, column 30', 'the id of a snapshot'],
    ['from s.orders o at (timestamp => null)', 'sql/syntax', 'line 1, column 34', 'give a moment'],
    ["from s.orders at (timestamp => 'soon')", 'sql/syntax', 'line 1, column 32', 'give a moment'],
    ["from s.orders, query('from s.orders')", 'sql/unsupported', 'line 1, column 16', 'without quotes'],
    ["from query_table(['s.orders'])", 'sql/unsupported', 'line 1, column 6', 'without quotes'],
    ["from s.orders, lateral main.query('select 1')", 'sql/unsupported', 'line 1, column 24', 'without quotes'],
    ['create table s.twins (a int, A int)', 'sql/syntax', 'line 1, column 30', 'a name of its own'],
  ])('%s: the place and what to do are told', async (sql, code, place, remedy) => {
    const said = await failure(sql)
    expect(said.code).toBe(code)
    expect(said.message).toContain(`(${place})`)
    expect(said.remedy).toContain(remedy)
  })

  it('a result of a type that has no values here is named', async () => {
    await expect(lake.rows(`select '{"a": 1}'::json::variant as v`)).rejects.toMatchObject({
      code: 'sql/unsupported',
      message: 'a result column of the type VARIANT cannot be read',
    })
  })

  it.each([
    [
      'select * from s.orders for version as of 12',
      'write AT (VERSION => 12)',
      'VERSION AS OF is not supported (line 1, column 24)',
    ],
    ["select * from s.orders VERSION AS OF 'b' where id = 1", "write AT (VERSION => 'b')", 'line 1, column 24'],
    ["from s.orders for timestamp as of '2024-01-01'", "write AT (TIMESTAMP => '2024-01-01')", 'line 1, column 15'],
    ['from s.orders for system_time as of now()', "write AT (TIMESTAMP => '2024-01-01')", 'line 1, column 15'],
  ])('time travel in other words: %s', async (sql, remedy, message) => {
    expect(await failure(sql)).toMatchObject({
      code: 'sql/unsupported',
      remedy,
      message: expect.stringContaining(message),
    })
  })

  it.each([
    ['[1, 2]::int[2] as a', "column 'a' has the type INTEGER[2]", 'become lists by a cast: CAST("a" AS INTEGER[])'],
    [
      "{'x': [[1]::int[1]]} as a",
      "column 'a' has the type STRUCT(x INTEGER[1][])",
      'CAST("a" AS STRUCT(x INTEGER[][]))',
    ],
    ['row(1, 2) as a', "column 'a' has the type STRUCT(INTEGER, INTEGER)", 'rows need names for their fields'],
    ["interval '1 day' as a", "column 'a' has the type INTERVAL", 'use one of'],
  ])('a column without a type in Iceberg is named: %s', async (column, message, remedy) => {
    expect(await failure(`create table s.typed as select 1 as b, ${column}`)).toEqual({
      code: 'schema/unsupported-type',
      message: `${message}, which has no partner in Iceberg`,
      remedy: expect.stringContaining(remedy),
    })
  })

  it.each([
    ["select 1 from Iceberg_Snapshots('s.orders')", 'iceberg_snapshots', 'iceberg', 'schema.table.snapshots'],
    ["create table s.x as from iceberg_metadata('x')", 'iceberg_metadata', 'iceberg', 'schema.table.files'],
    ["from iceberg_to_ducklake('a', 'b')", 'iceberg_to_ducklake', 'iceberg', 'iceberg_scan'],
    ['select st_point(1, 2)', 'st_point', 'spatial', 'built in'],
  ])('a function of an extension is refused without advice to install it: %s', async (sql, name, extension, remedy) => {
    const failed = await failure(sql)
    expect(failed).toMatchObject({ code: 'sql/unsupported', remedy: expect.stringContaining(remedy) })
    const at = sql.toLowerCase().indexOf(name) + 1
    expect(failed.message.toLowerCase()).toMatch(
      new RegExp(`^${name} is a function of duckdb's extension ${extension}, .*\\(line 1, column ${at}\\)`),
    )
  })

  it('leaves values alone that look like names of views', async () => {
    expect((await failure("select 'joe@123.com'::int")).message).toContain("'joe@123.com'")
  })
})

it('parameters by name are refused before the first statement of a script is done', async () => {
  const named = { a: 1 } as unknown as readonly SqlParameter[]
  await expect(lake.run('CREATE SCHEMA never; SELECT $1', named)).rejects.toMatchObject({
    code: 'usage/invalid',
    message: expect.stringContaining('the parameters are an object'),
  })
  expect(await lake.rows("SHOW SCHEMAS LIKE 'never'")).toEqual([])
})
