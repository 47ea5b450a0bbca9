import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { IceboxError } from '../../src/base/index.ts'
import { printTableMetadata } from '../../src/iceberg/index.ts'
import { Lakehouse } from '../../src/lakehouse/index.ts'
import { fileUri, joinUri, localPath } from '../../src/storage/index.ts'
import { openQueryLake, type QueryLake } from './query-lake.ts'

let lake: QueryLake
beforeAll(async () => {
  lake = await openQueryLake()
  await lake.run('CREATE SCHEMA r')
})
afterAll(async () => {
  vi.restoreAllMocks()
  await lake[Symbol.asyncDispose]()
})

const load = async (name: string) => (await lake.catalog.loadTable({ namespace: ['r'], name })).metadata
/** Ids of snapshots, the oldest first. */
const snapshots = async (name: string) => (await load(name)).snapshots.map((snapshot) => snapshot.snapshotId)
const columns = async (name: string) => (await lake.rows(`DESCRIBE r.${name}`)).map((row) => row.slice(0, 2))
const message = async (sql: string): Promise<string | undefined> => (await lake.run(sql)).at(-1)?.message
/** Data and metadata of a table on the disk, but for metadata.json files. */
const filesOf = async (name: string) =>
  (await readdir(localPath((await load(name)).location), { recursive: true }))
    .filter((path) => /\.(parquet|avro)$/.test(path))
    .sort()

const ROWS = `SELECT i AS id, i % 3 AS part, 'n' || i AS name, {'a': i, 'b': 'q' || i} AS st,
  (DATE '2024-01-01' + INTERVAL (i) DAY)::DATE AS day, (i / 4)::DECIMAL(9, 2) AS price FROM range(9) r(i)`
const OTHERS = `SELECT 'k' || i AS id, 'p' || (i % 2) AS part, {'b': i, 'c': true, 'a': [i]} AS st, i * 1.5::DOUBLE AS day,
  (i / 4)::DECIMAL(9, 4) AS price, i AS extra FROM range(4) r(i)`

describe('CREATE OR REPLACE TABLE of a table that is there', () => {
  it('gives it other columns, types and partitions, and the rows before can be read as they were', async () => {
    await lake.run(
      `CREATE TABLE r.t PARTITIONED BY (part, month(day), price) TBLPROPERTIES ('mine' = '1', 'kept' = 'k') AS ${ROWS}`,
    )
    const [before, [first]] = [await load('t'), await snapshots('t')]
    expect(
      await message(
        `CREATE OR REPLACE TABLE r.t PARTITIONED BY (part, price) SORTED BY (id DESC) TBLPROPERTIES ('mine' = '2') AS ${OTHERS}`,
      ),
    ).toBe('replaced table r.t with 4 rows')
    const after = await load('t')
    expect(after.tableUuid).toBe(before.tableUuid)
    expect(after.location).toBe(before.location)
    expect(after.properties).toEqual({ ...before.properties, mine: '2', kept: 'k' })
    const now = await lake.rows('SELECT id, part, st, day, price, extra FROM r.t ORDER BY id')
    expect(now).toEqual(
      [0, 1, 2, 3].map((i) => [
        `k${i}`,
        `p${i % 2}`,
        { b: BigInt(i), c: true, a: [BigInt(i)] },
        i * 1.5,
        (i / 4).toFixed(4),
        BigInt(i),
      ]),
    )
    const then = `r.t AT (VERSION => ${first})`
    expect(await lake.rows(`SELECT * FROM ${then} ORDER BY id`)).toEqual(await lake.rows(`${ROWS} ORDER BY id`))
    // Old partition values and statistics prune as they did: the id of a number may mean a text by now, and the reverse.
    expect(await lake.rows(`SELECT id FROM ${then} WHERE part = 1 ORDER BY id`)).toEqual([[1n], [4n], [7n]])
    expect(
      await lake.rows(`SELECT id FROM ${then} WHERE price >= 1.75 AND day < DATE '2024-02-01' ORDER BY 1`),
    ).toEqual([[7n], [8n]])
    expect(await lake.rows(`SELECT st.b FROM ${then} WHERE st.a = 8`)).toEqual([['q8']])
    expect(await lake.rows("SELECT id FROM r.t WHERE part = 'p1' AND price < 0.5")).toEqual([['k1']])
    expect(await lake.rows('SELECT id FROM r.t WHERE st.b = 2 AND st.a[1] = 2')).toEqual([['k2']])
  })

  it('shows in the system tables, and is inserted into, deleted from, altered and replaced again', async () => {
    await lake.run(`CREATE TABLE r.life PARTITIONED BY (part) AS ${ROWS}`)
    await lake.run(`CREATE OR REPLACE TABLE r.life PARTITIONED BY (part) AS ${OTHERS}`)
    const [first, second] = await snapshots('life')
    expect(
      await lake.rows(
        'SELECT snapshot_id, parent_id, is_current_ancestor FROM r.life.history ORDER BY made_current_at',
      ),
    ).toEqual([
      [first, null, false],
      [second, null, true],
    ])
    expect(
      await lake.rows(`SELECT operation, summary['total-records'] FROM r.life.snapshots ORDER BY committed_at`),
    ).toEqual([
      ['append', '9'],
      ['append', '4'],
    ])
    const partitions = 'SELECT "partition", record_count FROM r.life.partitions'
    expect(await lake.rows(`${partitions} ORDER BY 1`)).toEqual([
      ['part=p0', 2n],
      ['part=p1', 2n],
    ])
    expect(await lake.rows(`${partitions} AT (VERSION => ${first}) ORDER BY 1`)).toEqual([
      ['part=0', 3n],
      ['part=1', 3n],
      ['part=2', 3n],
    ])
    const lowest = `SELECT min(lower_bounds[1]) FROM r.life.files`
    expect([await lake.rows(lowest), await lake.rows(`${lowest} AT (VERSION => ${first})`)]).toEqual([
      [['k0']],
      [['0']],
    ])
    await lake.run("INSERT INTO r.life (id, part, extra) VALUES ('new', 'p9', 9)")
    await lake.run("DELETE FROM r.life WHERE part = 'p0'")
    await lake.run('ALTER TABLE r.life RENAME COLUMN extra TO more, ADD COLUMN name INTEGER, DROP COLUMN st')
    await lake.run("INSERT OVERWRITE r.life BY NAME SELECT 'over' AS id, 'p1' AS part, 5 AS name")
    expect(await lake.rows('SELECT id, part, more, name FROM r.life ORDER BY id')).toEqual([
      ['new', 'p9', 9n, null],
      ['over', 'p1', null, 5],
    ])
    // The names that are there and were there before: each of its own id, and every snapshot as it was.
    expect(await lake.rows(`SELECT count(*), min(name) FROM r.life AT (VERSION => ${first})`)).toEqual([[9n, 'n0']])
    expect(await lake.rows(`SELECT count(*), max(st.b) FROM r.life AT (VERSION => ${second})`)).toEqual([[4n, 3n]])
    await lake.run(`CREATE OR REPLACE TABLE r.life PARTITIONED BY (part) AS ${ROWS}`)
    expect(await lake.rows('SELECT count(*), min(name) FROM r.life WHERE part = 2')).toEqual([[3n, 'n2']])
    expect(await lake.rows(`SELECT count(*) FROM r.life AT (VERSION => ${second}) WHERE part = 'p1'`)).toEqual([[2n]])
    await lake.run('DROP TABLE r.life PURGE')
    expect(
      await readdir(join(lake.folder, 'warehouse', 'r', 'life'), { recursive: true }).catch(() => []),
    ).not.toContainEqual(expect.stringMatching(/\.(parquet|avro|json)$/))
  })

  it('reads the rows that it replaces', async () => {
    await lake.run(`CREATE TABLE r.self AS ${ROWS}`)
    await lake.run(
      'CREATE OR REPLACE TABLE r.self AS SELECT part, count(*) AS n, list(id ORDER BY id) AS id FROM r.self GROUP BY part',
    )
    expect(await lake.rows('SELECT * FROM r.self ORDER BY part')).toEqual([
      [0n, 3n, [0n, 3n, 6n]],
      [1n, 3n, [1n, 4n, 7n]],
      [2n, 3n, [2n, 5n, 8n]],
    ])
  })

  it('without a query is empty, and a moment after it shows no rows of before', async () => {
    await lake.run(`CREATE TABLE r.bare AS ${ROWS}`)
    const [first] = await snapshots('bare')
    expect(await message('CREATE OR REPLACE TABLE r.bare (id UUID NOT NULL, name VARCHAR)')).toBe(
      'replaced table r.bare',
    )
    expect(await lake.rows('SELECT * FROM r.bare')).toEqual([])
    expect(await lake.rows('SELECT count(*) FROM r.bare AT (TIMESTAMP => now() + INTERVAL 1 HOUR)')).toEqual([[0n]])
    expect(await lake.rows(`SELECT count(*) FROM r.bare AT (VERSION => ${first})`)).toEqual([[9n]])
    expect(await columns('bare')).toEqual([
      ['id', 'UUID'],
      ['name', 'VARCHAR'],
    ])
    await lake.run('CREATE OR REPLACE TABLE r.bare AS SELECT 1 AS x WHERE false')
    expect(await columns('bare')).toEqual([['x', 'INTEGER']])
    await lake.run('INSERT INTO r.bare VALUES (3)')
    expect(await lake.rows('SELECT * FROM r.bare')).toEqual([[3]])
  })

  it('moves new files to a LOCATION, where old ones stay in theirs, and purge finds both', async () => {
    await lake.run(`CREATE TABLE r.moved AS ${ROWS}`)
    const [first] = await snapshots('moved')
    const elsewhere = join(lake.folder, 'elsewhere')
    await lake.run(`CREATE OR REPLACE TABLE r.moved LOCATION '${fileUri(elsewhere)}/' AS ${OTHERS}`)
    expect((await load('moved')).location).toBe(fileUri(elsewhere))
    const moved = await readdir(elsewhere, { recursive: true })
    for (const kind of ['.parquet', '.avro', '.metadata.json'])
      expect(moved.some((path) => path.endsWith(kind))).toBe(true)
    expect(await lake.rows('SELECT count(*) FROM r.moved')).toEqual([[4n]])
    expect(await lake.rows(`SELECT count(*) FROM r.moved AT (VERSION => ${first})`)).toEqual([[9n]])
    await lake.run('CREATE OR REPLACE TABLE r.moved (a INTEGER)')
    expect((await load('moved')).location).toBe(fileUri(elsewhere))
    await lake.run('DROP TABLE r.moved PURGE')
    for (const folder of [elsewhere, join(lake.folder, 'warehouse', 'r', 'moved')]) {
      const left = await readdir(folder, { recursive: true }).catch(() => [])
      expect(left.filter((path) => /\.(parquet|avro|json)$/.test(path))).toEqual([])
    }
  })

  it('keeps and raises the format version: places of version 1, row ids of version 3', async () => {
    await lake.run(`CREATE TABLE r.v1 PARTITIONED BY (part, day) TBLPROPERTIES ('format-version' = '1') AS ${ROWS}`)
    const [first] = await snapshots('v1')
    await lake.run(`CREATE OR REPLACE TABLE r.v1 PARTITIONED BY (part, bucket(2, extra)) AS ${OTHERS}`)
    expect(await load('v1')).toMatchObject({
      formatVersion: 1,
      partitionSpecs: [
        {},
        {
          fields: [
            { name: 'part', transform: { kind: 'identity' } },
            { name: 'day', transform: { kind: 'void' } },
            { name: 'extra_bucket' },
          ],
        },
      ],
    })
    expect(await lake.rows("SELECT id FROM r.v1 WHERE part = 'p1' ORDER BY id")).toEqual([['k1'], ['k3']])
    await lake.run(`CREATE OR REPLACE TABLE r.v1 TBLPROPERTIES ('format-version' = '2') AS ${ROWS}`)
    expect(await load('v1')).toMatchObject({ formatVersion: 2, lastSequenceNumber: 1n })
    expect(await lake.rows(`SELECT count(*) FROM r.v1 AT (VERSION => ${first}) WHERE part = 1`)).toEqual([[3n]])
    await expect(
      lake.run(`CREATE OR REPLACE TABLE r.v1 TBLPROPERTIES ('format-version' = '1') AS ${ROWS}`),
    ).rejects.toMatchObject({ message: expect.stringContaining('format version 2 cannot go back to 1') })

    // Only other writers make v3 tables: the metadata as theirs, adopted under the same name.
    const identifier = { namespace: ['r'], name: 'v3' }
    await lake.run('CREATE TABLE r.v3 (id BIGINT, part INTEGER)')
    const metadata = await load('v3')
    const location = joinUri(metadata.location, 'metadata', '00001-v3.metadata.json')
    await lake.io.create(location, Buffer.from(printTableMetadata({ ...metadata, formatVersion: 3, nextRowId: 0n })))
    await lake.catalog.dropTable(identifier)
    await lake.catalog.registerTable(identifier, location)
    await lake.run('INSERT INTO r.v3 SELECT i, i FROM range(9) r(i)')
    await lake.run(
      `CREATE OR REPLACE TABLE r.v3 PARTITIONED BY (part) TBLPROPERTIES ('format-version' = '3') AS ${OTHERS}`,
    )
    const replaced = await load('v3')
    expect(replaced).toMatchObject({ formatVersion: 3, nextRowId: 13n })
    expect(replaced.snapshots.at(-1)).toMatchObject({ firstRowId: 9n, addedRows: 4n })
    expect(await lake.rows('SELECT count(*) FROM r.v3')).toEqual([[4n]])
  })

  it('leaves branches and tags, which are read with the columns of their time', async () => {
    await lake.run(`CREATE TABLE r.named PARTITIONED BY (price) AS ${ROWS}`)
    const identifier = { namespace: ['r'], name: 'named' }
    const base = await lake.catalog.loadTable(identifier)
    const snapshotId = base.metadata.currentSnapshotId ?? 0n
    await lake.catalog.commitTable(
      identifier,
      base,
      [],
      [
        { action: 'set-snapshot-ref', refName: 'dev', ref: { snapshotId, type: 'branch' } },
        { action: 'set-snapshot-ref', refName: 'v1', ref: { snapshotId, type: 'tag' } },
      ],
    )
    await lake.run(`CREATE OR REPLACE TABLE r.named PARTITIONED BY (price) AS ${OTHERS}`)
    for (const ref of ['dev', 'v1']) {
      expect(await lake.rows(`SELECT id, name FROM r.named AT (VERSION => '${ref}') WHERE price = 0.5`)).toEqual([
        [2n, 'n2'],
      ])
    }
    expect(await lake.rows("SELECT count(*) FROM r.named AT (VERSION => 'main')")).toEqual([[4n]])
  })

  it('and is rolled back by another tool is not read, and not deleted from, by the columns of other types', async () => {
    await lake.run(`CREATE TABLE r.back (n DOUBLE); INSERT INTO r.back VALUES (3), (5);
      CREATE OR REPLACE TABLE r.back (n BIGINT)`)
    const identifier = { namespace: ['r'], name: 'back' }
    const [snapshotId = 0n] = await snapshots('back')
    const ref = { snapshotId, type: 'branch' as const }
    await lake.catalog.commitTable(
      identifier,
      await lake.catalog.loadTable(identifier),
      [],
      [{ action: 'set-snapshot-ref', refName: 'main', ref }],
    )
    // The bounds of 3.0 and 5.0, read as whole numbers, are all above 1000.
    const { location } = await load('back')
    const scan = `SELECT n FROM iceberg_scan('${localPath(location)}')`
    for (const sql of [
      'DELETE FROM r.back WHERE n > 1000',
      'SELECT n FROM r.back',
      'INSERT INTO r.back VALUES (1)',
      scan,
    ]) {
      await expect(lake.rows(sql)).rejects.toMatchObject({
        code: 'iceberg/unsupported',
        remedy: expect.stringContaining(`AT (VERSION => ${snapshotId})`),
      })
    }
    // As imports and appenders commit: a snapshot of the new columns would hide what it stands on.
    await expect(lake.append('r.back', 'SELECT 1::BIGINT AS n')).rejects.toMatchObject({ code: 'iceberg/unsupported' })
    await lake.run(`CREATE OR REPLACE TABLE r.back AS SELECT * FROM r.back AT (VERSION => ${snapshotId})`)
    expect(await lake.rows('SELECT n FROM r.back ORDER BY n')).toEqual([[3], [5]])
  })

  it('that fails leaves the table, and no file of the rows that it wrote', async () => {
    await lake.run(`CREATE TABLE r.whole AS ${ROWS}`)
    const [before, files] = [await load('whole'), await filesOf('whole')]
    for (const [sql, code] of [
      ["CREATE OR REPLACE TABLE r.whole AS SELECT CAST('x' || i AS INTEGER) AS a FROM range(5) r(i)", 'sql/type'],
      ['CREATE OR REPLACE TABLE r.whole PARTITIONED BY (nope) AS SELECT 1 AS a', 'sql/unknown-column'],
      ['CREATE OR REPLACE TABLE r.whole PARTITIONED BY (day(a)) AS SELECT 1 AS a', 'sql/syntax'],
      ['CREATE OR REPLACE TABLE r.whole AS SELECT 1 AS a, 2 AS A', 'source/columns'],
      ['CREATE OR REPLACE TABLE r.whole AS SELECT INTERVAL 1 DAY AS a', 'schema/unsupported-type'],
      ['CREATE OR REPLACE TABLE r.whole (a TIMESTAMP_NS)', 'iceberg/unsupported'],
    ] as const) {
      await expect(lake.run(sql), sql).rejects.toMatchObject({ code })
    }
    expect(await load('whole')).toBe(before)
    expect(await filesOf('whole')).toEqual(files)
  })
})

describe('a CREATE TABLE that fails', () => {
  const folders = async () => (await readdir(join(lake.folder, 'warehouse'), { recursive: true })).sort()
  const FAILS =
    "SELECT i % 3 AS p, CASE WHEN i < 4999 THEN i ELSE CAST('x' || i AS INTEGER) END AS n FROM range(5000) r(i)"

  it('leaves no folder that it made, and every folder that was there', async () => {
    await lake.run('CREATE SCHEMA IF NOT EXISTS vain')
    const before = await folders()
    for (const clauses of ['', 'PARTITIONED BY (p)']) {
      await expect(lake.run(`CREATE TABLE vain.t ${clauses} AS ${FAILS}`)).rejects.toMatchObject({ code: 'sql/type' })
    }
    for (const query of ['(a INTEGER)', 'AS SELECT 1 AS a', 'PARTITIONED BY (a) AS SELECT 1 AS a']) {
      vi.spyOn(lake.catalog, 'commitTable').mockRejectedValueOnce(
        new IceboxError('storage/full', { message: 'planted' }),
      )
      await expect(lake.run(`CREATE TABLE vain.t ${query}`)).rejects.toMatchObject({ code: 'storage/full' })
    }
    expect(await folders()).toEqual(before)
    const mine = join(lake.folder, 'mine')
    await mkdir(join(mine, 'data'), { recursive: true })
    await expect(lake.run(`CREATE TABLE vain.t LOCATION '${fileUri(mine)}' AS ${FAILS}`)).rejects.toThrow()
    expect(await readdir(mine, { recursive: true })).toEqual(['data'])
    await expect(
      lake.run(`CREATE OR REPLACE TABLE r.t LOCATION '${fileUri(mine)}/deep/er' AS ${FAILS}`),
    ).rejects.toThrow()
    expect(await readdir(mine, { recursive: true })).toEqual(['data'])
  })

  it('beside one of the same name that does not, leaves that one whole', async () => {
    const connection = lake.runner.connect()
    const other = async (sql: string) => {
      for await (const _ of connection.run(sql));
    }
    for (let round = 0; round < 20; round++) {
      const name = `vain.race${round}`
      const [failed, made] = await Promise.allSettled([
        lake.run(`CREATE TABLE ${name} PARTITIONED BY (p) AS ${FAILS}`),
        other(`CREATE TABLE ${name} PARTITIONED BY (p) AS SELECT i % 3 AS p, i AS n FROM range(10) r(i)`),
      ])
      expect([failed.status, made.status]).toEqual(['rejected', 'fulfilled'])
      expect(await lake.rows(`SELECT count(*), sum(n) FROM ${name}`)).toEqual([[10n, 45n]])
    }
  })
})

/** Runs a change right before the next commit. */
function beforeCommit(change: () => Promise<unknown>): void {
  const commit = lake.catalog.commitTable.bind(lake.catalog)
  vi.spyOn(lake.catalog, 'commitTable').mockImplementationOnce(async (...given) => {
    await change()
    return commit(...given)
  })
}

describe('a replacement beside other writers', () => {
  it.each([
    ['an append', 'INSERT INTO r.race SELECT * FROM r.race'],
    ['another replacement', `CREATE OR REPLACE TABLE r.race AS ${OTHERS}`],
    ['an empty replacement', 'CREATE OR REPLACE TABLE r.race (z INTEGER)'],
    ['new columns', 'ALTER TABLE r.race ADD COLUMN theirs INTEGER'],
    ['deleted rows', 'DELETE FROM r.race WHERE id >= 0'],
  ])('does not bury %s: it is refused, and its files go', async (_, theirs) => {
    await lake.run(`CREATE OR REPLACE TABLE r.race AS ${ROWS}`)
    const sql = 'CREATE OR REPLACE TABLE r.race AS SELECT id, count(*) AS n FROM r.race GROUP BY id'
    let after: unknown
    let files: string[] = []
    beforeCommit(async () => {
      await lake.run(theirs)
      after = await load('race')
      files = await filesOf('race')
    })
    await expect(lake.run(sql)).rejects.toMatchObject({ code: 'table/conflict', remedy: 'run the statement again' })
    expect(await load('race')).toBe(after)
    // The loser's data file, manifest and manifest list were there when the other was done, and are not any more.
    expect((await filesOf('race')).length).toBe(files.length - 3)
  })

  it('keeps properties that were set meanwhile', async () => {
    await lake.run(`CREATE OR REPLACE TABLE r.race AS ${ROWS}`)
    beforeCommit(() => lake.run("ALTER TABLE r.race SET TBLPROPERTIES ('theirs' = '1')"))
    await lake.run(`CREATE OR REPLACE TABLE r.race AS ${OTHERS}`)
    expect((await load('race')).properties['theirs']).toBe('1')
    expect(await lake.rows('SELECT count(*) FROM r.race')).toEqual([[4n]])
  })

  it('an INSERT does not put rows of the old columns into the new table', async () => {
    for (const replacement of [OTHERS, 'SELECT 1 AS unlike']) {
      await lake.run(`CREATE OR REPLACE TABLE r.race AS ${ROWS}`)
      beforeCommit(() => lake.run(`CREATE OR REPLACE TABLE r.race AS ${replacement}`))
      await expect(lake.run('INSERT INTO r.race SELECT * FROM r.race')).rejects.toMatchObject({
        code: 'table/conflict',
      })
    }
    // With the same columns it is as if the replacement had been first.
    await lake.run(`CREATE OR REPLACE TABLE r.race AS ${ROWS}`)
    beforeCommit(() => lake.run(`CREATE OR REPLACE TABLE r.race AS ${ROWS}`))
    await lake.run(`INSERT INTO r.race ${ROWS}`)
    expect(await lake.rows('SELECT count(*), count(DISTINCT id) FROM r.race')).toEqual([[18n, 9n]])
  })

  it('of a table that another made meanwhile says so', async () => {
    beforeCommit(() => lake.run('CREATE TABLE r.newcomer (a INTEGER)'))
    await expect(lake.run('CREATE OR REPLACE TABLE r.newcomer AS SELECT 1 AS b')).rejects.toMatchObject({
      code: 'table/conflict',
      message: 'another writer made table r.newcomer meanwhile',
    })
    expect(await columns('newcomer')).toEqual([['a', 'INTEGER']])
  })
})

describe('a table that was replaced', () => {
  it('takes imports and streams of the new columns, and rows that waited for the old ones are not made new ones', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'icebox-replaced-'))
    try {
      await Lakehouse.init(join(folder, 'lake'))
      await writeFile(join(folder, 'more.csv'), 'id,name\nx1,7\nx2,8\n')
      await using house = await Lakehouse.open(join(folder, 'lake'))
      await house.sql`CREATE SCHEMA a`
      await house.sql`CREATE TABLE a.t (id BIGINT, name VARCHAR)`
      const waiting = await house.appender('a.t')
      await waiting.append([{ id: 1, name: 'abc' }])
      // By another lakehouse: this one would have the rows go in before it.
      await using other = await Lakehouse.open(join(folder, 'lake'))
      await other.sql`CREATE OR REPLACE TABLE a.t AS SELECT 'x0' AS id, 6 AS name`
      await expect(waiting.commit()).rejects.toMatchObject({
        code: 'stream/uncommitted',
        message: expect.stringContaining('the table was replaced after these rows were appended'),
      })
      await house.import({ table: 'a.t', source: join(folder, 'more.csv'), mode: 'append' })
      const rows = () => house.sql`SELECT id, name FROM a.t ORDER BY id`
      expect(await rows()).toEqual([0, 1, 2].map((at) => ({ id: `x${at}`, name: 6 + at })))
      // With the columns of before the rows that waited fit again.
      await house.sql`CREATE OR REPLACE TABLE a.t AS SELECT 2::BIGINT AS id, 'b' AS name`
      await waiting.commit()
      expect(await rows()).toEqual([
        { id: 1n, name: 'abc' },
        { id: 2n, name: 'b' },
      ])
      // Nothing waits: the same appender takes rows of whatever columns there are.
      await house.sql`CREATE OR REPLACE TABLE a.t AS SELECT DATE '2024-01-01' AS day, 3 AS id`
      await waiting.commit()
      await waiting.append([{ id: 4, day: '2024-01-02' }])
      await waiting.close()
      expect(await house.sql`SELECT id, day FROM a.t ORDER BY id`).toEqual([
        { id: 3, day: '2024-01-01' },
        { id: 4, day: '2024-01-02' },
      ])
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
})
