import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ALL_TYPES, indented } from './all-types.ts'
import { type InteropLake, openInteropLake } from './lake.ts'

let lake: InteropLake
beforeAll(async () => {
  lake = await openInteropLake()
  await lake.sql('CREATE SCHEMA ns')
}, 120_000)
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
})

/** Rows by id as both others see them: `want` has the columns, in any order. */
const EXPECT_ROWS = `
def both(table, want, **more):
    t = catalog(args["lake"]).load_table(table)
    got = t.scan(**more).to_arrow().to_pylist()
    # PyIceberg 0.12 reads a null list or map with structs inside as an empty one, in its own tables too.
    out = same_rows(got, [dict(r, **{n: r[n] or [] for n in ("tags", "m") if n in r}) for r in want], "pyiceberg")
    if got and want and list(got[0]) != list(want[0]): out.append(("columns", list(got[0]), list(want[0])))
    snapshot = ", snapshot_from_id => %d" % more["snapshot_id"] if "snapshot_id" in more else ""
    rows = duck_rows(duck(), "FROM iceberg_scan('%s'%s)" % (t.metadata_location, snapshot))
    return out + same_rows(rows, want, "duckdb")
`
const PRELUDE = indented(`${ALL_TYPES}\n${EXPECT_ROWS}`)

describe('a table whose schema changed between its files', () => {
  beforeAll(async () => {
    await lake.sql(`
      CREATE TABLE ns.evolved (id BIGINT, small INTEGER, single FLOAT, price DECIMAL(9, 2), gone VARCHAR,
        place STRUCT(city VARCHAR, zip INTEGER, old VARCHAR), tags STRUCT(k VARCHAR)[], m MAP(VARCHAR, STRUCT(v INTEGER)));
      INSERT INTO ns.evolved VALUES
        (1, -5, 1.5, -1.25, 'x', {'city': 'Bern', 'zip': 3000, 'old': 'o'}, [{'k': 'a'}, NULL], MAP {'p': {'v': 1}}),
        (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
      ALTER TABLE ns.evolved ADD COLUMN added VARCHAR;
      ALTER TABLE ns.evolved DROP COLUMN gone;
      ALTER TABLE ns.evolved RENAME COLUMN price TO amount;
      ALTER TABLE ns.evolved ALTER COLUMN small SET DATA TYPE BIGINT;
      ALTER TABLE ns.evolved ALTER COLUMN single SET DATA TYPE DOUBLE;
      ALTER TABLE ns.evolved ALTER COLUMN amount SET DATA TYPE DECIMAL(20, 2);
      ALTER TABLE ns.evolved RENAME COLUMN place.city TO town;
      ALTER TABLE ns.evolved ADD COLUMN place.country VARCHAR;
      ALTER TABLE ns.evolved DROP COLUMN place.old;
      ALTER TABLE ns.evolved ALTER COLUMN place.zip SET DATA TYPE BIGINT;
      ALTER TABLE ns.evolved ALTER COLUMN added FIRST;
      ALTER TABLE ns.evolved ADD COLUMN gone INTEGER;
      INSERT INTO ns.evolved (id, small, single, amount, place, tags, m, added, gone) VALUES
        (3, 9007199254740993, 0.1, 123456789012345678.99, {'town': 'Rom', 'zip': 5000000000, 'country': 'IT'},
          [{'k': 'b'}], MAP {'q': {'v': 2}}, 'new', 7)
    `)
  })

  it('shows old files without dropped columns, with renamed and widened ones, nested too', async () => {
    const answer = await lake.python(`
    ${PRELUDE}
    nothing = dict(small=None, single=None, amount=None, place=None, tags=None, m=None, gone=None)
    want = [
        dict(dict(added=None, id=1), **dict(nothing, small=-5, single=1.5, amount=D("-1.25"), place=dict(town="Bern", zip=3000, country=None), tags=[{"k": "a"}, None], m=[("p", {"v": 1})])),
        dict(dict(added=None, id=2), **nothing),
        dict(dict(added="new", id=3), **dict(nothing, small=9007199254740993, single=0.1, amount=D("123456789012345678.99"), place=dict(town="Rom", zip=5000000000, country="IT"), tags=[{"k": "b"}], m=[("q", {"v": 2})], gone=7)),
    ]
    done(both("ns.evolved", want))
    `)
    expect(answer).toEqual([])
  })

  it('filters on widened, renamed and added columns to the rows of both kinds of files', async () => {
    const answer = await lake.python(`
    t = catalog(args["lake"]).load_table("ns.evolved")
    duck = duck()
    out = []
    for text, sql in [("small = -5", None), ("small > 5000000000", None), ("single = 1.5", None), ("amount = -1.25", None),
                      ("amount > 1000", None), ("place.town = 'Bern'", None), ("place.zip = 3000", None), ("place.zip > 4000000000", None),
                      ("added is null", None), ("gone = 7", None), ("gone is null", None), ("place.country is null", "place.country IS NULL")]:
        ids = sorted(t.scan(row_filter=text).to_arrow()["id"].to_pylist())
        theirs = sorted(r[0] for r in duck.execute("SELECT id FROM iceberg_scan('%s') WHERE %s" % (t.metadata_location, sql or text)).fetchall())
        out.append([text, ids, theirs])
    done(out)
    `)
    const both = (ids: number[]) => [ids, ids]
    expect(answer).toEqual([
      ['small = -5', ...both([1])],
      ['small > 5000000000', ...both([3])],
      ['single = 1.5', ...both([1])],
      ['amount = -1.25', ...both([1])],
      ['amount > 1000', ...both([3])],
      ["place.town = 'Bern'", ...both([1])],
      ['place.zip = 3000', ...both([1])],
      ['place.zip > 4000000000', ...both([3])],
      ['added is null', ...both([1, 2])],
      ['gone = 7', ...both([3])],
      ['gone is null', ...both([1, 2])],
      ['place.country is null', ...both([1, 2])],
    ])
  })
})

describe('a table whose partitioning changed between its files', () => {
  it('has all rows under each filter, in files of each spec', async () => {
    await lake.sql(`
      CREATE TABLE ns.respec PARTITIONED BY (month(ts)) AS
        SELECT i AS id, TIMESTAMP '1969-11-15 12:00:00' + INTERVAL (i) DAY AS ts, 'r' || (i % 3) AS region FROM range(0, 90) r(i);
      ALTER TABLE ns.respec REPLACE PARTITION FIELD month(ts) WITH day(ts);
      ALTER TABLE ns.respec ADD PARTITION FIELD bucket(4, id);
      INSERT INTO ns.respec SELECT i, TIMESTAMP '2024-02-28 23:59:59.999999' + INTERVAL (i % 3) DAY, 'r' || (i % 3) FROM range(90, 100) r(i);
      ALTER TABLE ns.respec DROP PARTITION FIELD bucket(4, id);
      ALTER TABLE ns.respec ADD PARTITION FIELD region;
      INSERT INTO ns.respec SELECT i, TIMESTAMP '2024-03-01 00:00:00', 'r' || (i % 3) FROM range(100, 110) r(i)
    `)
    const answer = await lake.python(`
    import datetime as dt
    t = catalog(args["lake"]).load_table("ns.respec")
    duck = duck()
    at = lambda i: dt.datetime(1969, 11, 15, 12) + dt.timedelta(days=i) if i < 90 else dt.datetime(2024, 2, 28, 23, 59, 59, 999999) + dt.timedelta(days=i % 3) if i < 100 else dt.datetime(2024, 3, 1)
    rows = [dict(id=i, ts=at(i), region="r%d" % (i % 3)) for i in range(110)]
    out, pruned, everything = [], 0, len(list(t.scan().plan_files()))
    for text, holds in [
        ("ts < '1969-12-01T00:00:00'", lambda r: r["ts"] < dt.datetime(1969, 12, 1)), ("ts >= '1970-01-01T00:00:00'", lambda r: r["ts"] >= dt.datetime(1970, 1, 1)),
        ("ts = '2024-02-29T23:59:59.999999'", lambda r: r["ts"] == dt.datetime(2024, 2, 29, 23, 59, 59, 999999)),
        ("region = 'r1'", lambda r: r["region"] == "r1"), ("id = 95", lambda r: r["id"] == 95), ("id in (3, 93, 103)", lambda r: r["id"] in (3, 93, 103)),
        ("region = 'r2' and ts >= '2024-01-01T00:00:00'", lambda r: r["region"] == "r2" and r["ts"].year == 2024)]:
        want = [r["id"] for r in rows if holds(r)]
        scan = t.scan(row_filter=text)
        pruned += everything - len(list(scan.plan_files()))
        ids = sorted(scan.to_arrow()["id"].to_pylist())
        theirs = sorted(r[0] for r in duck.execute("SELECT id FROM iceberg_scan('%s') WHERE %s" % (t.metadata_location, text.replace("'19", "TIMESTAMP '19").replace("'20", "TIMESTAMP '20"))).fetchall())
        if ids != want: out.append(("pyiceberg", text, ids, want))
        if theirs != want: out.append(("duckdb", text, theirs, want))
    done({"wrong": out, "pruned": pruned > 0, "specs": sorted({task.file.spec_id for task in t.scan().plan_files()})})
    `)
    expect(answer).toEqual({ wrong: [], pruned: true, specs: [0, 2, 3] })
  })
})

describe('the snapshots of a table', () => {
  it('hold what each statement left: insert, overwrite, delete of partitions, truncate', async () => {
    await lake.sql(`
      CREATE TABLE ns.past PARTITIONED BY (p) AS SELECT i AS id, i % 4 AS p FROM range(8) r(i);
      INSERT INTO ns.past SELECT i, i % 4 FROM range(8, 12) r(i);
      DELETE FROM ns.past WHERE p = 1;
      INSERT OVERWRITE ns.past SELECT 100 + p, p FROM (VALUES (2), (3)) v(p);
      DELETE FROM ns.past WHERE p IN (0, 2);
      TRUNCATE ns.past;
      INSERT INTO ns.past VALUES (7, NULL)
    `)
    const answer = await lake.python(`
    t = catalog(args["lake"]).load_table("ns.past")
    duck = duck()
    out = []
    for entry in t.metadata.snapshots:
        ids = sorted(t.scan(snapshot_id=entry.snapshot_id).to_arrow()["id"].to_pylist())
        theirs = sorted(r[0] for r in duck.execute("SELECT id FROM iceberg_scan('%s', snapshot_from_id => %d::UBIGINT)" % (t.metadata_location, entry.snapshot_id)).fetchall())
        s = entry.summary
        out.append([ids, ids == theirs, s.operation.value, s.additional_properties["total-records"], s.additional_properties["total-data-files"]])
    done(out)
    `)
    const first = [0, 1, 2, 3, 4, 5, 6, 7]
    expect(answer).toEqual([
      [first, true, 'append', '8', '4'],
      [[...first, 8, 9, 10, 11], true, 'append', '12', '8'],
      [[0, 2, 3, 4, 6, 7, 8, 10, 11], true, 'delete', '9', '6'],
      [[0, 4, 8, 102, 103], true, 'overwrite', '5', '4'],
      [[103], true, 'delete', '1', '1'],
      [[], true, 'delete', '0', '0'],
      [[7], true, 'append', '1', '1'],
    ])
  })

  it('are the same in the metadata tables of Icebox, PyIceberg and DuckDB', async () => {
    const ours = await lake.sql(`
      SELECT snapshot_id::VARCHAR, parent_id::VARCHAR, operation FROM ns.past.snapshots ORDER BY committed_at
    `)
    const files = await lake.sql('SELECT file_path, record_count::INTEGER FROM ns.past.files')
    const history = await lake.sql('SELECT snapshot_id::VARCHAR, is_current_ancestor FROM ns.past.history')
    const answer = await lake.python(`
    t = catalog(args["lake"]).load_table("ns.past")
    text = lambda v: None if v is None else str(v)
    i = t.inspect
    duck = duck()
    done({"snapshots": [[text(r["snapshot_id"]), text(r["parent_id"]), r["operation"]] for r in i.snapshots().to_pylist()],
          "files": [[r["file_path"], r["record_count"]] for r in i.files().to_pylist()],
          "history": [[text(r["snapshot_id"]), r["is_current_ancestor"]] for r in i.history().to_pylist()],
          "partitions": [[r["partition"]["p"], r["record_count"], r["file_count"]] for r in i.partitions().to_pylist()],
          "entries": len(i.entries().to_pylist()), "manifests": len(i.manifests().to_pylist()), "refs": [r["name"] for r in i.refs().to_pylist()],
          "log": len(i.metadata_log_entries().to_pylist()) > 5,
          "duck_snapshots": [text(r[0]) for r in duck.execute("SELECT snapshot_id FROM iceberg_snapshots('%s') ORDER BY sequence_number" % t.metadata_location).fetchall()],
          "duck_files": [[r[0], r[1]] for r in duck.execute("SELECT file_path, record_count FROM iceberg_metadata('%s') WHERE status <> 'DELETED'" % t.metadata_location).fetchall()]})
    `)
    expect(answer).toMatchObject({
      snapshots: ours,
      files,
      history,
      partitions: [[null, 1, 1]],
      manifests: (await lake.sql('SELECT * FROM ns.past.manifests')).length,
      refs: ['main'],
      log: true,
      duck_snapshots: ours.map(([id]) => id),
      duck_files: files,
    })
  })
})
