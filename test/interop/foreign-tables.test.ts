import { afterAll, beforeAll, expect, it } from 'vitest'
import { type InteropLake, openInteropLake, textOf } from './lake.ts'

let lake: InteropLake
beforeAll(async () => {
  lake = await openInteropLake()
  // A catalog of its own, elsewhere: its tables are not those of the lakehouse.
  await lake.python(`
    import pyarrow as pa
    catalog(args["lake"]).create_namespace("ns")
    os.makedirs(args["root"] + "/theirs/warehouse")
    c = catalog(args["root"] + "/theirs")
    c.create_namespace("n")
    for name in ("registered", "hinted", "newest", "zipped", "foreign"):
        t = c.create_table("n." + name, pa.schema([("id", pa.int64()), ("s", pa.string())]),
                           properties={"write.metadata.compression-codec": "gzip"} if name == "zipped" else {})
        t.append(pa.table({"id": [1, 2], "s": ["a", None]}))
        t.append(pa.table({"id": [3], "s": ["größe"]}))
    done()
  `)
}, 120_000)
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
})

const ROWS = [
  [1, 'a'],
  [2, null],
  [3, 'größe'],
]
const rowsOf = (from: string) => lake.sql(`SELECT id::INTEGER, s FROM ${from} ORDER BY id`)

it('a registered table has its rows and history, takes appends, and its first owner is not changed', async () => {
  const before = await lake.python(
    'done(catalog(args["root"] + "/theirs").load_table("n.registered").metadata_location)',
  )
  await lake.house.registerTable('ns.registered', textOf(before))
  expect(await rowsOf('ns.registered')).toEqual(ROWS)
  const snapshots = await lake.sql('SELECT snapshot_id::VARCHAR FROM ns.registered.snapshots ORDER BY committed_at')
  const firstId = snapshots.flat().find((id) => typeof id === 'string')
  expect(await rowsOf(`ns.registered AT (VERSION => ${firstId})`)).toEqual(ROWS.slice(0, 2))
  await lake.sql(`INSERT INTO ns.registered VALUES (4, 'ours')`)
  const seen = await lake.python(`
    ids = lambda t: sorted(t.scan().to_arrow()["id"].to_pylist())
    theirs = catalog(args["root"] + "/theirs").load_table("n.registered")
    ours = catalog(args["lake"]).load_table("ns.registered")
    done([theirs.metadata_location, ids(theirs), ids(ours), len(ours.metadata.snapshots)])
  `)
  expect(seen).toEqual([before, [1, 2, 3], [1, 2, 3, 4], 3])
})

it('a table folder is read at its newest metadata, or at the version that version-hint.text names', async () => {
  await lake.python(`
    import glob, shutil
    folder = args["root"] + "/theirs/warehouse/n/hinted/metadata/"
    files = sorted(glob.glob(folder + "*.metadata.json"))
    # As Hadoop's tables have it: v1 is empty, v2 has the first append, v3 the second.
    for number, file in enumerate(files, 1): shutil.move(file, folder + "v%d.metadata.json" % number)
    open(folder + "version-hint.text", "w").write("2")
    done(len(files))
  `)
  const theirs = `${lake.root}/theirs/warehouse/n`
  expect(await rowsOf(`iceberg_scan('${theirs}/newest')`)).toEqual(ROWS)
  expect(await rowsOf(`iceberg_scan('${theirs}/hinted')`)).toEqual(ROWS.slice(0, 2))
  expect(await rowsOf(`iceberg_scan('file://${theirs}/hinted', version => '3')`)).toEqual(ROWS)
  const duck = await lake.python(`
    done(duck().execute("SELECT id, s FROM iceberg_scan('%s/theirs/warehouse/n/hinted') ORDER BY id" % args["root"]).fetchall())
  `)
  expect(duck).toEqual(ROWS.slice(0, 2))
})

it('gzip metadata is read by its file, by its folder, registered and changed', async () => {
  const location = await lake.python(`
    import gzip, glob
    t = catalog(args["root"] + "/theirs").load_table("n.zipped")
    path = t.metadata_location[7:]
    if not open(path, "rb").read(2) == b"\\x1f\\x8b":
        zipped = path.replace(".metadata.json", ".gz.metadata.json")
        open(zipped, "wb").write(gzip.compress(open(path, "rb").read()))
        os.remove(path)
        path = zipped
    done(path)
  `)
  expect(textOf(location)).toMatch(/gz/)
  expect(await rowsOf(`iceberg_scan('${textOf(location)}')`)).toEqual(ROWS)
  expect(await rowsOf(`iceberg_scan('${lake.root}/theirs/warehouse/n/zipped')`)).toEqual(ROWS)
  await lake.house.registerTable('ns.zipped', textOf(location))
  await lake.sql(`INSERT INTO ns.zipped VALUES (4, 'ours')`)
  expect(await rowsOf('ns.zipped')).toEqual([...ROWS, [4, 'ours']])
  expect(
    await lake.python(
      'done(sorted(catalog(args["lake"]).load_table("ns.zipped").scan().to_arrow()["id"].to_pylist()))',
    ),
  ).toEqual([1, 2, 3, 4])
})

it('files without field ids are read by the name mapping, renamed columns and structs too', async () => {
  const theirs = await lake.python(`
    import pyarrow as pa, pyarrow.parquet as pq
    c = catalog(args["lake"])
    schema = pa.schema([("id", pa.int64()), ("name", pa.string()), ("place", pa.struct([("city", pa.string()), ("zip", pa.int32())])), ("tags", pa.list_(pa.struct([("k", pa.string())])))])
    t = c.create_table("ns.mapped", schema)
    rows = lambda a: pa.Table.from_pylist([dict(id=i, name="n%d" % i, place={"city": "c%d" % i, "zip": i}, tags=[{"k": "t%d" % i}]) for i in a], schema=schema)
    pq.write_table(rows([1, 2]), args["root"] + "/plain-1.parquet")
    # Columns in another order, one that the table does not have, and one missing.
    pq.write_table(rows([3]).select(["place", "id"]).append_column("stranger", pa.array([9])), args["root"] + "/plain-2.parquet")
    t.add_files([args["root"] + "/plain-1.parquet"])
    from pyiceberg.exceptions import ValidationError
    try:
        t.add_files([args["root"] + "/plain-2.parquet"]); second = True
    except Exception as error:
        second = type(error).__name__
    with t.update_schema() as u:
        u.rename_column("name", "label"); u.rename_column("place.city", "town"); u.move_first("tags")
    from pyiceberg.types import IntegerType
    with t.update_schema() as u: u.add_column("extra", IntegerType())
    t.append(pa.Table.from_pylist([dict(id=4, label="n4", place={"town": "c4", "zip": 4}, tags=[{"k": "t4"}], extra=7)], schema=t.schema().as_arrow()))
    got = t.scan().to_arrow().to_pylist()
    done({"second": second, "rows": sorted([[r["id"], r["label"], r["place"]["town"], r["place"]["zip"], r["tags"][0]["k"], r["extra"]] for r in got])})
  `)
  const ours = await lake.sql(
    'SELECT id::INTEGER, label, place.town, place.zip, tags[1].k, extra FROM ns.mapped ORDER BY id',
  )
  expect(ours).toEqual([
    [1, 'n1', 'c1', 1, 't1', null],
    [2, 'n2', 'c2', 2, 't2', null],
    [4, 'n4', 'c4', 4, 't4', 7],
  ])
  expect(theirs).toMatchObject({ rows: ours })
})

it('a table whose partition column is in the folder names only is read with it, and filtered by it', async () => {
  const theirs = await lake.python(`
    import pyarrow as pa, pyarrow.parquet as pq
    from pyiceberg.transforms import IdentityTransform
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
    from pyiceberg.typedef import Record
    c = catalog(args["lake"])
    t = c.create_table("ns.hive", pa.schema([("id", pa.int64()), ("region", pa.string())]))
    with t.update_spec() as u: u.add_field("region", IdentityTransform(), "region")
    t = c.load_table("ns.hive")
    with t.transaction() as tx:
        if tx.table_metadata.name_mapping() is None:
            tx.set_properties({"schema.name-mapping.default": t.schema().name_mapping.model_dump_json()})
        with tx.update_snapshot().fast_append() as append:
            for region, ids in (("eu", [1, 2]), ("us", [3])):
                path = "%s/region=%s.parquet" % (args["root"], region)
                pq.write_table(pa.table({"id": ids}), path)
                append.append_data_file(DataFile.from_args(content=DataFileContent.DATA, file_path=path, file_format=FileFormat.PARQUET, partition=Record(region),
                    record_count=len(ids), file_size_in_bytes=os.path.getsize(path), spec_id=t.spec().spec_id, column_sizes={}, value_counts={}, null_value_counts={}, nan_value_counts={}, lower_bounds={}, upper_bounds={}, split_offsets=None))
    t = c.load_table("ns.hive")
    done(sorted([r["id"], r["region"]] for r in t.scan().to_arrow().to_pylist()))
  `)
  const rows = [
    [1, 'eu'],
    [2, 'eu'],
    [3, 'us'],
  ]
  expect(theirs).toEqual(rows)
  expect(await lake.sql('SELECT id::INTEGER, region FROM ns.hive ORDER BY id')).toEqual(rows)
  expect(await lake.sql(`SELECT id::INTEGER, region FROM ns.hive WHERE region = 'us'`)).toEqual([[3, 'us']])
})

it('a table that was moved without its metadata is read where it lies, when that is allowed', async () => {
  await lake.python(`
    import shutil
    shutil.move(args["root"] + "/theirs/warehouse/n/foreign", args["root"] + "/moved")
    done()
  `)
  const plain = `iceberg_scan('${lake.root}/moved')`
  await expect(rowsOf(plain)).rejects.toMatchObject({ code: 'storage/not-found' })
  expect(await rowsOf(`iceberg_scan('${lake.root}/moved', allow_moved_paths => true)`)).toEqual(ROWS)
  // The view of one is not that of the other.
  await expect(rowsOf(plain)).rejects.toMatchObject({ code: 'storage/not-found' })
})

it('binary and floating point columns with the Bloom filters of DuckDB hide no rows', async () => {
  await lake.python(`
    import duckdb, pyarrow as pa
    t = catalog(args["lake"]).create_table("ns.bloom", pa.schema([("id", pa.int64()), ("b", pa.binary()), ("d", pa.float64())]))
    path = args["root"] + "/bloom.parquet"
    duckdb.execute("COPY (SELECT i AS id, CASE WHEN i < 32 THEN '\\\\xFF'::BLOB ELSE 'a'::BLOB END AS b, CASE WHEN i < 32 THEN '-0.0'::DOUBLE ELSE 1 END AS d FROM range(64) r(i)) TO '%s' (FORMAT parquet)" % path)
    t.add_files([path])
    done()
  `)
  expect(await lake.sql(`SELECT count(*)::INTEGER FROM ns.bloom WHERE b = '\\xFF'::BLOB`)).toEqual([[32]])
  expect(await lake.sql('SELECT count(*)::INTEGER FROM ns.bloom WHERE d = 0.0')).toEqual([[32]])
})

it('NaN in files whose statistics leave it out is found by filters and joins', async () => {
  await lake.python(`
    import pyarrow as pa
    nan = float("nan")
    schema = pa.schema([("id", pa.int64()), ("d", pa.float64()), ("f", pa.float32()), ("s", pa.struct([("d", pa.float64())]))])
    t = catalog(args["lake"]).create_table("ns.nan", schema)
    for ids in [[1, 2, 3], [4, 5]]:
        rows = [{"id": i, "d": nan if i == 2 else i / 2, "f": nan if i == 2 else i / 2, "s": {"d": nan if i == 2 else i / 2}} for i in ids]
        t.append(pa.Table.from_pylist(rows, schema=schema))
    done()
  `)
  for (const column of ['d', 'f', 's.d']) {
    for (const where of [
      `${column} = 'nan'`,
      `${column} > 100`,
      `NOT (${column} <= 100)`,
      `${column} BETWEEN 50 AND 'nan'`,
      `${column} IN ('nan', 70)`,
      `${column} IN (SELECT 'nan'::DOUBLE UNION ALL SELECT 70)`,
      `${column} = (SELECT max(d) FROM ns.nan)`,
    ]) {
      expect(await lake.sql(`SELECT id::INTEGER FROM ns.nan WHERE ${where}`), where).toEqual([[2]])
    }
    const joined = `SELECT id::INTEGER FROM ns.nan JOIN (SELECT 'nan'::DOUBLE AS q UNION ALL SELECT 2.5) ON ${column} = q`
    expect(await lake.sql(`${joined} ORDER BY id`)).toEqual([[2], [5]])
  }
})

it('names with spaces, dots, other scripts and names that differ by case are read, and written back for PyIceberg', async () => {
  await lake.python(`
    import pyarrow as pa
    schema = pa.schema([("id", pa.int64()), ("a b", pa.int64()), ("x.y", pa.string()), ("größe", pa.float64()), ("1st", pa.bool_()), ("select", pa.string()),
                        ("st", pa.struct([("in ner", pa.int64()), ("日本", pa.string()), ("p.q", pa.int64())]))])
    t = catalog(args["lake"]).create_table("ns.names", schema)
    t.append(pa.Table.from_pylist([{"id": 1, "a b": 2, "x.y": "dot", "größe": 0.5, "1st": True, "select": "word", "st": {"in ner": 3, "日本": "jp", "p.q": 4}}], schema=schema))
    cases = catalog(args["lake"]).create_table("ns.cases", pa.schema([("id", pa.int64()), ("Name", pa.string()), ("name", pa.string())]))
    cases.append(pa.table({"id": [1], "Name": ["upper"], "name": ["lower"]}))
    done()
  `)
  const columns = `id::INTEGER, "a b"::INTEGER, "x.y", "größe", "1st", "select", st."in ner"::INTEGER, st."日本", st."p.q"::INTEGER`
  const row = [2, 'dot', 0.5, true, 'word', 3, 'jp', 4]
  expect(
    await lake.sql(`SELECT ${columns} FROM ns.names WHERE "a b" = 2 AND "größe" = 0.5 AND st."in ner" = 3`),
  ).toEqual([[1, ...row]])
  expect(await lake.sql('SELECT "Name", name_1 FROM ns.cases')).toEqual([['upper', 'lower']])
  await lake.sql('INSERT INTO ns.names SELECT * REPLACE (2 AS id) FROM ns.names')
  const seen = await lake.python(`
    t = catalog(args["lake"]).load_table("ns.names")
    rows = sorted(t.scan().to_arrow().to_pylist(), key=lambda r: r["id"])
    found = t.scan(row_filter="id = 2").to_arrow().num_rows
    done([[[*list(r.values())[:6], *r["st"].values()] for r in rows], found,
          duck().execute("SELECT id, \\"a b\\", \\"größe\\" FROM iceberg_scan('%s') ORDER BY id" % t.metadata_location).fetchall()])
  `)
  expect(seen).toEqual([
    [
      [1, ...row],
      [2, ...row],
    ],
    1,
    [
      [1, 2, 0.5],
      [2, 2, 0.5],
    ],
  ])
})

it('fields of structs, in lists too, whose names differ by case only are each read; adding rows is refused until one is renamed', async () => {
  await lake.python(`
    import pyarrow as pa
    pair = pa.struct([("X", pa.int64()), ("x", pa.int64()), ("x_1", pa.int64())])
    schema = pa.schema([("id", pa.int64()), ("s", pair), ("l", pa.list_(pair))])
    t = catalog(args["lake"]).create_table("ns.twins", schema)
    row = lambda n: {"X": n, "x": n + 1, "x_1": n + 2}
    t.append(pa.Table.from_pylist([{"id": 1, "s": row(10), "l": [row(20), None]}, {"id": 2, "s": None, "l": []}], schema=schema))
    done()
  `)
  const shown = 'id::INTEGER, s.X::INTEGER, s.x_2::INTEGER, s.x_1::INTEGER, l[1].x_2::INTEGER'
  expect(await lake.sql(`SELECT ${shown} FROM ns.twins ORDER BY id`)).toEqual([
    [1, 10, 11, 12, 21],
    [2, null, null, null, null],
  ])
  expect(await lake.sql('SELECT id::INTEGER FROM ns.twins WHERE s.x_2 = 11')).toEqual([[1]])
  await expect(lake.sql('INSERT INTO ns.twins (id) VALUES (3)')).rejects.toMatchObject({
    code: 'schema/unsupported-type',
    context: { names: ['s.X', 's.x'] },
  })
  await lake.sql('ALTER TABLE ns.twins RENAME COLUMN s."X" TO first')
  await lake.sql('ALTER TABLE ns.twins RENAME COLUMN l.element."X" TO first')
  await lake.sql('INSERT INTO ns.twins SELECT id + 2, s, l FROM ns.twins')
  const seen = await lake.python(`
    done([[r["id"], r["s"] and list(r["s"].items()), len(r["l"])] for r in sorted(catalog(args["lake"]).load_table("ns.twins").scan().to_arrow().to_pylist(), key=lambda r: r["id"])])
  `)
  const fields = [
    ['first', 10],
    ['x', 11],
    ['x_1', 12],
  ]
  expect(seen).toEqual([
    [1, fields, 2],
    [2, null, 0],
    [3, fields, 2],
    [4, null, 0],
  ])
})
