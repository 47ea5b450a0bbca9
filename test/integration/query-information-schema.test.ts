import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Lakehouse } from '../../src/lakehouse/index.ts'
import { openQueryLake, type QueryLake } from './query-lake.ts'

let lake: QueryLake
beforeAll(async () => {
  lake = await openQueryLake()
  await lake.run(`CREATE SCHEMA a; CREATE SCHEMA b;
    CREATE TABLE a.t (id BIGINT NOT NULL, d DECIMAL(9,2), s STRUCT(x INTEGER, y VARCHAR[]));
    CREATE TABLE b."t 2" (ts TIMESTAMPTZ)`)
})
afterAll(() => lake[Symbol.asyncDispose]())

describe('information_schema tells of the catalog, not of what the engine has in hand', () => {
  it('namespaces, tables and columns, also of tables that no statement has read', async () => {
    expect(await lake.rows('SELECT schema_name FROM information_schema.schemata ORDER BY 1')).toEqual([['a'], ['b']])
    expect(await lake.rows('SELECT * EXCLUDE table_catalog FROM Information_Schema.TABLES ORDER BY ALL')).toEqual([
      ['a', 't', 'BASE TABLE'],
      ['b', 't 2', 'BASE TABLE'],
    ])
    const columns = `SELECT table_name, column_name, ordinal_position, is_nullable, data_type, numeric_precision, numeric_scale
      FROM information_schema.columns ORDER BY table_schema, ordinal_position`
    expect(await lake.rows(columns)).toEqual([
      ['t', 'id', 1, 'NO', 'BIGINT', null, null],
      ['t', 'd', 2, 'YES', 'DECIMAL(9,2)', 9, 2],
      ['t', 's', 3, 'YES', 'STRUCT("x" INTEGER, "y" VARCHAR[])', null, null],
      ['t 2', 'ts', 1, 'YES', 'TIMESTAMP WITH TIME ZONE', null, null],
    ])
  })

  it('as it is when the statement begins: changes since the last one are there', async () => {
    const count = 'SELECT count(*) FROM information_schema.columns'
    const before = await lake.rows(count)
    await lake.run('ALTER TABLE b."t 2" ADD COLUMN more INTEGER')
    const added = await lake.rows(count)
    await lake.run('CREATE SCHEMA c; CREATE TABLE c.u (x INTEGER); DROP TABLE c.u; DROP SCHEMA c')
    expect([before, added, await lake.rows(count)]).toEqual([[[4n]], [[5n]], [[5n]]])
  })

  it('joins with tables, is written from, and its columns may be named with it', async () => {
    const sql = `CREATE TABLE a.copy AS SELECT information_schema.tables.table_name AS name, n
      FROM information_schema.tables JOIN (SELECT 't' AS table_name, count(*) AS n FROM a.t) USING (table_name)`
    await lake.run(sql)
    expect(await lake.rows('SELECT * FROM a.copy')).toEqual([['t', 0n]])
    await lake.run('DROP TABLE a.copy')
  })

  it('a table whose metadata is gone hides none of the others', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'icebox-information-'))
    try {
      await Lakehouse.init(folder)
      const made = await Lakehouse.open(folder)
      for (const sql of ['CREATE SCHEMA a', 'CREATE TABLE a.lost (id BIGINT)', 'CREATE TABLE a.t (id BIGINT)'])
        for await (const _ of made.query(sql));
      await made.close()
      await rm(join(folder, 'warehouse/a/lost/metadata'), { recursive: true })
      const opened = await Lakehouse.open(folder)
      expect(await opened.sql`SELECT table_name FROM information_schema.tables ORDER BY 1`).toEqual([
        { table_name: 'lost' },
        { table_name: 't' },
      ])
      expect(await opened.sql`SELECT table_name FROM information_schema.columns`).toEqual([{ table_name: 't' }])
      await opened.close()
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('what is not told is refused by name', async () => {
    await expect(lake.run('FROM information_schema.views')).rejects.toMatchObject({
      code: 'sql/unsupported',
      message: expect.stringContaining('information_schema.views is not supported (line 1, column 6)'),
      remedy: 'information_schema has the tables schemata, tables, columns',
    })
  })

  it('a namespace of that name is the person’s own', async () => {
    await lake.run('CREATE SCHEMA information_schema; CREATE TABLE information_schema.tables AS SELECT 7 AS mine')
    expect(await lake.rows('SELECT * FROM information_schema.tables')).toEqual([[7]])
    await lake.run('DROP TABLE information_schema.tables; DROP SCHEMA information_schema')
    expect(await lake.rows('SELECT count(*) FROM information_schema.tables')).toEqual([[2n]])
  })
})
