import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commitTarget } from '../../src/catalog/index.ts'
import { planFiles, printTableMetadata, Transaction } from '../../src/iceberg/index.ts'
import { joinUri, localPath } from '../../src/storage/index.ts'
import { openQueryLake, type QueryLake } from './query-lake.ts'

let lake: QueryLake
beforeAll(async () => {
  lake = await openQueryLake()
  await lake.run('CREATE SCHEMA w')
})
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
})

const message = async (sql: string): Promise<string | undefined> => (await lake.run(sql)).at(-1)?.message

describe('INSERT', () => {
  it('puts columns where their list, their place or their name says, others are null', async () => {
    await lake.run('CREATE TABLE w.i (a BIGINT, b VARCHAR, c DECIMAL(5,2))')
    expect(await message("INSERT INTO w.i VALUES (1, 'x', 1.5), (2, NULL, NULL)")).toBe('inserted 2 rows into w.i')
    await lake.run("INSERT INTO w.i (c, a) SELECT 2.25, 3; INSERT INTO w.i BY NAME SELECT 'y' AS B, 4 AS a")
    expect(await message('WITH n AS (SELECT 5 AS v) INSERT INTO w.i (a) SELECT v FROM n')).toBe(
      'inserted 1 row into w.i',
    )
    expect(await lake.rows('SELECT * FROM w.i ORDER BY a')).toEqual([
      [1n, 'x', '1.50'],
      [2n, null, null],
      [3n, null, '2.25'],
      [4n, 'y', null],
      [5n, null, null],
    ])
    await expect(lake.run('INSERT INTO w.i SELECT 1')).rejects.toMatchObject({ code: 'schema/mismatch' })
    await expect(lake.run('INSERT INTO w.i BY NAME SELECT 1 AS zz')).rejects.toMatchObject({
      code: 'sql/unknown-column',
    })
    await expect(lake.run("INSERT INTO w.i (a) VALUES ('abc')")).rejects.toMatchObject({ code: 'sql/type' })
    await expect(lake.run('INSERT INTO w.nope VALUES (1)')).rejects.toMatchObject({ code: 'sql/unknown-table' })
    expect(await lake.rows('SELECT count(*) FROM w.i')).toEqual([[5n]])
  })

  it('gives columns that are not named the write-default of a v3 table, partitions by it, and keeps a null that is said', async () => {
    await lake.createTable('w.d', {
      schemaId: 0,
      identifierFieldIds: [],
      fields: [{ id: 1, name: 'a', type: { kind: 'long' }, required: false }],
    })
    const identifier = { namespace: ['w'], name: 'd' }
    // Only other writers make v3 tables: the metadata as theirs, adopted under the same name.
    const { metadata } = await lake.catalog.loadTable(identifier)
    const location = joinUri(metadata.location, 'metadata', '00001-v3.metadata.json')
    const text = printTableMetadata({ ...metadata, formatVersion: 3, nextRowId: 0n })
    await lake.io.create(location, Buffer.from(text))
    await lake.catalog.dropTable(identifier)
    const base = await lake.catalog.registerTable(identifier, location)
    await new Transaction({ target: commitTarget(lake.catalog, identifier), io: lake.io, base })
      .updateSchema((update) =>
        update
          .addColumn('i', { kind: 'int' }, { default: -7, required: true })
          .addColumn('s', { kind: 'string' }, { default: "it's" })
          .addColumn('b', { kind: 'binary' }, { default: Uint8Array.of(0, 39, 255) })
          .addColumn('c', { kind: 'decimal', precision: 5, scale: 2 }, { default: -125n })
          .addColumn('z', { kind: 'timestamptz' }, { default: 1_591_012_800_000_001n })
          .addColumn('d', { kind: 'date' }, { default: 18_262 }),
      )
      .commit()
    await lake.run('ALTER TABLE w.d SET PARTITIONED BY (s, i)')
    await lake.run('INSERT INTO w.d (a) VALUES (1); INSERT INTO w.d BY NAME SELECT 2 AS a, 5 AS i, NULL AS s')
    await lake.run("SET TimeZone = 'America/New_York'; INSERT INTO w.d (a) VALUES (3); SET TimeZone = 'UTC'")
    const defaults = [new Uint8Array([0, 39, 255]), '-1.25', 1_591_012_800_000_001n, '2020-01-01']
    expect(await lake.rows('SELECT a, i, s, b, c, epoch_us(z), d FROM w.d ORDER BY a')).toEqual([
      [1n, -7, "it's", ...defaults],
      [2n, 5, null, ...defaults],
      [3n, -7, "it's", ...defaults],
    ])
    expect(await lake.rows("SELECT a FROM w.d WHERE s = 'it''s' AND i = -7 ORDER BY a")).toEqual([[1n], [3n]])
    await expect(lake.run('INSERT INTO w.d (a, i) VALUES (4, NULL)')).rejects.toMatchObject({ code: 'schema/mismatch' })
  })

  it('binds parameters', async () => {
    await lake.run('CREATE TABLE w.params (a BIGINT, b VARCHAR)')
    await lake.run('INSERT INTO w.params VALUES ($1, $2)', [7, "it's"])
    expect(await lake.rows('SELECT * FROM w.params')).toEqual([[7n, "it's"]])
  })

  it('VALUES: each element is cast to its column by itself, as DuckDB does it', async () => {
    const columns = {
      b: 'BOOLEAN',
      i: 'INTEGER',
      l: 'BIGINT',
      d: 'DOUBLE',
      n: 'DECIMAL(10,2)',
      v: 'VARCHAR',
      ts: 'TIMESTAMP',
      tz: 'TIMESTAMPTZ',
      day: 'DATE',
      list: 'VARCHAR[]',
      s: 'STRUCT(a INTEGER, t VARCHAR)',
    }
    const definition = Object.entries(columns).map(([name, type]) => `"${name}" ${type}`)
    await using plain = await lake.engine.session()
    await plain.run(`CREATE SCHEMA reference; CREATE TABLE reference.typed (${definition.join(', ')})`)
    await lake.run(`CREATE TABLE w.typed (${definition.join(', ')})`)
    const ofList = (text: string) => fc.constantFrom(...text.split(' | '))
    const numbers = ofList(
      "true | 1 | 10 | 0 | -3 | 1.5 | 1.50 | 2.675 | 1e0 | 1e3 | 9007199254740993 | 300000000000 | '12' | '1.10' | 'nan' | 'no' | (SELECT max(r) FROM range(3) t(r)) | (VALUES ('7')) | 1 + 0.5 | CAST('5' AS TINYINT) | CAST(7 AS UBIGINT) | CAST(0.1 AS FLOAT)",
    )
    const times = ofList(
      "'2020-01-01' | '2020-01-01 10:00:00' | '2020-07-01 10:00:00+02' | DATE '2020-01-01' | DATE '2020-01-01' + 1 | TIMESTAMP '2020-01-01 10:00:00.123456' | TIMESTAMPTZ '2020-01-01 10:00:00+02'",
    )
    const nested = ofList(
      "'[a, b]' | [1, 2] | [1.5] | ['q'] | [] | {'a': 1, 't': 2.50} | {'a': 7} | '{a: 9, t: k}' | row(1, 2)",
    )
    const nothing = fc.constantFrom('NULL', 'DEFAULT')
    const anything = fc.oneof(numbers, times, nested, nothing)
    const elementOf = (column: string): fc.Arbitrary<string> => {
      const fitting = 'bildn'.includes(column) ? numbers : /^(ts|tz|day)$/.test(column) ? times : nested
      const likely = column === 'v' ? anything : fc.oneof({ weight: 6, arbitrary: fitting }, nothing)
      return fc.oneof({ weight: 20, arbitrary: likely }, anything)
    }
    const rows = fc.subarray(Object.keys(columns), { minLength: 1, maxLength: 3 }).chain((names) =>
      fc.record({
        names: fc.constant(names),
        values: fc.array(fc.tuple(...names.map(elementOf)), { minLength: 1, maxLength: 4 }),
        brackets: fc.constantFrom('', '('),
        end: fc.constantFrom('', ' ORDER BY 1', ' LIMIT 2'),
        zone: fc.constantFrom('UTC', 'Europe/Berlin'),
      }),
    )
    let done = 0
    await fc.assert(
      fc.asyncProperty(rows, async ({ names, values, brackets, end, zone }) => {
        const list = values.map((row) => `(${row.join(', ')})`).join(', ')
        const close = brackets === '' ? '' : ')'
        const insert = (table: string, verb = 'INTO'): string =>
          `INSERT ${verb} ${table} (${names.join(', ')}) ${brackets}VALUES ${list}${end}${close}`
        const text = (table: string): string => `SELECT COLUMNS(*)::VARCHAR FROM ${table} ORDER BY ALL`
        await plain.run(`TRUNCATE reference.typed; SET TimeZone = '${zone}'`)
        const plainly = await plain.run(insert('reference.typed')).then(
          () => 'done',
          () => 'refused',
        )
        const here = await lake.run(`SET TimeZone = '${zone}'; ${insert('w.typed', 'OVERWRITE')}`).then(
          () => 'done',
          () => 'refused',
        )
        expect(here, insert('w.typed')).toBe(plainly)
        if (plainly === 'refused') return
        done++
        const expected = (await plain.all(text('reference.typed'))).map((row) => Object.values(row))
        expect(await lake.rows(text('w.typed')), insert('w.typed')).toEqual(expected)
      }),
      { numRuns: 300 },
    )
    await lake.run("SET TimeZone = 'UTC'")
    expect(done).toBeGreaterThan(50)
  })

  it.each([
    ['(1.5), (10)', ['1.5', '10']],
    ['(1.5), (10) ORDER BY 1', ['1.5', '10']],
    ['(1.5), (10), ', ['1.5', '10']],
    ['(1.5,), (/* , */ 10)', ['1.5', '10']],
    ['((1.5)), (list_extract([10, 20], 1))', ['1.5', '10']],
    ['(1.5), (DEFAULT), (NULL)', ['1.5', null, null]],
    ['(1.5), ((SELECT max(q) FROM w.numbers))', ['1.5', '10']],
    ["(1.5), ((SELECT max(q) FROM w.numbers AT (VERSION => 'main')))", ['1.5', '10']],
    ['(1.5), (10) UNION ALL SELECT 3', ['1.5', '10.0', '3.0']],
  ])('VALUES keep their form in a column of text: %s', async (values, expected) => {
    await lake.run(
      'CREATE TABLE IF NOT EXISTS w.numbers AS SELECT 10 AS q; CREATE OR REPLACE TABLE w.forms (v VARCHAR, more BIGINT)',
    )
    const shown = expected.map((value) => [value])
    await lake.run(`INSERT INTO w.forms (v) VALUES ${values}`)
    expect(await lake.rows('SELECT v FROM w.forms')).toEqual(shown)
    await lake.run(`WITH n AS (SELECT 1 AS u) INSERT OVERWRITE w.forms (v) VALUES ${values}`)
    expect(await lake.rows('SELECT v FROM w.forms')).toEqual(shown)
    if (!values.includes('UNION')) return
    await lake.run(`INSERT OVERWRITE w.forms (v) SELECT * FROM (VALUES ${values})`)
    expect(await lake.rows('SELECT v FROM w.forms')).toEqual(shown)
  })

  it('VALUES take parameters, those of WITH too, where SQL may not read files', async () => {
    await using closed = await openQueryLake({ localFiles: false })
    await closed.run(
      'CREATE SCHEMA c; CREATE TABLE c.p (v VARCHAR, s STRUCT(a INT)); CREATE TABLE c.q AS SELECT 10 AS q',
    )
    await closed.run("INSERT INTO c.p VALUES ($1, {'a': $2}), (1.50, NULL), ((SELECT max(q) FROM c.q), DEFAULT)", [
      10n,
      7,
    ])
    await closed.run("WITH x AS (SELECT $1 AS v) INSERT INTO c.p VALUES ((SELECT v FROM x), {'a': $2}), (1.5, NULL)", [
      true,
      8,
    ])
    expect(await closed.rows('SELECT v, s.a FROM c.p ORDER BY ALL')).toEqual([
      ['1.5', null],
      ['1.50', null],
      ['10', 7],
      ['10', null],
      ['true', 8],
    ])
    const lost = closed.run("INSERT INTO c.p VALUES (1, {'a': 1}), (2, {'a': 1, 'lost': $1})", [3])
    await expect(lost).rejects.toMatchObject({ code: 'schema/mismatch', message: expect.stringContaining("'lost'") })
    const outside = closed.run("INSERT INTO c.p (v) VALUES (1), ((SELECT content FROM read_text('/etc/hostname')))")
    await expect(outside).rejects.toMatchObject({ code: 'sql/unsupported' })
  })

  it.each([
    ["(1, 'x'),\n  (2, nope)", 'sql/unknown-column', 'line 2, column 7'],
    ["(1, 'x'),\n  ('abc', 'x')", 'sql/type', 'line 2, column 4'],
    ["(1, 'x'), (99999999999999999999, 'x')", 'sql/type', 'line 1, column 39'],
    ["(1, 'x'), (2)", 'sql/syntax', 'line 1, column 39'],
    ['(1, )', 'schema/mismatch', 'the query gives 1'],
    ['(1, 2, 3)', 'schema/mismatch', 'the query gives 3'],
    ['(1,, 3)', 'sql/syntax', 'line 1, column 31'],
    ['()', 'sql/syntax', 'line 1, column 29'],
  ])('faults of VALUES are marked where they are: %s', async (values, code, place) => {
    await lake.run('CREATE TABLE IF NOT EXISTS w.marks (a BIGINT, b VARCHAR)')
    await expect(lake.run(`INSERT INTO w.marks VALUES ${values}`)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(place),
    })
    expect(await lake.rows('SELECT count(*) FROM w.marks')).toEqual([[0n]])
  })

  it('DEFAULT is the write-default of a v3 table', async () => {
    await lake.run('INSERT INTO w.d (a, i, c, b) VALUES (90, DEFAULT, DEFAULT, DEFAULT), (91, 4, 1, NULL)')
    expect(await lake.rows('SELECT a, i, c, b FROM w.d WHERE a >= 90 ORDER BY a')).toEqual([
      [90n, -7, '-1.25', new Uint8Array([0, 39, 255])],
      [91n, 4, '1.00', null],
    ])
  })

  it('reads the table that it writes, as it was', async () => {
    await lake.run(
      'CREATE TABLE w.self AS SELECT 1 AS a; INSERT INTO w.self SELECT a + 1 FROM w.self; INSERT INTO w.self FROM w.self',
    )
    expect(await lake.rows('SELECT a FROM w.self ORDER BY a')).toEqual([[1], [1], [2], [2]])
  })

  it.each([
    'SELECT 5 AS j, 6 AS j',
    'SELECT 5 AS j, 6 AS "J"',
    'SELECT * FROM (SELECT 5 AS j) AS x JOIN (SELECT 5 AS j) AS y ON x.j = y.j',
  ])('BY NAME takes a column once: %s', async (query) => {
    await lake.run('CREATE TABLE IF NOT EXISTS w.once (i BIGINT, j BIGINT)')
    await expect(lake.run(`INSERT INTO w.once BY NAME ${query}`)).rejects.toMatchObject({
      code: 'schema/mismatch',
      message: "column 'j' is named twice",
    })
    expect(await lake.rows('SELECT count(*) FROM w.once')).toEqual([[0n]])
  })

  it.each([
    ['s', "{'a': 1, 'lost': 3}", "column 's' of w.fields has no field 'lost'"],
    ['s', "{'a': 1, 'n': {'x': 1, 'lost of it': 2}}", "column 's.n' of w.fields has no field 'lost of it'"],
    ['l', "[{'a': 1, 'lost': 3}]::struct(a int, lost int)[1]", "column 'l.element' of w.fields has no field 'lost'"],
    ['m', "map {'k': [{'a': 1, 'lost': 3}]}", "column 'm.value.element' of w.fields has no field 'lost'"],
    ['s', "{'a': 1, 'lost': ['x'::enum('x', ')')]}", "column 's' of w.fields has no field 'lost'"],
    ['s', "{'u': 1, 'a': union_value(k := 1.5)}", "column 's' of w.fields has no field 'u'"],
  ])('refuses fields that the table has not: %s, %s', async (column, value, text) => {
    await lake.run(
      'CREATE TABLE IF NOT EXISTS w.fields (s STRUCT(a INT, n STRUCT(x INT)), l STRUCT(a INT)[], m MAP(VARCHAR, STRUCT(a INT)[]))',
    )
    for (const verb of ['INTO', 'OVERWRITE']) {
      await expect(lake.run(`INSERT ${verb} w.fields BY NAME SELECT ${value} AS ${column}`)).rejects.toMatchObject({
        code: 'schema/mismatch',
        message: expect.stringContaining(text),
      })
    }
  })

  it('puts fields of structs by name, rows by position, and null where the query has none', async () => {
    await lake.run(`CREATE TABLE w.partly (s STRUCT(a INT, n STRUCT(x INT, "time" TIMESTAMPTZ), d DECIMAL(4, 2)));
      INSERT INTO w.partly VALUES ({'d': 1.5, 'A': 1}), (NULL);
      INSERT INTO w.partly SELECT row(2, row(3, timestamptz '2020-01-01 00:00:00+00'), 2.5);
      INSERT INTO w.partly SELECT {'a': 3, 'n': {'time': timestamptz '2020-01-01 00:00:00+00'}}`)
    expect(await lake.rows('SELECT s.a, s.n.x, epoch(s.n."time"), s.d FROM w.partly ORDER BY s.a')).toEqual([
      [1, null, null, '1.50'],
      [2, 3, 1577836800, '2.50'],
      [3, null, 1577836800, null],
      [null, null, null, null],
    ])
  })

  it('refuses nulls in a required column, and leaves the table and its folder as they were', async () => {
    await lake.run('CREATE TABLE w.required (a BIGINT NOT NULL, b BIGINT)')
    await expect(lake.run('INSERT INTO w.required VALUES (NULL, 1)')).rejects.toMatchObject({ code: 'schema/mismatch' })
    await expect(lake.run('INSERT INTO w.required (b) VALUES (1)')).rejects.toMatchObject({ code: 'schema/mismatch' })
    expect(await lake.rows('SELECT count(*) FROM w.required')).toEqual([[0n]])
    expect(await lake.rows(`SELECT count(*) FROM glob('${lake.folder}/warehouse/w/required/data/**')`)).toEqual([[0n]])
  })

  it.each([
    ['s.x', "{'x': NULL, 'y': 1}", 's'],
    ['s.x', "{'y': 1}", 's'],
    ['s.n', "{'x': 1, 'n': NULL}", 's'],
    ['s.n.z', "{'x': 1, 'n': {'z': NULL, 'o': 1}}", 's'],
    ['l.element.x', "[{'x': 1}, NULL, {'x': NULL}]", 'l'],
    ['m.value.l.element.x', "map {'a': {'l': NULL}, 'b': {'l': [{'x': 1}, {'x': NULL}]}}", 'm'],
    ['m.key.x', "map {{'x': NULL::INT}: {'l': NULL}}", 'm'],
  ])('refuses a null in the required field %s: %s', async (path, value, column) => {
    await lake.run(`CREATE TABLE IF NOT EXISTS w.deep (s STRUCT(x INT NOT NULL, y INT, n STRUCT(z INT NOT NULL, o INT) NOT NULL),
      l STRUCT(x INT NOT NULL)[], m MAP(STRUCT(x INT NOT NULL), STRUCT(l STRUCT(x INT NOT NULL)[])), p INT) PARTITIONED BY (p)`)
    const key = column === 'm' && !value.includes('{{') ? value.replaceAll(/'([ab])':/g, "{'x': ascii('$1')}:") : value
    await expect(
      lake.run(`INSERT INTO w.deep BY NAME SELECT ${key} AS ${column}, 1 AS p UNION ALL SELECT NULL, 2`),
    ).rejects.toMatchObject({
      code: 'schema/mismatch',
      message: `the required column '${path}' would get nulls in 1 row`,
    })
    expect(await lake.rows('SELECT count(*) FROM w.deep')).toEqual([[0n]])
    expect(await lake.rows(`SELECT count(*) FROM glob('${lake.folder}/warehouse/w/deep/data/**')`)).toEqual([[0n]])
  })

  it('refuses nulls among required elements and values of other writers', async () => {
    const element = { kind: 'int' as const }
    const list = { kind: 'list' as const, elementId: 2, element, elementRequired: true }
    const map = { kind: 'map' as const, keyId: 4, key: element, valueId: 5, value: element, valueRequired: true }
    const fields = [
      { id: 1, name: 'l', type: list, required: false },
      { id: 3, name: 'm', type: map, required: false },
    ]
    await lake.createTable('w.items', { schemaId: 0, fields, identifierFieldIds: [] })
    for (const [values, path] of [
      ['([1, NULL], NULL)', 'l.element'],
      ['(NULL, map {1: NULL})', 'm.value'],
    ]) {
      await expect(lake.run(`INSERT INTO w.items VALUES ${values}`)).rejects.toMatchObject({
        message: `the required column '${path}' would get nulls in 1 row`,
      })
    }
    await lake.run('INSERT INTO w.items VALUES ([1], map {1: 2}), (NULL, NULL), ([], map {})')
    expect(await lake.rows('SELECT count(*) FROM w.items')).toEqual([[3n]])
  })

  it('takes structs that are null, whatever their fields require', async () => {
    await lake.run(`CREATE TABLE w.absent (s STRUCT(x INT NOT NULL, n STRUCT(z INT NOT NULL)), l STRUCT(x INT NOT NULL)[]);
      INSERT INTO w.absent VALUES (NULL, NULL), ({'x': 1, 'n': NULL}, []), ({'x': 2, 'n': {'z': 3}}, [NULL, {'x': 4}])`)
    expect(await lake.rows('SELECT count(s.x), count(s.n.z), sum(len(l)) FROM w.absent')).toEqual([[2n, 1n, 2n]])
  })

  it('OVERWRITE replaces the partitions of its rows, or all of an unpartitioned table', async () => {
    await lake.run(
      "CREATE TABLE w.parts (p VARCHAR, v BIGINT) PARTITIONED BY (p); INSERT INTO w.parts VALUES ('a', 1), ('a', 2), ('b', 3)",
    )
    await lake.run("INSERT OVERWRITE w.parts VALUES ('a', 9), ('c', 4)")
    expect(await lake.rows('SELECT * FROM w.parts ORDER BY ALL')).toEqual([
      ['a', 9n],
      ['b', 3n],
      ['c', 4n],
    ])
    await lake.run('CREATE TABLE w.whole AS SELECT range AS v FROM range(10); INSERT OVERWRITE w.whole SELECT 1')
    expect(await lake.rows('SELECT v FROM w.whole')).toEqual([[1n]])
    await lake.run('INSERT OVERWRITE w.whole SELECT 1 WHERE false')
    expect(await lake.rows('SELECT count(*) FROM w.whole')).toEqual([[0n]])
  })

  it('of ordered rows keeps their order in the files', async () => {
    await lake.run('CREATE TABLE w.ordered AS SELECT range AS v FROM range(300000) ORDER BY v DESC')
    const { metadata } = await lake.catalog.loadTable({ namespace: ['w'], name: 'ordered' })
    for await (const { dataFile } of planFiles({ metadata, io: lake.io, filter: { op: 'true' } }).tasks) {
      const path = dataFile.filePath.replace('file://', '')
      expect(
        await lake.rows(
          `SELECT count(*) FROM (SELECT v - lag(v) OVER (ORDER BY file_row_number) AS step FROM read_parquet('${path}')) WHERE step > 0`,
        ),
      ).toEqual([[0n]])
    }
  })
})

describe('CREATE and DROP', () => {
  // Java: PartitionSpec.Builder when a table is made, BaseUpdatePartitionSpec when a field is added.
  it('names partition fields as Spark does: short ones in CREATE, with the number in ALTER', async () => {
    await lake.run(`CREATE TABLE w.named (id BIGINT, name VARCHAR, ts TIMESTAMP, ts_hour INTEGER)
      PARTITIONED BY (bucket(16, id), bucket(4, id), truncate(4, name), month(ts), hour(ts), ts_hour)`)
    const names = async () => {
      const { metadata } = await lake.catalog.loadTable({ namespace: ['w'], name: 'named' })
      return metadata.partitionSpecs.find((spec) => spec.specId === metadata.defaultSpecId)?.fields.map((f) => f.name)
    }
    // The column ts_hour is in the way of the hour's name.
    const made = ['id_bucket', 'id_bucket_4', 'name_trunc', 'ts_month', 'ts_hour_2', 'ts_hour']
    expect(await names()).toEqual(made)
    await lake.run('ALTER TABLE w.named ADD PARTITION FIELD bucket(32, id), ADD PARTITION FIELD truncate(8, name)')
    expect(await names()).toEqual([...made, 'id_bucket_32', 'name_trunc_8'])
  })

  it('INSERT … VALUES refuses fields that the column does not have, also where a parameter says which there are', async () => {
    await lake.run('CREATE TABLE w.said (id INTEGER, v STRUCT(a INTEGER, b VARCHAR))')
    const insert = (structure: string) =>
      lake.run(`INSERT INTO w.said VALUES (1, from_json('{"a":5,"c":9}', $1))`, [structure])
    await expect(insert('{"a":"INTEGER","c":"INTEGER"}')).rejects.toMatchObject({ code: 'schema/mismatch' })
    const row = `(?, from_json('{"a":5,"c":9}', ?))`
    const structures = [1, '{"a":"INTEGER"}', 2, '{"a":"INTEGER","c":"INTEGER"}']
    const placed = lake.run(`INSERT INTO w.said VALUES ${row}, ${row}`, structures)
    await expect(placed).rejects.toMatchObject({ code: 'schema/mismatch' })
    await insert('{"a":"INTEGER"}')
    await lake.run('INSERT INTO w.said VALUES (2, (DEFAULT))')
    expect(await lake.rows('SELECT id, v FROM w.said ORDER BY id')).toEqual([
      [1, { a: 5, b: null }],
      [2, null],
    ])
  })

  it('SET and RESET PARTITIONED BY leave nothing of the layout before', async () => {
    const made = async (change: string) => {
      await lake.run(`CREATE OR REPLACE TABLE w.again (ts TIMESTAMP, b BOOLEAN, id INT)
        PARTITIONED BY (day(ts), b, bucket(4, id)); ALTER TABLE w.again ${change}`)
      const { metadata } = await lake.catalog.loadTable({ namespace: ['w'], name: 'again' })
      return metadata.partitionSpecs.find((spec) => spec.specId === metadata.defaultSpecId)?.fields.map((f) => f.name)
    }
    expect(await made('SET PARTITIONED BY (month(ts))')).toEqual(['ts_month'])
    expect(await made('SET PARTITIONED BY (b)')).toEqual(['b'])
    expect(await made('SET PARTITIONED BY (day(ts), b, bucket(4, id))')).toEqual(['ts_day', 'b', 'id_bucket'])
    expect(await made('RESET PARTITIONED BY')).toEqual([])
  })

  it('a dotted path means one column: a second one with it is refused', async () => {
    const refused = { code: 'iceberg/invalid-change', message: expect.stringContaining("'a.b' would mean two columns") }
    await expect(lake.run('CREATE TABLE w.two ("a.b" INT, a STRUCT(b INT))')).rejects.toMatchObject(refused)
    await lake.run('CREATE TABLE w.one ("a.b" INT, a STRUCT(c INT))')
    await expect(lake.run('ALTER TABLE w.one ADD COLUMN a.b INT')).rejects.toMatchObject({
      code: 'iceberg/invalid-change',
    })
    await expect(lake.run('ALTER TABLE w.one RENAME COLUMN a.c TO b')).rejects.toMatchObject(refused)
    await lake.run('ALTER TABLE w.one RENAME COLUMN a.b TO z')
    expect((await lake.rows('DESCRIBE w.one')).map(([name]) => name)).toEqual(['z', 'a'])
  })

  it('AS makes a table with the columns of its query, empty ones too', async () => {
    expect(
      await message(
        "CREATE TABLE w.made PARTITIONED BY (truncate(1, s)) AS SELECT 1::TINYINT AS t, 'x' AS s, NULL AS n, [{'a': 1}] AS l, 5::UBIGINT AS u, TIMESTAMPTZ '2020-01-01' AS tz",
      ),
    ).toBe('created table w.made with 1 row')
    expect((await lake.rows('DESCRIBE w.made')).map((row) => row.slice(0, 2))).toEqual([
      ['t', 'INTEGER'],
      ['s', 'VARCHAR'],
      ['n', 'INTEGER'],
      ['l', 'STRUCT("a" INTEGER)[]'],
      ['u', 'DECIMAL(20,0)'],
      ['tz', 'TIMESTAMP WITH TIME ZONE'],
    ])
    expect(await lake.rows('SELECT * FROM w.made')).toEqual([[1, 'x', null, [{ a: 1 }], '5', '2020-01-01T00:00:00Z']])
    expect(await message('CREATE TABLE w.nothing AS SELECT 1 AS a WHERE false')).toBe(
      'created table w.nothing with 0 rows',
    )
    expect(await lake.rows('SELECT * FROM w.nothing')).toEqual([])
    await expect(lake.run('CREATE TABLE w.bad AS SELECT 1 AS a, 2 AS A')).rejects.toMatchObject({
      code: 'source/columns',
    })
    await expect(lake.run('CREATE TABLE w.bad AS SELECT INTERVAL 1 DAY AS i')).rejects.toMatchObject({
      code: 'schema/unsupported-type',
    })
    await expect(lake.run("CREATE TABLE w.bad AS SELECT error('no') AS a")).rejects.toMatchObject({ code: 'sql/type' })
    expect((await lake.rows('SHOW TABLES FROM w')).map(([, name]) => name)).not.toContain('bad')
  })

  it('IF NOT EXISTS and OR REPLACE do what they say, and a plain CREATE refuses', async () => {
    await lake.run('CREATE TABLE w.twice AS SELECT 1 AS a')
    expect(await message('CREATE TABLE IF NOT EXISTS w.twice AS SELECT 2 AS a')).toContain('exists already')
    await expect(lake.run('CREATE TABLE w.twice (a INT)')).rejects.toMatchObject({ code: 'table/exists' })
    await lake.run('CREATE OR REPLACE TABLE w.twice AS SELECT 3 AS a')
    expect(await lake.rows('SELECT a FROM w.twice')).toEqual([[3]])
    expect(await lake.rows('SELECT count(*) FROM w.twice.snapshots')).toEqual([[2n]])
    await lake.run('CREATE OR REPLACE TABLE w.fresh AS SELECT 4 AS b')
    expect(await lake.rows('SELECT b FROM w.fresh')).toEqual([[4]])
    await expect(lake.run('CREATE TABLE nowhere.t (a INT)')).rejects.toMatchObject({ code: 'namespace/not-found' })
    await expect(lake.run('CREATE TABLE t (a INT)')).rejects.toMatchObject({ code: 'sql/syntax' })
  })

  it('SHOW CREATE TABLE makes the same table again', async () => {
    await lake.run(`CREATE TABLE w.shape (id BIGINT NOT NULL COMMENT 'it''s', "a b" STRUCT(x INTEGER NOT NULL, y FIXED(4)[]), ts TIMESTAMP)
      PARTITIONED BY (day(ts), bucket(8, id) AS shard) SORTED BY (id DESC, truncate(4, id)) TBLPROPERTIES ('k' = 'v')`)
    const [[first]] = (await lake.rows('SHOW CREATE TABLE w.shape')) as [[string]]
    await lake.run('DROP TABLE w.shape PURGE')
    await lake.run(first)
    expect(await lake.rows('SHOW CREATE TABLE w.shape')).toEqual([[first]])
  })

  it('ALTER finds columns as queries do, and makes no names that differ by case only', async () => {
    await lake.run('CREATE TABLE w.cases (id INT, s STRUCT(x INT))')
    for (const change of ['ADD COLUMN ID INT', 'ADD COLUMN S.X INT', 'RENAME COLUMN s TO "Id"']) {
      await expect(lake.run(`ALTER TABLE w.cases ${change}`)).rejects.toMatchObject({
        message: expect.stringContaining('differ by case only or not at all'),
      })
    }
    await lake.run(
      'ALTER TABLE w.cases ADD COLUMN IF NOT EXISTS ID INT, ADD COLUMN S.y INT FIRST, RENAME COLUMN ID TO "Id"',
    )
    await lake.run('ALTER TABLE w.cases DROP COLUMN IF EXISTS S.X')
    await lake.run("INSERT INTO w.cases VALUES (1, {'y': 2})")
    expect(await lake.rows('DESCRIBE w.cases').then((rows) => rows.map((row) => row.slice(0, 2)))).toEqual([
      ['Id', 'INTEGER'],
      ['s', 'STRUCT("y" INTEGER)'],
    ])
  })

  it.each(['DROP COLUMN nope', 'RENAME COLUMN nope TO b', 'ALTER COLUMN s.nope SET NOT NULL', 'ADD COLUMN nope.x INT'])(
    'ALTER says which columns there are: %s',
    async (change) => {
      await lake.run('CREATE TABLE IF NOT EXISTS w.known (a INT, s STRUCT(x INT))')
      await expect(lake.run(`ALTER TABLE w.known ${change}`)).rejects.toMatchObject({
        code: 'sql/unknown-column',
        message: expect.stringMatching(/there is no column '(s\.)?nope' \(line 1, column \d+\)/),
        remedy: change.includes('s.nope') ? 'there are: x' : 'there are: a, s',
      })
    },
  )

  it('ALTER marks the change that fails, of several', async () => {
    await lake.run('CREATE TABLE IF NOT EXISTS w.known (a INT, s STRUCT(x INT))')
    const script = 'ALTER TABLE w.known ADD COLUMN x INT, DROP COLUMN nope'
    await expect(lake.run(script)).rejects.toMatchObject({
      code: 'sql/unknown-column',
      context: { line: 1, column: script.indexOf('DROP') + 1 },
    })
  })

  it('schemas are found whatever their case, and none is made that differs by case only', async () => {
    await lake.run(
      'CREATE SCHEMA Sx; CREATE TABLE sx.A AS SELECT 1 AS v; CREATE TABLE sX.b (v INT); INSERT INTO SX.a VALUES (2)',
    )
    await expect(lake.run('CREATE SCHEMA SX')).rejects.toMatchObject({
      code: 'namespace/exists',
      message: 'namespace SX would differ from Sx by case only',
    })
    expect(await message('CREATE SCHEMA IF NOT EXISTS SX')).toBe('schema Sx exists already; nothing was done')
    expect(await lake.rows('SHOW TABLES FROM sx')).toEqual([
      ['Sx', 'A'],
      ['Sx', 'b'],
    ])
    await expect(lake.run('ALTER TABLE sx.a RENAME TO sx.B')).rejects.toMatchObject({ code: 'table/exists' })
    expect(await message('ALTER TABLE sx.a RENAME TO SX.a')).toBe('renamed table Sx.A to Sx.a')
    await lake.run('ALTER TABLE w.i RENAME TO sx.i; ALTER TABLE sx.i RENAME TO W.i')
    expect(await lake.rows('SELECT sum(v) FROM sx.a')).toEqual([[3n]])
    await lake.run('DROP TABLE sx.A; DROP TABLE SX.B')
    expect(await message('DROP SCHEMA sx')).toBe('dropped schema Sx')
    await expect(lake.run('SHOW TABLES FROM sx')).rejects.toMatchObject({ code: 'namespace/not-found' })
  })

  it('DROP removes the name, PURGE the files, and SCHEMA only what is empty', async () => {
    await lake.run('CREATE SCHEMA d; CREATE TABLE d.t AS SELECT 1 AS a')
    await expect(lake.run('DROP SCHEMA d')).rejects.toMatchObject({ code: 'namespace/not-empty' })
    await lake.run('DROP TABLE d.t PURGE; DROP TABLE IF EXISTS d.t; DROP SCHEMA d; DROP SCHEMA IF EXISTS d')
    expect(await lake.rows(`SELECT count(*) FROM glob('${lake.folder}/warehouse/d/t/**/*.parquet')`)).toEqual([[0n]])
    await expect(lake.run('DROP TABLE d.t')).rejects.toMatchObject({ code: 'sql/unknown-table' })
  })
})

describe('DELETE', () => {
  it('takes whole partitions and files away without reading them, and refuses single rows', async () => {
    await lake.run(`CREATE TABLE w.del (d DATE, v BIGINT, s VARCHAR) PARTITIONED BY (month(d));
      INSERT INTO w.del SELECT DATE '2020-01-01' + range::INTEGER, range, CASE WHEN range % 2 = 0 THEN NULL ELSE 's' END FROM range(90)`)
    expect(await message("DELETE FROM w.del WHERE date_trunc('month', d) = DATE '2020-01-01'")).toBe(
      'deleted 31 rows in 1 file of w.del',
    )
    expect(await message("DELETE FROM w.del AS x WHERE x.d >= '2020-02-01' AND x.d < '2020-03-01'")).toBe(
      'deleted 29 rows in 1 file of w.del',
    )
    expect(await message('DELETE FROM w.del WHERE v > 1000')).toBe('deleted 0 rows in 0 files of w.del')
    expect(await message('DELETE FROM w.del WHERE 1 = 0')).toBe('deleted 0 rows in 0 files of w.del')
    for (const where of [
      "d = '2020-03-05'",
      'v = 70',
      "s = 's'",
      's IS NULL',
      'v % 2 = 0',
      'random() < 2',
      'v IN (SELECT 70)',
      'EXISTS (SELECT 1 FROM w.del)',
      'v < (SELECT 1000)',
      "d >= '2020-03-01' OR random() < 0.5",
      's IS DISTINCT FROM 1::VARCHAR',
    ]) {
      await expect(lake.run(`DELETE FROM w.del WHERE ${where}`), where).rejects.toMatchObject({
        code: 'sql/unsupported',
      })
    }
    await lake.run('CREATE TABLE w.nested (s STRUCT(x INTEGER, y INTEGER)) PARTITIONED BY (s.x)')
    for (const where of ['s.x IS NULL', 'S.X = 1', 'nested.s.x = 1']) {
      await expect(lake.run(`DELETE FROM w.nested WHERE ${where}`), where).rejects.toMatchObject({
        message: expect.stringContaining('a field inside a struct'),
      })
    }
    await expect(lake.run('DELETE FROM w.del WHERE nope = 1')).rejects.toMatchObject({ code: 'sql/unknown-column' })
    expect(await lake.rows('SELECT count(*) FROM w.del')).toEqual([[30n]])
    expect(await lake.run('DELETE FROM w.del WHERE v >= $1', [60])).toMatchObject([
      { message: 'deleted 30 rows in 1 file of w.del' },
    ])
    expect(await message('TRUNCATE w.i')).toContain('truncated w.i')
    expect(await lake.rows('SELECT count(*) FROM w.i')).toEqual([[0n]])
  })
})

describe('system tables, EXPLAIN and settings', () => {
  it('system tables tell snapshots, files and partitions of a table', async () => {
    await lake.run(
      "CREATE TABLE w.sys (p VARCHAR, v BIGINT) PARTITIONED BY (p); INSERT INTO w.sys VALUES ('a', 1), ('b', NULL); DELETE FROM w.sys WHERE p = 'b'",
    )
    expect(
      await lake.rows('SELECT operation, summary[\'total-records\'] FROM w."sys$snapshots" ORDER BY committed_at'),
    ).toEqual([
      ['append', '2'],
      ['delete', '1'],
    ])
    expect(
      await lake.rows('SELECT partition, record_count, lower_bounds[2], null_value_counts[2] FROM w.sys.files'),
    ).toEqual([['p=a', 1n, '1', 0n]])
    expect(await lake.rows('SELECT partition, file_count FROM w.sys.partitions')).toEqual([['p=a', 1n]])
    expect(await lake.rows('SELECT name, type FROM w."sys$refs"')).toEqual([['main', 'BRANCH']])
    expect(await lake.rows('SELECT count(*) > 0, bool_and(is_current_ancestor) FROM w.sys.history')).toEqual([
      [true, true],
    ])
    expect(await lake.rows('SELECT count(*) FROM w.sys.metadata_log_entries')).toEqual([[3n]])
    expect(await lake.rows('SELECT content, existing_files_count, deleted_files_count FROM w.sys.manifests')).toEqual([
      ['data', 1, 1],
    ])
    expect(await lake.rows('SELECT count(*) FROM w.sys, w.sys.files WHERE sys.v = 1')).toEqual([[1n]])
  })

  it('NULL and the text null are two partitions: in files, in system tables, for filters and DELETE', async () => {
    const transforms = ['s', 'truncate(4, s)', 'bucket(4, s)', 's, truncate(4, s)']
    for (const [at, transform] of transforms.entries()) {
      const table = `w.nulls${at}`
      await lake.run(
        `CREATE TABLE ${table} (s VARCHAR, v BIGINT) PARTITIONED BY (${transform}); INSERT INTO ${table} VALUES (NULL, 1), ('null', 2), (NULL, 4), ('null', 8)`,
      )
      const sums = 'SELECT record_count, file_count FROM'
      expect(await lake.rows(`${sums} ${table}.partitions`), transform).toEqual([
        [2n, 1n],
        [2n, 1n],
      ])
      const shown = await lake.rows(`SELECT DISTINCT partition FROM ${table}.files`)
      expect(shown.length, transform).toBe(2)
      expect(await lake.rows(`SELECT sum(v)::INT FROM ${table} WHERE s IS NULL`), transform).toEqual([[5]])
      expect(await lake.rows(`SELECT sum(v)::INT FROM ${table} WHERE s = 'null'`), transform).toEqual([[10]])
      await lake.run(`DELETE FROM ${table} WHERE s IS NULL`)
      expect(await lake.rows(`SELECT DISTINCT s FROM ${table}`), transform).toEqual([['null']])
    }
  })

  it('EXPLAIN tells files and manifests, ANALYZE the bill, and both the names of columns', async () => {
    const plain = await lake.rows("EXPLAIN SELECT v FROM w.sys WHERE p = 'a'")
    expect(plain[0]?.[1]).not.toContain('·')
    expect(plain.at(-1)).toEqual(['icebox', expect.stringContaining('files: 1 total, 1 read')])
    const analyzed = await lake.rows("EXPLAIN ANALYZE SELECT v FROM w.sys WHERE p = 'a'")
    expect(analyzed.at(-1)?.[1]).toMatch(/memory: peak .* of a budget of 1 GB/)
  })

  it.each([
    '(SHOW TABLES)',
    '(SHOW ALL TABLES)',
    '(SHOW TABLES FROM w)',
    '(SHOW SCHEMAS)',
    '(DESCRIBE)',
    '(DESCRIBE tables)',
  ])('%s is refused, of which the engine knows a part', async (list) => {
    await expect(lake.rows(`SELECT count(*) FROM ${list}`)).rejects.toMatchObject({
      code: 'sql/unsupported',
      remedy: expect.stringContaining('information_schema.tables'),
    })
  })

  it('DESCRIBE alone is refused, and of a table or a query within brackets it is not', async () => {
    await expect(lake.rows('DESCRIBE')).rejects.toMatchObject({ code: 'sql/unsupported' })
    await lake.run('CREATE TABLE w.told (a INTEGER)')
    for (const told of ['w.told', 'SELECT a FROM w.told ORDER BY a DESC'])
      expect(await lake.rows(`SELECT column_name FROM (DESCRIBE ${told})`)).toEqual([['a']])
  })

  it('tables and queries that are given as texts are refused, and not those of an earlier statement read', async () => {
    await lake.run('CREATE TABLE w.texts AS SELECT 1 AS a; FROM w.texts; INSERT INTO w.texts VALUES (2); USE w')
    for (const from of [
      "query('FROM texts')",
      "query_table('texts')",
      `x: main.query_table("texts")`,
      "json_execute_serialized_sql(json_serialize_sql('FROM texts'))",
      "pragma_table_info('texts')",
      "histogram('texts', a)",
      'histogram_values(source := $$texts$$, col_name := a)',
      'histogram("w.texts", a)',
    ])
      await expect(lake.rows(`SELECT * FROM ${from}`), from).rejects.toMatchObject({
        code: 'sql/unsupported',
        message: expect.stringContaining('given as a text'),
      })
    expect(await lake.rows('SELECT bin FROM histogram_values(w.texts, a) ORDER BY 1')).toEqual([[1], [2]])
    expect(await lake.rows('WITH query(b) AS (FROM texts) SELECT b FROM query ORDER BY 1')).toEqual([[1], [2]])
    expect(await lake.rows('SELECT query.b FROM texts query(b) ORDER BY 1')).toEqual([[1], [2]])
  })

  it('settings of a connection hold for it alone, others are refused by name', async () => {
    const other = lake.runner.connect()
    await lake.run("SET TimeZone = 'Asia/Tokyo'; USE w")
    expect(await lake.rows("SELECT TIMESTAMPTZ '2020-01-01 00:00:00+00'::VARCHAR, count(*) FROM sys")).toEqual([
      ['2020-01-01 09:00:00+09', 1n],
    ])
    for await (const result of other.run("SELECT TIMESTAMPTZ '2020-01-01 00:00:00+00'::VARCHAR")) {
      for await (const batch of result.batches) expect(batch.toArrays()).toEqual([['2020-01-01 00:00:00+00']])
    }
    await lake.run('RESET TimeZone')
    await expect(lake.run("SET memory_limit = '10GB'")).rejects.toMatchObject({ code: 'sql/unsupported' })
    await expect(lake.run("SET TimeZone = 'Mars/Olympus'")).rejects.toMatchObject({
      code: expect.stringMatching(/sql|engine/),
    })
    await expect(lake.run('USE nowhere')).rejects.toMatchObject({ code: 'namespace/not-found' })
    expect(await lake.rows('SHOW TimeZone')).toEqual([['UTC']])
  })
})

describe('time zones', () => {
  it("a person's zone holds for what they write, and not for partitions and statistics", async () => {
    const tokyo = lake.runner.connect()
    const script = `SET TimeZone = 'Asia/Tokyo';
      CREATE TABLE w.zoned (moment TIMESTAMPTZ) PARTITIONED BY (day(moment));
      INSERT INTO w.zoned VALUES ('2020-01-02 03:00:00')`
    for await (const result of tokyo.run(script)) for await (const _ of result.batches);
    expect(await lake.rows('SELECT moment FROM w.zoned')).toEqual([['2020-01-01T18:00:00Z']])
    expect(await lake.rows('SELECT partition, lower_bounds[1] FROM w.zoned.files')).toEqual([
      ['moment_day=2020-01-01', '2020-01-01T18:00:00+00:00'],
    ])
    const [result] = await lake.run("SELECT * FROM w.zoned WHERE moment = TIMESTAMPTZ '2020-01-02 03:00:00+09'")
    expect(result?.summary().rows).toBe(1)
  })
})

describe('collations', () => {
  it("a person's collation holds for their query, and not for the order of rows in files", async () => {
    try {
      await lake.run(`SET default_collation = 'NOCASE';
        CREATE TABLE w.collated (v VARCHAR) SORTED BY (v);
        INSERT INTO w.collated SELECT v FROM (VALUES ('b'), ('B'), ('a'), ('c')) t(v) WHERE v <> 'C'`)
    } finally {
      await lake.run('RESET default_collation')
    }
    const [[file]] = (await lake.rows('SELECT file_path FROM w.collated.files')) as [[string]]
    expect(await lake.rows(`SELECT v FROM '${localPath(file)}'`)).toEqual([['B'], ['a'], ['b']])
  })
})

describe('what is kept between statements', () => {
  it('is bounded: views of many snapshots come and go while statements run', async () => {
    await lake.run('CREATE TABLE w.churn (a BIGINT)')
    for (let round = 0; round < 40; round++) {
      const [counts] = await Promise.all([
        lake.rows('SELECT count(*) FROM w.churn'),
        lake.rows(`SELECT ${round} FROM w.churn a, w.sys b`),
        lake.run(`INSERT INTO w.churn VALUES (${round})`),
      ])
      expect([round, round + 1].map(BigInt)).toContain(counts[0]?.[0])
    }
    await using session = await lake.engine.session()
    const spaces = await session.all(
      "SELECT count(*)::INTEGER AS n FROM duckdb_databases() WHERE database_name LIKE 'icebox %'",
    )
    expect(spaces[0]?.['n']).toBeLessThan(45)
  })
})
