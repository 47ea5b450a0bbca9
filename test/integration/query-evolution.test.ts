import { mkdir, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commitTarget, type TableIdentifier } from '../../src/catalog/index.ts'
import { type DataFile, type Literal, Transaction } from '../../src/iceberg/index.ts'
import { joinUri, localPath } from '../../src/storage/index.ts'
import { openQueryLake, type QueryLake } from './query-lake.ts'

let lake: QueryLake
beforeAll(async () => {
  lake = await openQueryLake()
  await lake.run('CREATE SCHEMA e')
})
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
})

/** Appends a Parquet file as another tool would add it: as it is, under a name that Icebox would not give. */
async function addFile(
  name: string,
  file: string,
  select: string,
  copy = '',
  partition: readonly (Literal | null)[] = [],
): Promise<void> {
  const identifier: TableIdentifier = { namespace: ['e'], name }
  const base = await lake.catalog.loadTable(identifier)
  const uri = joinUri(base.metadata.location, 'data', file)
  await mkdir(dirname(localPath(uri)), { recursive: true })
  await using session = await lake.engine.session()
  await session.run(`COPY (${select}) TO '${localPath(uri)}' (FORMAT parquet${copy})`)
  const [count] = await session.all(`SELECT count(*)::VARCHAR AS n FROM '${localPath(uri)}'`)
  const dataFile: DataFile = {
    content: 'data',
    filePath: uri,
    fileFormat: 'parquet',
    specId: base.metadata.defaultSpecId,
    partition,
    recordCount: BigInt(typeof count?.['n'] === 'string' ? count['n'] : 0),
    fileSizeInBytes: BigInt((await stat(localPath(uri))).size),
  }
  await new Transaction({ target: commitTarget(lake.catalog, identifier), io: lake.io, base })
    .append([dataFile])
    .commit()
}

describe('evolved schemas', () => {
  it('columns follow their ids through renames, drops, reuse of names, moves and widening', async () => {
    await lake.run(`CREATE TABLE e.top (a INTEGER, b VARCHAR, c FLOAT, d DECIMAL(5,2));
      INSERT INTO e.top VALUES (1, 'old b', 0.5, 1.25);
      ALTER TABLE e.top RENAME COLUMN a TO a2;
      ALTER TABLE e.top DROP COLUMN b;
      ALTER TABLE e.top ADD COLUMN b VARCHAR FIRST;
      ALTER TABLE e.top ADD COLUMN a VARCHAR;
      ALTER TABLE e.top ALTER COLUMN a2 SET DATA TYPE BIGINT, ALTER COLUMN c SET DATA TYPE DOUBLE, ALTER COLUMN d SET DATA TYPE DECIMAL(9,2);
      INSERT INTO e.top (a2, b, c, d, a) VALUES (9223372036854775807, 'new b', 1e300, 1234567.25, 'x')`)
    expect(await lake.rows('SELECT b, a2, c, d, a FROM e.top ORDER BY a2')).toEqual([
      [null, 1n, 0.5, '1.25', null],
      ['new b', 9223372036854775807n, 1e300, '1234567.25', 'x'],
    ])
    expect(await lake.rows("SELECT count(*) FROM e.top WHERE b = 'old b'")).toEqual([[0n]])
  })

  it('filters on a float widened to double compare doubles, in old files too, at the top and in structs', async () => {
    // 0.1 as a float is 0.100000001490116…, which is more than 0.1.
    await lake.run(`CREATE TABLE e.wider (f FLOAT, s STRUCT(f FLOAT));
      INSERT INTO e.wider VALUES (0.1, {'f': 0.1}), ('nan'::FLOAT, {'f': 'nan'::FLOAT}), (NULL, NULL);
      ALTER TABLE e.wider ALTER COLUMN f SET DATA TYPE DOUBLE, ALTER COLUMN s.f SET DATA TYPE DOUBLE;
      INSERT INTO e.wider VALUES (0.1, {'f': 0.1})`)
    for (const column of ['f', 's.f']) {
      const count = (where: string) => lake.rows(`SELECT count(*) FROM e.wider WHERE ${where}`)
      expect(await count(`${column} > 0.1`), column).toEqual([[2n]])
      expect(await count(`NOT (${column} > 0.1)`), column).toEqual([[1n]])
      expect(await count(`${column} = 0.1`), column).toEqual([[1n]])
      expect(await count(`${column} = 0.1::FLOAT::DOUBLE`), column).toEqual([[1n]])
      expect(await count(`${column} IN (0.1, 7)`), column).toEqual([[1n]])
    }
  })

  it('joins over widened columns, of old files, new ones and both, answer what plain tables of the wide types do', async () => {
    const old =
      'SELECT i::INTEGER AS id, i::FLOAT / 8 AS f, i::DECIMAL(9,2) AS d, i::INTEGER AS same FROM range(1000) r(i)'
    const wide = `SELECT i::BIGINT AS id, i::DOUBLE / 8 AS f, i::DECIMAL(18,2) AS d, i::INTEGER AS same, i::BIGINT AS later FROM range(1000, 2000) r(i)`
    const widen =
      'ALTER COLUMN id SET DATA TYPE BIGINT, ALTER COLUMN f SET DATA TYPE DOUBLE, ALTER COLUMN d SET DATA TYPE DECIMAL(18,2), ADD COLUMN later BIGINT'
    await lake.run(`CREATE TABLE e.old AS ${old}; ALTER TABLE e.old ${widen};
      CREATE TABLE e.both AS ${old}; ALTER TABLE e.both ${widen}; INSERT INTO e.both ${wide};
      CREATE TABLE e.fresh AS ${wide};
      CREATE TABLE e.narrow (id BIGINT, f DOUBLE, d DECIMAL(18,2), same INTEGER, later BIGINT);
      CREATE TABLE e.keys AS SELECT i::INTEGER AS k, i::DOUBLE / 8 AS half, i % 7 AS g FROM range(500, 2500) r(i)`)
    await addFile('narrow', 'of-another-tool.parquet', old, ', FIELD_IDS {id: 1, f: 2, d: 3, same: 4}')
    await using plain = await lake.engine.session()
    const wideOld = `SELECT id::BIGINT AS id, f::DOUBLE AS f, d::DECIMAL(18,2) AS d, same, NULL::BIGINT AS later FROM (${old})`
    await plain.run(`CREATE SCHEMA plain; CREATE TABLE plain.old AS ${wideOld}; CREATE TABLE plain.fresh AS ${wide};
      CREATE TABLE plain.narrow AS FROM plain.old;
      CREATE TABLE plain.both AS SELECT * FROM plain.old UNION ALL SELECT * FROM plain.fresh;
      CREATE TABLE plain.keys AS SELECT i::INTEGER AS k, i::DOUBLE / 8 AS half, i % 7 AS g FROM range(500, 2500) r(i)`)

    const join = fc.record({
      table: fc.constantFrom('old', 'both', 'fresh', 'narrow'),
      on: fc.constantFrom('id = k', 'f = half', 'd = k', 'same = k', 'later = k', 'id = k AND f = half', 'id + 1 = k'),
      form: fc.constantFrom('SEMI JOIN', 'ANTI JOIN', 'JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN'),
      from: fc.constantFrom('table', 'keys'),
      most: fc.integer({ min: 500, max: 2500 }),
      group: fc.integer({ min: 0, max: 6 }),
      least: fc.option(fc.integer({ min: 0, max: 2000 }), { nil: undefined }),
    })
    await fc.assert(
      fc.asyncProperty(join, async ({ table, on, form, from, most, group, least }) => {
        const query = (schema: string): string => {
          const rows = `(FROM ${schema}.${table}${least === undefined ? '' : ` WHERE id >= ${least}`}) AS w`
          const keys = `(FROM ${schema}.keys WHERE k < ${most} AND g = ${group}) AS u`
          const isSideless = /SEMI|ANTI/.test(form)
          const shown = isSideless ? (from === 'table' ? 'sum(id)' : 'sum(k)') : 'sum(id) + sum(k)'
          const [left, right] = from === 'table' ? [rows, keys] : [keys, rows]
          return `SELECT count(*), (${shown})::VARCHAR FROM ${left} ${form} ${right} ON ${on}`
        }
        const [expected = {}] = await plain.all(query('plain'))
        expect(await lake.rows(query('e')), query('e')).toEqual([Object.values(expected)])
      }),
      { numRuns: 150 },
    )
    const chosen = 'WHERE id IN (SELECT k FROM e.keys WHERE g = 3 AND k < 800)'
    const [chosenPlainly = {}] = await plain.all(
      'SELECT 2 * count(*) AS n FROM plain.both WHERE id IN (SELECT k FROM plain.keys WHERE g = 3 AND k < 800)',
    )
    await lake.run(`CREATE TABLE e.made AS FROM e.both ${chosen}; INSERT INTO e.made FROM e.both ${chosen}`)
    expect(await lake.rows('SELECT count(*) FROM e.made')).toEqual([[chosenPlainly['n']]])
  })

  it('filters on a widened column reach the reader of a large table, unless the plan joins', async () => {
    const rows = 'SELECT i::INTEGER AS id, i % 50 AS g FROM range(300000) r(i)'
    await lake.run(`CREATE TABLE e.large AS ${rows};
      ALTER TABLE e.large ALTER COLUMN id SET DATA TYPE BIGINT;
      CREATE TABLE e.few AS SELECT i * 7 AS k FROM range(200) r(i)`)
    await using plain = await lake.engine.session()
    await plain.run(`CREATE SCHEMA IF NOT EXISTS plain;
      CREATE TABLE plain.large AS SELECT id::BIGINT AS id, g FROM (${rows});
      CREATE TABLE plain.few AS SELECT i * 7 AS k FROM range(200) r(i)`)
    const values = Array.from({ length: 300 }, (_, at) => at * 11).join(', ')
    const scanned = async (query: string): Promise<string> =>
      JSON.stringify(await lake.rows(`EXPLAIN ${query}`)).replaceAll(/(\\n|[\s│])+/g, ' ')
    const filtered = 'SELECT count(*), sum(g)::BIGINT FROM e.large WHERE id BETWEEN 100 AND 2000'
    expect(await scanned(filtered)).toContain('id>=100 AND id<=2000')
    for (const query of [
      filtered,
      'SELECT count(*), sum(g)::BIGINT FROM e.large WHERE id = 299999 OR id < 3',
      `SELECT count(*) FROM e.large WHERE id IN (${values})`,
      `SELECT count(*) FROM e.large WHERE id NOT IN (${values}) AND id > 5`,
      'SELECT count(*) FROM e.large WHERE id IN (SELECT k FROM e.few WHERE k > 20)',
      'SELECT count(*) FROM e.large l WHERE EXISTS (FROM e.few WHERE k = l.id) AND id > 3',
      'SELECT count(*) FROM e.large WHERE id = (SELECT max(k) FROM e.few WHERE k > 2)',
      'SELECT max(n) FROM (SELECT count(*) OVER (PARTITION BY id) AS n FROM e.large WHERE id < 290000)',
      'SELECT count(*) FROM (SELECT id FROM e.large WHERE id > 4 INTERSECT SELECT k FROM e.few)',
      'SELECT count(*) FROM (SELECT k FROM e.few EXCEPT SELECT id FROM e.large WHERE id > 40)',
      'SELECT id, g FROM e.large WHERE id > 7 ORDER BY id DESC LIMIT 3',
      'SELECT count(*) FROM e.few RIGHT JOIN e.large ON k = id WHERE id > 9',
      'SELECT count(*) FROM e.large a, e.large b WHERE a.id = b.id AND a.g = 3',
    ]) {
      const expected = (await plain.all(query.replaceAll('e.', 'plain.'))).map((row) => Object.values(row))
      expect(await lake.rows(query), query).toEqual(expected)
    }
  })

  it('fields inside structs, lists and maps follow their ids too', async () => {
    await lake.run(`CREATE TABLE e.nested (id BIGINT, s STRUCT(x INTEGER, y VARCHAR, z STRUCT(p INTEGER)), l STRUCT(u INTEGER, v INTEGER)[], m MAP(VARCHAR, STRUCT(k INTEGER)));
      INSERT INTO e.nested VALUES (1, {'x': 1, 'y': 'one', 'z': {'p': 7}}, [{'u': 1, 'v': 2}, NULL], MAP {'a': {'k': 5}}), (2, NULL, NULL, NULL);
      ALTER TABLE e.nested RENAME COLUMN s.x TO x2;
      ALTER TABLE e.nested DROP COLUMN s.y;
      ALTER TABLE e.nested ADD COLUMN s.y INTEGER;
      ALTER TABLE e.nested RENAME COLUMN s.z.p TO q;
      ALTER TABLE e.nested RENAME COLUMN l.element.u TO w;
      ALTER TABLE e.nested ADD COLUMN l.element.u INTEGER;
      ALTER TABLE e.nested RENAME COLUMN m.value.k TO k2;
      INSERT INTO e.nested VALUES (3, {'x2': 3, 'z': {'q': 8}, 'y': 30}, [{'w': 5, 'v': 6, 'u': 7}], MAP {'b': {'k2': 6}})`)
    expect(await lake.rows('SELECT s, l, m FROM e.nested ORDER BY id')).toEqual([
      [{ x2: 1, z: { q: 7 }, y: null }, [{ w: 1, v: 2, u: null }, null], [['a', { k2: 5 }]]],
      [null, null, null],
      [{ x2: 3, z: { q: 8 }, y: 30 }, [{ w: 5, v: 6, u: 7 }], [['b', { k2: 6 }]]],
    ])
    expect(await lake.rows('SELECT id FROM e.nested WHERE s.x2 = 1 AND s.z.q = 7')).toEqual([[1n]])
  })

  it('fields whose names differ by accent or case are told apart whatever the settings of the session', async () => {
    await lake.run(`CREATE TABLE e.accents (id BIGINT, s STRUCT(e INTEGER, x INTEGER));
      INSERT INTO e.accents VALUES (1, {'e': 1, 'x': 2});
      ALTER TABLE e.accents RENAME COLUMN s.e TO é;
      INSERT INTO e.accents VALUES (2, {'é': 3, 'x': 4})`)
    try {
      await lake.run("SET default_collation = 'NOACCENT'; SET default_order = 'desc'")
      expect(await lake.rows('SELECT s FROM e.accents ORDER BY id ASC')).toEqual([[{ é: 1, x: 2 }], [{ é: 3, x: 4 }]])
    } finally {
      await lake.run('RESET default_collation; RESET default_order')
    }
  })

  it.each(['n', 'truncate(2, n)'])(
    'partitions by %s are replaced and deleted after the column was widened',
    async (term) => {
      await lake.run(`CREATE OR REPLACE TABLE e.wide (n INTEGER, v VARCHAR) PARTITIONED BY (${term});
      INSERT INTO e.wide VALUES (0, 'zero'), (2, 'two'), (4, 'four')`)
      // What was read before is kept.
      expect(await lake.rows('SELECT v FROM e.wide WHERE n = 2')).toEqual([['two']])
      await lake.run(
        "ALTER TABLE e.wide ALTER COLUMN n SET DATA TYPE BIGINT; INSERT OVERWRITE e.wide VALUES (2, 'TWO')",
      )
      await lake.run('DELETE FROM e.wide WHERE n = 0')
      expect(await lake.rows('SELECT * FROM e.wide ORDER BY n')).toEqual([
        [2n, 'TWO'],
        [4n, 'four'],
      ])
    },
  )

  it('a struct all of whose fields were replaced is there and empty, not an error and not null', async () => {
    await lake.run(`CREATE TABLE e.swapped (id BIGINT, s STRUCT(a INTEGER));
      INSERT INTO e.swapped VALUES (1, {'a': 1}), (2, NULL);
      ALTER TABLE e.swapped ADD COLUMN s.b INTEGER;
      ALTER TABLE e.swapped DROP COLUMN s.a`)
    expect(await lake.rows('SELECT s FROM e.swapped ORDER BY id')).toEqual([[{ b: null }], [null]])
  })
})

describe('files without field ids', () => {
  it('are read through the name mapping, which keeps the old names of renamed columns', async () => {
    await lake.run(`CREATE TABLE e.mapped (id BIGINT, name VARCHAR, s STRUCT(a INTEGER));
      ALTER TABLE e.mapped SET TBLPROPERTIES ('schema.name-mapping.default' = '[{"field-id":1,"names":["id","old_id"]},{"field-id":2,"names":["name"]},{"field-id":3,"names":["s"],"fields":[{"field-id":4,"names":["a","old_a"]}]}]')`)
    await addFile('mapped', 'one.parquet', "SELECT 1 AS old_id, 'x' AS name, {'old_a': 5} AS s, 'extra' AS more")
    await addFile('mapped', 'two.parquet', "SELECT 'y' AS name, 2::SMALLINT AS id")
    await lake.run("INSERT INTO e.mapped VALUES (3, 'z', {'a': 6})")
    expect(await lake.rows('SELECT * FROM e.mapped ORDER BY id')).toEqual([
      [1n, 'x', { a: 5 }],
      [2n, 'y', null],
      [3n, 'z', { a: 6 }],
    ])
    expect(await lake.rows("SELECT count(*) FROM e.mapped WHERE name = 'x' AND id = 1")).toEqual([[1n]])
  })

  it('are read by name where the table has no mapping', async () => {
    await lake.run('CREATE TABLE e.byname (id BIGINT, name VARCHAR)')
    await addFile('byname', 'x.parquet', "SELECT 'n' AS name, 7 AS id")
    expect(await lake.rows('SELECT * FROM e.byname')).toEqual([[7n, 'n']])
  })

  it('get the columns that they lack from identity partitions (hive layout)', async () => {
    await lake.run(
      'CREATE TABLE e.hive (id BIGINT, day DATE, region VARCHAR, n DECIMAL(9,2)) PARTITIONED BY (day, region, n)',
    )
    await addFile('hive', 'day=2020-01-02/region=eu/a.parquet', 'SELECT 1 AS id', '', [18263, 'eu', -150n])
    await addFile('hive', 'day=2020-01-03/region=__HIVE/b.parquet', 'SELECT 2 AS id', '', [18264, null, null])
    await lake.run("INSERT INTO e.hive VALUES (3, '2020-01-04', 'us', 2.5)")
    expect(await lake.rows('SELECT * FROM e.hive ORDER BY id')).toEqual([
      [1n, '2020-01-02', 'eu', '-1.50'],
      [2n, '2020-01-03', null, null],
      [3n, '2020-01-04', 'us', '2.50'],
    ])
    expect(await lake.rows("SELECT id FROM e.hive WHERE region = 'eu' AND n < 0")).toEqual([[1n]])
  })

  it('a column named like a virtual one of the reader keeps its values', async () => {
    await lake.run(
      "CREATE TABLE e.reserved (file_row_number BIGINT, filename VARCHAR); INSERT INTO e.reserved VALUES (42, 'mine')",
    )
    expect(await lake.rows('SELECT file_row_number, filename FROM e.reserved')).toEqual([[42n, 'mine']])
  })
})

describe('files whose types are not those of the columns', () => {
  const inBangkok = async (script: string): Promise<unknown[][]> => {
    try {
      return await lake.rows(`SET TimeZone = 'Asia/Bangkok'; SET Calendar = 'buddhist'; ${script}`)
    } finally {
      await lake.run('RESET TimeZone; RESET Calendar')
    }
  }
  /** 2020-06-01 12:00 UTC. */
  const NOON = 1_591_012_800_000_000n

  it('timestamps of the other kind are the same instants in every time zone and calendar of a session', async () => {
    await lake.run(
      'CREATE TABLE e.zones (id INTEGER, z TIMESTAMPTZ, t TIMESTAMP, s STRUCT(z TIMESTAMPTZ, l TIMESTAMP[]), m MAP(VARCHAR, TIMESTAMPTZ))',
    )
    const [t, z] = ["TIMESTAMP '2020-06-01 12:00:00'", "TIMESTAMPTZ '2020-06-01 12:00:00+00'"]
    await addFile(
      'zones',
      'one.parquet',
      `SELECT 1 AS id, ${t} AS z, ${z} AS t, {'z': ${t}, 'l': [${z}, NULL]} AS s, MAP {'k': ${t}} AS m`,
    )
    await addFile('zones', 'two.parquet', 'SELECT 2 AS id, NULL::TIMESTAMP AS z, NULL::TIMESTAMPTZ AS t')
    await addFile('zones', 'day.parquet', "SELECT 3 AS id, DATE '2020-06-01' AS z, DATE '2020-06-01' AS t")
    const select =
      "SELECT id, epoch_us(z), epoch_us(t), epoch_us(s.z), epoch_us(s.l[1]), len(s.l), epoch_us(m['k']) FROM e.zones"
    const day = NOON - 43_200_000_000n
    for (const rows of [await lake.rows(`${select} ORDER BY id`), await inBangkok(`${select} ORDER BY id`)]) {
      expect(rows).toEqual([
        [1, NOON, NOON, NOON, NOON, 2n, NOON],
        [2, null, null, null, null, null, null],
        [3, day, day, null, null, null, null],
      ])
    }
    for (const where of [
      `z = ${z}`,
      `t = ${t}`,
      `z > TIMESTAMPTZ '2020-06-01 11:59:59+00' AND z < TIMESTAMPTZ '2020-06-01 12:00:01+00'`,
      `s.z = ${z}`,
      `z IS NOT NULL AND t >= ${t}`,
      `t IN (${t}, '2020-06-01 01:00:00')`,
    ]) {
      expect(await lake.rows(`SELECT id FROM e.zones WHERE ${where}`), where).toEqual([[1]])
      expect(await inBangkok(`SELECT id FROM e.zones WHERE ${where}`), where).toEqual([[1]])
    }
  })

  it('nanoseconds are kept where the column holds them, and refused by name where it does not', async () => {
    await lake.run('CREATE TABLE e.nanos (id INTEGER, z TIMESTAMPTZ, t TIMESTAMP)')
    const ns = (digits: string) => `'2020-06-01 12:00:00.${digits}'::TIMESTAMP_NS`
    await addFile('nanos', 'whole.parquet', `SELECT 1 AS id, ${ns('000001000')} AS z, ${ns('000001000')} AS t`)
    expect(await inBangkok('SELECT epoch_us(z), epoch_us(t) FROM e.nanos')).toEqual([[NOON + 1n, NOON + 1n]])
    await addFile('nanos', 'part.parquet', `SELECT 2 AS id, ${ns('000001001')} AS z, ${ns('000001000')} AS t`)
    expect(await lake.rows('SELECT id, epoch_us(t) FROM e.nanos ORDER BY id')).toEqual([
      [1, NOON + 1n],
      [2, NOON + 1n],
    ])
    await expect(lake.rows('SELECT z FROM e.nanos')).rejects.toThrow(
      /^column 'z' does not fit its data file .*part\.parquet: 2020-06-01 12:00:00\.000001001 has nanoseconds/,
    )
  })

  it('text without its annotation is text, and text under a column of bytes is its bytes', async () => {
    await lake.run(
      'CREATE TABLE e.bytes (id INTEGER, s VARCHAR, b BLOB, n STRUCT(s VARCHAR, l VARCHAR[]), m MAP(VARCHAR, BLOB))',
    )
    const text = String.raw`'é"日\x41'`
    await addFile(
      'bytes',
      'one.parquet',
      `SELECT 1 AS id, encode(${text}) AS s, ${text} AS b, {'s': encode(${text}), 'l': [encode(${text}), NULL]} AS n, MAP {encode('ü'): ${text}} AS m`,
    )
    await addFile('bytes', 'two.parquet', 'SELECT 2 AS id, NULL::BLOB AS s, NULL::VARCHAR AS b')
    const shown = String.raw`é"日\x41`
    const bytes = new Uint8Array(Buffer.from(shown))
    expect(await lake.rows("SELECT s, b, n.s, n.l, m['ü'] FROM e.bytes ORDER BY id")).toEqual([
      [shown, bytes, shown, [shown, null], bytes],
      [null, null, null, null, null],
    ])
    for (const where of [
      `s = ${text}`,
      `s LIKE 'é%'`,
      `s IN (${text}, 'x')`,
      `s > 'z'`,
      `b = encode(${text})`,
      `n.s = ${text}`,
    ]) {
      expect(await lake.rows(`SELECT id FROM e.bytes WHERE ${where}`), where).toEqual([[1]])
    }
  })

  it('bytes that are no text are refused with the column, the file and the bytes, where they are read', async () => {
    await lake.run('CREATE TABLE e.torn (id INTEGER, s VARCHAR)')
    await addFile('torn', 'torn.parquet', String.raw`SELECT 1 AS id, 'ok'::BLOB AS s UNION ALL SELECT 2, '\xFFa'::BLOB`)
    expect(await lake.rows('SELECT id FROM e.torn ORDER BY id')).toEqual([[1], [2]])
    expect(await lake.rows('SELECT s FROM e.torn WHERE id = 1')).toEqual([['ok']])
    await expect(lake.rows('SELECT s FROM e.torn')).rejects.toThrow(
      /^column 's' does not fit its data file .*torn\.parquet: \\xFFa is not UTF-8 text$/,
    )
  })
})

describe('time travel and branches', () => {
  it('reads a snapshot by id and time with the columns of its time', async () => {
    await lake.run("CREATE TABLE e.travel (a INTEGER, b VARCHAR); INSERT INTO e.travel VALUES (1, 'x')")
    const [[first, at]] = (await lake.rows('SELECT snapshot_id, committed_at::VARCHAR FROM e.travel.snapshots')) as [
      [bigint, string],
    ]
    await lake.run(
      'ALTER TABLE e.travel RENAME COLUMN a TO a2; ALTER TABLE e.travel DROP COLUMN b; INSERT INTO e.travel VALUES (2)',
    )
    expect(await lake.rows('SELECT a2 FROM e.travel ORDER BY 1')).toEqual([[1], [2]])
    expect(
      await lake.rows(
        `SELECT travel.a, t2.b FROM e.travel AT (VERSION => ${first}) JOIN e.travel AT (VERSION => ${first}) AS t2 USING (a)`,
      ),
    ).toEqual([[1, 'x']])
    expect(await lake.rows(`SELECT * FROM e.travel AT (TIMESTAMP => TIMESTAMPTZ '${at}')`)).toEqual([[1, 'x']])
    expect(
      await lake.rows(
        `SELECT now.n - before.n FROM (SELECT count(*) AS n FROM e.travel) now, (SELECT count(*) AS n FROM e.travel AT (VERSION => '${first}')) before`,
      ),
    ).toEqual([[1n]])
    expect(await lake.rows(`SELECT record_count FROM e."travel$files" AT (VERSION => ${first})`)).toEqual([[1n]])
    // DuckDB's own grammar has AT behind the alias.
    for (const from of [
      `e.travel AS o AT (VERSION => ${first})`,
      `e.travel o AT (TIMESTAMP => TIMESTAMPTZ '${at}')`,
      `e.travel AT (VERSION => ${first}) AS o`,
      `o: e.travel AT (VERSION => ${first})`,
      `e.travel "o" /* then */ AT (VERSION => ${first}) WHERE o.a = 1`,
      `e.travel AS o(a, b) AT (VERSION => ${first})`,
      `e.travel AS n JOIN e.travel o AT (VERSION => ${first}) ON n.a2 = o.a`,
    ]) {
      expect(await lake.rows(`SELECT o.a, o.b FROM ${from}`), from).toEqual([[1, 'x']])
    }
    await expect(lake.rows(`SELECT 1 FROM e.travel o AT (VERSION => ${first}) WHERE o.a2 = 1`)).rejects.toMatchObject({
      code: 'sql/unknown-column',
      message: expect.stringMatching(/'o' has no column 'a2'.*WHERE o\.a2 = 1\n +\^$/s),
    })
    await expect(lake.rows('SELECT * FROM e.travel AT (VERSION => 12345)')).rejects.toMatchObject({
      code: 'iceberg/unknown-snapshot',
    })
    await expect(lake.rows("SELECT * FROM e.travel AT (TIMESTAMP => '1999-01-01')")).rejects.toMatchObject({
      code: 'iceberg/unknown-snapshot',
    })
    await expect(lake.rows("SELECT * FROM e.travel AT (TIMESTAMP => 'yesterday')")).rejects.toMatchObject({
      code: 'sql/syntax',
    })
  })

  it('reads tags with the columns of their snapshot, branches with those of the table', async () => {
    await lake.run('CREATE TABLE e.refs (a INTEGER); INSERT INTO e.refs VALUES (1)')
    const identifier = { namespace: ['e'], name: 'refs' }
    const base = await lake.catalog.loadTable(identifier)
    const snapshotId = base.metadata.currentSnapshotId ?? 0n
    await lake.catalog.commitTable(
      identifier,
      base,
      [],
      [
        { action: 'set-snapshot-ref', refName: 'v1.0', ref: { snapshotId, type: 'tag' } },
        { action: 'set-snapshot-ref', refName: 'dev', ref: { snapshotId, type: 'branch' } },
      ],
    )
    await lake.run('ALTER TABLE e.refs ADD COLUMN b INTEGER; INSERT INTO e.refs VALUES (2, 2)')
    expect(await lake.rows("SELECT * FROM e.refs AT (VERSION => 'v1.0')")).toEqual([[1]])
    expect(await lake.rows("SELECT * FROM e.refs AT (VERSION => 'dev')")).toEqual([[1, null]])
    expect(await lake.rows("SELECT count(*) FROM e.refs AT (VERSION => 'main')")).toEqual([[2n]])
  })
})

describe('tables and names of other writers', () => {
  it('iceberg_scan reads a metadata file, a folder by its hint, and a folder without one, adopted or not', async () => {
    await lake.run(
      'CREATE TABLE e.foreign_one (a INTEGER); INSERT INTO e.foreign_one VALUES (1); INSERT INTO e.foreign_one VALUES (2)',
    )
    const { metadata, metadataLocation } = await lake.catalog.loadTable({ namespace: ['e'], name: 'foreign_one' })
    const folder = localPath(metadata.location)
    await lake.run('DROP TABLE e.foreign_one')
    expect(await lake.rows(`SELECT count(*) FROM iceberg_scan('${folder}')`)).toEqual([[2n]])
    expect(await lake.rows(`SELECT sum(a) FROM iceberg_scan('${metadataLocation}') AS t WHERE a > 1`)).toEqual([[2n]])
    await writeFile(join(folder, 'metadata', 'version-hint.text'), '1')
    expect(await lake.rows(`SELECT count(*) FROM iceberg_scan('${folder}')`)).toEqual([[1n]])
    expect(await lake.rows(`SELECT count(*) FROM iceberg_scan('${folder}', version => '2')`)).toEqual([[2n]])
    await rename(folder, `${folder}-moved`)
    await expect(lake.rows(`SELECT * FROM iceberg_scan('${folder}-moved')`)).rejects.toMatchObject({
      code: 'storage/not-found',
    })
    expect(
      await lake.rows(
        `SELECT count(*) FROM iceberg_scan('${folder}-moved', allow_moved_paths => true, version => '2')`,
      ),
    ).toEqual([[2n]])
    await expect(lake.rows(`SELECT * FROM iceberg_scan('${lake.folder}/nowhere')`)).rejects.toMatchObject({
      code: 'storage/not-found',
    })
    await expect(lake.rows(`SELECT * FROM iceberg_scan('${folder}', frob => 1)`)).rejects.toMatchObject({
      code: 'sql/unsupported',
    })
  })

  it('tables and columns that differ by case only can all be read', async () => {
    const column = (id: number, name: string) => ({ id, name, type: { kind: 'int' as const }, required: false })
    await lake.createTable('e.Twin', { schemaId: 0, identifierFieldIds: [], fields: [column(1, 'x')] })
    await lake.createTable('e.twin', { schemaId: 0, identifierFieldIds: [], fields: [column(1, 'x')] })
    await lake.run('INSERT INTO e."Twin" VALUES (1); INSERT INTO e."twin" VALUES (2)')
    expect(await lake.rows('SELECT x FROM e."Twin"')).toEqual([[1]])
    expect(await lake.rows('SELECT a.x, b.x FROM e."Twin" a, e.twin b')).toEqual([[1, 2]])
    await lake.run('CREATE TABLE e.caseless (a INTEGER); INSERT INTO e.caseless VALUES (1)')
    expect(await lake.rows('SELECT A FROM E.CASELESS')).toEqual([[1]])
  })

  it('schemas named like something of the engine hold tables like others', async () => {
    await lake.run(
      'CREATE SCHEMA main; CREATE SCHEMA temp; CREATE SCHEMA "a.b"; CREATE TABLE main.t AS SELECT 1 AS x; CREATE TABLE temp.t AS SELECT 2 AS x; CREATE TABLE "a.b".t AS SELECT 3 AS x',
    )
    expect(await lake.rows('SELECT m.x, t.x, n.x FROM main.t m, temp.t t, "a.b".t n')).toEqual([[1, 2, 3]])
  })

  it.each([
    ['WITH t AS (SELECT 42 AS x) SELECT x FROM t', 42],
    ['WITH t(x) AS NOT MATERIALIZED (SELECT 42), u AS (SELECT x FROM t) SELECT x FROM u', 42],
    ['SELECT x FROM (WITH t AS (SELECT 42 AS x) SELECT x FROM t) AS q', 42],
    ['WITH u AS (WITH t AS (SELECT 42 AS x) SELECT x FROM t) SELECT t.x FROM t, u', 1],
    ['WITH t AS (SELECT x + 1 AS x FROM t) SELECT x FROM "T"', 2],
    ['WITH RECURSIVE t AS (SELECT 40 AS x UNION ALL SELECT x + 1 FROM t WHERE x < 42) SELECT max(x) FROM t', 42],
    ['WITH t AS (SELECT 42 AS x) SELECT x FROM main.t', 1],
    ["WITH t AS (SELECT 42 AS x) SELECT x FROM t AT (VERSION => 'main')", 1],
    ['SELECT t.x FROM t', 1],
  ])('a name of WITH goes before a table of a schema in use: %s', async (query, expected) => {
    await lake.run('CREATE SCHEMA IF NOT EXISTS main; CREATE TABLE IF NOT EXISTS main.t AS SELECT 1 AS x')
    for (const schema of ['main', 'e']) {
      if (schema === 'e') await lake.run('CREATE TABLE IF NOT EXISTS e.t AS SELECT 1 AS x')
      const rows = await lake.rows(`USE ${schema}; ${query}`)
      expect(rows).toEqual([[expected]])
    }
  })

  it('columns behind schema and table follow to where the table is read', async () => {
    await lake.run(
      'CREATE SCHEMA IF NOT EXISTS main; CREATE TABLE main.q AS SELECT 1 AS a; CREATE TABLE e.q AS SELECT 1 AS a; INSERT INTO e.q VALUES (2)',
    )
    for (const [query, rows] of [
      ['SELECT main.q.a FROM main.q', [[1]]],
      ['SELECT "main" . q . a FROM main.q WHERE main.q.a = 1', [[1]]],
      ['USE main; SELECT main.q.a FROM q ORDER BY main.q.a', [[1]]],
      ["SELECT e.q.a FROM e.q AT (VERSION => 'main') WHERE E.Q.a > 1", [[2]]],
      [
        "SELECT (SELECT max(e.q.a) FROM e.q), e.q.a FROM e.q AT (VERSION => 'main') ORDER BY e.q.a",
        [
          [2, 1],
          [2, 2],
        ],
      ],
      ['SELECT count(*) FROM main.q JOIN e.q ON main.q.a = e.q.a', [[1n]]],
    ] as const) {
      expect(await lake.rows(query)).toEqual(rows)
    }
    const twice = "SELECT e.q.a FROM e.q, e.q AT (VERSION => 'main')"
    await expect(lake.rows(twice)).rejects.toMatchObject({
      code: 'sql/unsupported',
      remedy: 'give each an alias, and write it before the column',
    })
    await expect(lake.rows('SELECT main.q.a FROM main.q AS other')).rejects.toMatchObject({
      message: expect.not.stringContaining('·'),
    })
    await expect(lake.rows('SELECT nope.a FROM main.q')).rejects.toMatchObject({
      message: expect.not.stringContaining('·'),
    })
  })
})
