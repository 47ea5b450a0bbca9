import { describe, expect, it } from 'vitest'
import { parseStatement } from '../../src/query/parse/parse.ts'
import type { Statement } from '../../src/query/parse/ast.ts'
import { findReferences } from '../../src/query/resolve/references.ts'
import { originalOffset, replaceSpans } from '../../src/query/resolve/replace.ts'
import { bareLimit } from '../../src/query/run/scan-plan.ts'
import { splitStatements, type StatementText } from '../../src/query/text/statements.ts'

const one = (sql: string): StatementText => {
  const [statement] = splitStatements(sql)
  if (statement === undefined) throw new TypeError('no statement')
  return statement
}
const parse = (sql: string): Statement => parseStatement(one(sql))

describe('queries', () => {
  it.each([
    'select 1',
    'with a as (select 1) select * from a',
    'from t',
    'values (1), (2)',
    '(select 1) union all (select 2)',
    'pivot t on a using sum(b)',
    'unpivot t on a into name n value v',
    'summarize t',
    'table t',
    'describe select 1',
  ])('are left as they are: %s', (sql) => {
    expect(parse(sql)).toMatchObject({ kind: 'query', query: { sql } })
  })

  it('of EXPLAIN are the text after it', () => {
    expect(parse('explain analyze select 1')).toMatchObject({
      kind: 'explain',
      isAnalyze: true,
      query: { sql: 'select 1' },
    })
    expect(parse('explain (format json) from t')).toMatchObject({ isAnalyze: false, prefix: 'explain (format json) ' })
    expect(() => parse('explain insert into t.t values (1)')).toThrow('EXPLAIN of insert is not supported')
  })
})

describe('INSERT', () => {
  it.each([
    ['insert into s.t values (1)', { mode: 'append', columns: undefined, byName: false, query: { sql: 'values (1)' } }],
    ['insert into s.t (a, "B c") select 1, 2', { columns: ['a', 'B c'], query: { sql: 'select 1, 2' } }],
    ['insert into s.t by name from x', { byName: true, query: { sql: 'from x' } }],
    ['insert into s.t (select 1)', { columns: undefined, query: { sql: '(select 1)' } }],
    ['insert overwrite s.t select 1', { mode: 'overwrite' }],
    ['insert overwrite table s.t select 1', { mode: 'overwrite' }],
    [
      'with a as (select 1) insert into s.t select * from a',
      { query: { sql: 'with a as (select 1) select * from a' } },
    ],
  ])('%s', (sql, expected) => {
    expect(parse(sql)).toMatchObject({ kind: 'insert', table: { parts: ['s', 't'] }, ...expected })
  })

  it.each([
    ['values (1, 2), (3, 4)', { start: 0, width: 2 }],
    ["values ((1), [2, 3], {'a': 4, 'b': (5, 6)}, f(7, 8)) limit (1)", { start: 0, width: 4 }],
    ['values (1, 2,), (3, /* , */ 4), ', { start: 0, width: 2 }],
    ['((values (default)) order by 1)', { start: 0, width: 1 }],
    ['(values (1) union values (2))', undefined],
    ['values (1), (2) except select 1', undefined],
    ['values ((select 1 union select 2))', { start: 0, width: 1 }],
    ['values ()', undefined],
    ['values (1,, 2)', undefined],
    ['from (values (1))', undefined],
    ['with a as (select 1) values (1)', undefined],
  ])('rows that DuckDB casts one by one: %s', (query, values) => {
    expect(parse(`insert into s.t ${query}`)).toMatchObject({ values })
    if (values !== undefined) {
      const clause = 'with a as (select 1 union select 2) '
      expect(parse(`${clause}insert into s.t ${query}`)).toMatchObject({
        values: { ...values, start: clause.length },
      })
    }
  })

  it.each([
    ['insert or replace into t values (1)', 'need keys'],
    ['insert into s.t values (1) returning *', 'RETURNING is not supported'],
    ['insert into s.t values (1) on conflict do nothing', 'ON CONFLICT is not supported'],
    ['insert into s.t default values', 'DEFAULT VALUES is not supported'],
    ['insert into s.t partition (a = 1) select 1', 'PARTITION (…) is not supported'],
  ])('refuses by name: %s', (sql, message) => {
    expect(() => parse(sql)).toThrow(message)
  })
})

describe('CREATE TABLE', () => {
  it('reads columns, types of every dialect, and the layout', () => {
    const statement = parse(`create table if not exists s."T x" (
      id bigint not null, n varchar(10) comment 'it''s', price decimal(10, 2),
      st struct<a: int, b: array<string>>, st2 struct(x double, "y z" timestamp with time zone not null),
      m map(varchar, integer[]), f fixed(16), u uuid, ts timestamptz
    ) using iceberg partitioned by (day(ts), bucket(16, id) as shard, truncate(n, 4), u)
      sorted by (id desc, ts asc nulls last) comment 'c' tblproperties ('a.b' = 'x', c = 1) location 'file:///x'`)
    expect(statement).toMatchObject({
      kind: 'create table',
      mode: 'if not exists',
      table: { parts: ['s', 'T x'] },
      location: 'file:///x',
      properties: { comment: 'c', 'a.b': 'x', c: '1' },
      partitions: [
        { path: ['ts'], transform: { kind: 'day' } },
        { path: ['id'], transform: { kind: 'bucket', buckets: 16 }, name: 'shard' },
        { path: ['n'], transform: { kind: 'truncate', width: 4 } },
        { path: ['u'], transform: { kind: 'identity' } },
      ],
      sort: [
        { path: ['id'], direction: 'desc', nullOrder: 'nulls-last' },
        { path: ['ts'], direction: 'asc', nullOrder: 'nulls-last' },
      ],
      schema: {
        fields: [
          { name: 'id', type: { kind: 'long' }, required: true },
          { name: 'n', type: { kind: 'string' }, doc: "it's" },
          { name: 'price', type: { kind: 'decimal', precision: 10, scale: 2 } },
          {
            name: 'st',
            type: {
              kind: 'struct',
              fields: [
                { name: 'a', type: { kind: 'int' } },
                { name: 'b', type: { kind: 'list', element: { kind: 'string' } } },
              ],
            },
          },
          {
            name: 'st2',
            type: {
              kind: 'struct',
              fields: [{ name: 'x' }, { name: 'y z', type: { kind: 'timestamptz' }, required: true }],
            },
          },
          {
            name: 'm',
            type: { kind: 'map', key: { kind: 'string' }, value: { kind: 'list', element: { kind: 'int' } } },
          },
          { name: 'f', type: { kind: 'fixed', length: 16 } },
          { name: 'u', type: { kind: 'uuid' } },
          { name: 'ts', type: { kind: 'timestamptz' } },
        ],
      },
    })
  })

  it("reads Trino's properties", () => {
    expect(
      parse(
        "create table s.t with (partitioning = ARRAY['day(ts)', 'bucket(id, 4)'], sorted_by = ['id DESC'], format_version = 2, format = 'PARQUET') as select 1 as id",
      ),
    ).toMatchObject({
      partitions: [{ transform: { kind: 'day' } }, { path: ['id'], transform: { kind: 'bucket', buckets: 4 } }],
      sort: [{ path: ['id'], direction: 'desc' }],
      properties: { 'format-version': '2' },
      query: { sql: 'select 1 as id' },
    })
  })

  it.each([
    ['create table s.t (id int primary key)', 'PRIMARY is not supported'],
    ['create table s.t (id int default 5)', 'DEFAULT is not supported'],
    ['create table s.t (id int, check (id > 1))', 'CHECK is not supported'],
    ['create table s.t (i interval)', "column 'i' has the type INTERVAL"],
    ['create table s.t (a int[3])', 'fixed length'],
    ['create table s.t (a int, A int)', 'differ by case'],
    ['create table s.t (a int', 'expected )'],
    ['create table s.t', 'expected the columns'],
    ['create table s.t (a int) as select 1', 'takes its columns from it'],
    ['create temp table t (a int)', 'temporary tables are not made'],
    ['create or replace view v as select 1', 'CREATE VIEW is not supported'],
    ['create unique index i on t(a)', 'CREATE UNIQUE is not supported'],
    ['create table s.t (a int) partitioned by (week(a))', 'no transform week'],
    ['create table s.t (a int) engine=innodb', "'engine' is not expected here"],
    ["create table s.t (a int) with (format = 'orc')", 'of the format orc are not written'],
  ])('refuses with words: %s', (sql, message) => {
    expect(() => parse(sql)).toThrow(message)
  })
})

describe('ALTER TABLE', () => {
  const changes = (sql: string) => {
    const statement = parse(`alter table s.t ${sql}`)
    return statement.kind === 'alter table' ? statement.changes : statement
  }
  it.each<[string, unknown]>([
    ['add column a int', [{ change: 'add column', path: ['a'], field: { type: { kind: 'int' } } }]],
    [
      "add column if not exists st.b varchar comment 'x' after a",
      [{ path: ['st', 'b'], ifNotExists: true, place: { after: 'a' }, field: { name: 'b', doc: 'x' } }],
    ],
    ['add columns (a int, b bigint)', [{ path: ['a'] }, { path: ['b'] }]],
    ['drop column if exists a.b', [{ change: 'drop column', path: ['a', 'b'], ifExists: true }]],
    ['rename column a.b to c', [{ change: 'rename column', path: ['a', 'b'], name: 'c' }]],
    ['alter column a set data type bigint', [{ change: 'set type', type: { kind: 'long' } }]],
    ['alter a type double', [{ change: 'set type', type: { kind: 'double' } }]],
    ['alter column a set not null', [{ change: 'set not null' }]],
    [
      'alter column a drop not null, alter column b first',
      [{ change: 'drop not null' }, { change: 'move column', place: 'first' }],
    ],
    ['add partition field bucket(4, id) as x', [{ change: 'add partition', term: { name: 'x' } }]],
    ['drop partition field ts_day', [{ change: 'drop partition', term: { path: ['ts_day'] } }]],
    [
      'replace partition field ts_day with hour(ts)',
      [{ change: 'replace partition', term: { transform: { kind: 'hour' } } }],
    ],
    [
      'write ordered by a, b desc',
      [{ change: 'set sort', terms: [{ path: ['a'] }, { path: ['b'], direction: 'desc' }] }],
    ],
    ["set tblproperties ('a' = 'b')", [{ change: 'set properties', properties: { a: 'b' } }]],
    ["unset tblproperties if exists ('a', 'b')", [{ change: 'unset properties', keys: ['a', 'b'] }]],
    ['rename to s2.t2', { kind: 'rename table', to: { parts: ['s2', 't2'] } }],
  ])('%s', (sql, expected) => {
    expect(changes(sql)).toMatchObject(expected as object)
  })
  it.each([
    ['create branch b', 'branches and tags are read'],
    ['alter column a set default 5', 'defaults need format version 3'],
    ['frobnicate', 'is no change of a table'],
    ['add column a int default 5', 'DEFAULT is not supported'],
    ['alter column a set data type smallint', 'Iceberg has no type SMALLINT'],
    ['alter column a set data type TINYINT', 'Iceberg has no type TINYINT'],
    ['alter column a type uinteger', 'Iceberg has no type UINTEGER'],
    ['alter column a type timestamp_s', 'Iceberg has no type TIMESTAMP_S'],
    ['add partition field bucket(id)', 'bucket takes a number and a column'],
    ['write ordered by truncate(id)', 'truncate takes a number and a column'],
    ['add partition field weekly(ts)', 'there is no transform weekly'],
  ])('refuses: %s', (sql, message) => {
    expect(() => changes(sql)).toThrow(message)
  })
})

describe('other statements', () => {
  it.each<[string, unknown]>([
    ['drop table if exists s.t purge', { kind: 'drop table', ifExists: true, purge: true }],
    ['create schema if not exists "a.b"', { kind: 'create schema', namespace: ['a', 'b'], ifNotExists: true }],
    ['drop schema a.b', { kind: 'drop schema', namespace: ['a', 'b'] }],
    ['delete from s.t as x where x.a = 1', { kind: 'delete', rows: { sql: 'SELECT * FROM s.t as x where x.a = 1' } }],
    ['delete from s.t', { kind: 'delete', rows: undefined }],
    ['truncate table s.t', { kind: 'truncate' }],
    ['describe s.t', { kind: 'describe', table: { parts: ['s', 't'] } }],
    ["show tables from s like 'a%'", { kind: 'show tables', namespace: ['s'], like: 'a%' }],
    ['show create table s.t', { kind: 'show create table' }],
    ['show namespaces', { kind: 'show schemas' }],
    ["set session timezone to 'UTC'", { kind: 'set', name: 'timezone', value: 'UTC' }],
    ['reset timezone', { kind: 'set', name: 'timezone', value: undefined }],
    ['use "a.b"', { kind: 'use', namespace: ['a', 'b'] }],
  ])('%s', (sql, expected) => {
    expect(parse(sql)).toMatchObject(expected as object)
  })

  it.each([
    'update t set a = 1',
    'merge into t using s on true',
    "copy t to 'x'",
    'begin',
    'pragma x',
    "attach 'x'",
    'install x',
    'call x()',
    'vacuum',
    'with a as (select 1) delete from t',
    'set global threads = 1',
    'show partitions t',
  ])('refused by name: %s', (sql) => {
    expect(() => parse(sql)).toThrow(/is not supported/)
  })
})

describe('references', () => {
  const tables = (sql: string) =>
    findReferences(one(sql))
      .tables.filter((table) => table.isTablePosition)
      .map((table) => table.chain.parts.join('.'))
  it.each([
    [
      'select a.b from s.t1 join "S".t2 on true, s.t3 x where x.y = (select 1 from s.t4)',
      ['s.t1', 'S.t2', 's.t3', 's.t4'],
    ],
    ['select s.t.files, extract(year from s.x) from s.t.files', ['s.t.files']],
    ['select a is distinct from s.x from s.y', ['s.y']],
    ['from (s.a join s.b using (id)) select *', ['s.a', 's.b']],
    ['select * from range(3), s.t', ['s.t']],
    ["select 's.x', $$from s.y$$ /* from s.z */ from s . t -- from s.q", ['s.t']],
    ['describe s.t', ['s.t']],
  ])('%s', (sql, expected) => {
    expect(tables(sql)).toEqual(expected)
  })

  it('take their time travel clause with them', () => {
    const [table] = findReferences(one("select * from s.t at (version => 'v1') as x")).tables.filter(
      (found) => found.isTablePosition,
    )
    expect(table?.travel).toMatchObject({ by: 'version', expression: "'v1'" })
    expect(() => findReferences(one('select * from s.t at (version => $1)'))).toThrow('a parameter in AT')
    expect(() => findReferences(one('select * from s.t at (foo => 1)'))).toThrow('AT takes')
  })

  it('of iceberg_scan are its place and arguments', () => {
    const { scans } = findReferences(
      one(
        "select * from iceberg_scan('/x/t', version => '3', snapshot_from_timestamp := greatest(TIMESTAMP '2024-01-01', now()), allow_moved_paths = true) i",
      ),
    )
    expect(scans).toMatchObject([{ path: '/x/t', start: 14 }])
    expect([...(scans[0]?.options ?? [])].map(([name, { expression }]) => [name, expression])).toEqual([
      ['version', "'3'"],
      ['snapshot_from_timestamp', "greatest(TIMESTAMP '2024-01-01', now())"],
      ['allow_moved_paths', 'true'],
    ])
  })

  it.each(["'/x/t' version => '3'", "'/x/t', '3'", "'/x/t', version =>", "'/x/t', version => '3',"])(
    'of iceberg_scan that are not written name => value are refused: %s',
    (inside) => {
      expect(() => findReferences(one(`select * from iceberg_scan(${inside})`))).toThrow('name => value')
    },
  )
})

describe('replaced text', () => {
  it('leads back to the places of the original', () => {
    const replacements = [
      { start: 14, end: 17, text: '"longer"."name"' },
      { start: 22, end: 25, text: 'x' },
    ]
    const original = 'select * from a.b, x (c.d) where e'
    const sent = replaceSpans(original, replacements)
    expect(sent).toBe('select * from "longer"."name", x (x) where e')
    expect(originalOffset(sent.indexOf('where'), replacements)).toBe(original.indexOf('where'))
    expect(originalOffset(sent.indexOf('name'), replacements)).toBe(14)
    expect(originalOffset(3, replacements)).toBe(3)
  })
})

describe('a bare limit', () => {
  it.each<[string, number | undefined]>([
    ['select * from t limit 10', 10],
    ['select * from t limit 10 offset 5', 15],
    ['select * from (select * from t limit 5 offset 100) limit 10', undefined],
    ['select * from t limit 10 %', undefined],
    ['select * from t limit $1', undefined],
    ['select * from t using sample 5 limit 10', undefined],
    ['select * from t offset 5', undefined],
    ['select * from t', undefined],
  ])('%s', (sql, expected) => {
    expect(bareLimit(one(sql).tokens)).toBe(expected)
  })
})
