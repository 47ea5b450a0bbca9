import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ALL_TYPES, indented } from './all-types.ts'
import { type InteropLake, openInteropLake, textOf } from './lake.ts'

let lake: InteropLake
beforeAll(async () => {
  lake = await openInteropLake()
  await lake.python('catalog(args["lake"]).create_namespace("ns"); done()')
}, 120_000)
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
})

const PRELUDE = indented(ALL_TYPES)

describe.each([1, 2])('a table of all types that PyIceberg wrote, format version %i', (version) => {
  const table = `ns.types${version}`
  beforeAll(async () => {
    await lake.python(
      `
    ${PRELUDE}
    from pyiceberg.transforms import *
    c = catalog(args["lake"])
    rows = records()
    names = SCHEMA.names
    t = c.create_table(args["table"], typed(arrow(rows)).schema, properties={"format-version": str(args["version"])})
    with t.update_spec() as update:
        update.add_field("ts", YearTransform(), "ts_year")
    for part in range(4): t.append(typed(arrow(rows[part * 16:part * 16 + 16])))
    done()
      `,
      { table, version },
    )
  })

  it('has every value in Icebox', async () => {
    const parquetFile = `${lake.root}/${table}.parquet`
    for await (const { batches } of lake.house.run(`FROM ${table}`, [], { parquetFile }))
      for await (const _ of batches);
    const wrong = await lake.python(
      `
    ${PRELUDE}
    got = pq.read_table(args["root"] + "/" + args["table"] + ".parquet").to_pylist()
    # The files decide: PyIceberg writes a null list of structs as an empty one. DuckDB's dictionaries hold one zero.
    zero = lambda rows: [{k: v + 0.0 if isinstance(v, float) else v for k, v in r.items()} for r in rows]
    t = catalog(args["lake"]).load_table(args["table"])
    want = [row for task in t.scan().plan_files() for row in pq.read_table(task.file.file_path[7:]).to_pylist()]
    apart = {row for row in same_rows(want, records(), "files") if row[2] != "deep"}
    done([*same_rows(zero(got), zero(want), "icebox"), *map(str, apart)])
      `,
      { table },
    )
    expect(wrong).toEqual([])
  })

  it('is filtered by Icebox to the rows that Python filters', async () => {
    const filters = await lake.python(`
    ${PRELUDE}
    rows = records()
    nan = lambda v: isinstance(v, float) and math.isnan(v)
    def literal(name, v):
        kind = {"l": "BIGINT", "i": "INTEGER", "f": "FLOAT", "d": "DOUBLE", "dec9": "DECIMAL(9,2)", "dec18": "DECIMAL(18,0)", "dec38": "DECIMAL(38,10)", "day": "DATE", "tod": "TIME", "ts": "TIMESTAMP", "tz": "TIMESTAMPTZ", "u": "UUID", "flag": "BOOLEAN"}
        if name == "s": return "'" + v.replace("'", "''") + "'"
        if name == "b": return "from_hex('%s')" % v.hex()
        return "CAST('%s' AS %s)" % (v, kind[name])
    out = []
    for name in SIMPLE:
        out.append(['"%s" IS NULL' % name, [r["id"] for r in rows if r[name] is None]])
        for v in COLUMNS[name][1]:
            if v is None or nan(v): continue
            out.append(['"%s" = %s' % (name, literal(name, v)), [r["id"] for r in rows if r[name] is not None and r[name] == v]])
            if name != "flag": out.append(['"%s" < %s' % (name, literal(name, v)), [r["id"] for r in rows if r[name] is not None and r[name] < v]])
    done(out)
    `)
    if (!Array.isArray(filters)) throw new TypeError('no filters')
    const wrong: unknown[] = []
    for (const entry of filters) {
      if (!Array.isArray(entry)) throw new TypeError('no filter')
      const [condition, want] = entry
      const got = (await lake.sql(`SELECT id::INTEGER FROM ${table} WHERE ${textOf(condition)} ORDER BY id`)).flat()
      if (JSON.stringify(got) !== JSON.stringify(want)) wrong.push([condition, got, want])
    }
    expect(filters.length).toBeGreaterThan(150)
    expect(wrong).toEqual([])
  })
})

describe.each([1, 2])('a table that PyIceberg partitioned, evolved and changed, format version %i', (version) => {
  const table = `ns.changed${version}`

  it('has the rows of PyIceberg in each snapshot, by each filter', async () => {
    const theirs = await lake.python(
      `
    ${PRELUDE}
    from pyiceberg.schema import Schema
    from pyiceberg.types import *
    from pyiceberg.transforms import *
    from pyiceberg.partitioning import PartitionSpec, PartitionField
    c = catalog(args["lake"])
    schema = Schema(NestedField(1, "id", IntegerType()), NestedField(2, "day", DateType()), NestedField(3, "name", StringType()), NestedField(4, "n", FloatType()),
                    NestedField(5, "place", StructType(NestedField(6, "city", StringType()), NestedField(7, "zip", IntegerType()))))
    spec = PartitionSpec(PartitionField(2, 1000, MonthTransform(), "m"), PartitionField(3, 1001, TruncateTransform(2), "name_t"), PartitionField(1, 1002, BucketTransform(3), "id_b"))
    t = c.create_table(args["table"], schema, partition_spec=spec, properties={"format-version": str(args["version"])})
    row = lambda i: dict(id=i, day=date(1969, 11, 20) + timedelta(days=i * 9) if i % 7 else None, name=["größe", "", None, "abc"][i % 4], n=i / 2, place={"city": "c%d" % i, "zip": i} if i % 3 else None)
    t.append(pa.Table.from_pylist([row(i) for i in range(20)], schema=t.schema().as_arrow()))
    t.delete("id >= 15 and id < 17")
    with t.update_schema() as u:
        u.rename_column("n", "number"); u.update_column("n", DoubleType()); u.update_column("id", LongType())
        u.add_column("extra", StringType()); u.add_column(("place", "country"), StringType()); u.rename_column("place.city", "town"); u.move_first("name")
    with t.update_spec() as u:
        u.remove_field("m")
        # PyIceberg cannot write into a void and another field of one column.
        if args["version"] == 2: u.add_field("day", DayTransform(), "d")
    more = [dict(id=2**40 + i, day=date(2024, 2, 29), name="new", number=0.1 * i, extra="e", place={"town": "t", "zip": None, "country": "CH"}) for i in range(3)]
    t.append(pa.Table.from_pylist(more, schema=t.schema().as_arrow()))
    t.overwrite(pa.Table.from_pylist([dict(id=3, day=None, name="over", number=-1.0, extra=None, place=None)], schema=t.schema().as_arrow()), overwrite_filter="id = 3")
    t.delete("name = 'abc'")
    with t.update_schema() as u: u.delete_column("extra")
    t.manage_snapshots().create_tag(t.current_snapshot().snapshot_id, "v1").commit()
    rows = lambda **k: sorted([[r["id"], r["name"], r.get("number", r.get("n")), r["day"] and r["day"].isoformat(), r["place"] and r["place"].get("town", r["place"].get("city"))] for r in t.scan(**k).to_arrow().to_pylist()])
    filters = ["id = 5", "id > 4000000000", "name is null", "name = 'größe'", "day is null", "day < '1970-01-01'", "number = 2.5", "number < 0", "place.zip = 5", "place.country = 'CH'", "place is null"]
    done({"snapshots": [[str(s.snapshot_id), rows(snapshot_id=s.snapshot_id)] for s in t.metadata.snapshots], "now": rows(),
          "filters": [[f, sorted(t.scan(row_filter=f).to_arrow()["id"].to_pylist())] for f in filters]})
      `,
      { table, version },
    )
    if (typeof theirs !== 'object' || theirs === null || Array.isArray(theirs)) throw new TypeError('no answer')
    const { snapshots, now, filters } = theirs
    if (!Array.isArray(snapshots) || !Array.isArray(filters)) throw new TypeError('no answer')
    const plain = (rows: readonly (readonly unknown[])[]) =>
      rows.map((row) => row.map((value) => (typeof value === 'bigint' ? Number(value) : value)))
    const columns = 'id, name, number, day::VARCHAR, place.town'
    expect(plain(await lake.sql(`SELECT ${columns} FROM ${table} ORDER BY id`))).toEqual(now)
    expect(plain(await lake.sql(`SELECT ${columns} FROM ${table} AT (VERSION => 'v1') ORDER BY id`))).toEqual(now)
    for (const snapshot of snapshots) {
      if (!Array.isArray(snapshot)) throw new TypeError('no snapshot')
      const [id, want] = snapshot
      const ids = await lake.sql(`SELECT id FROM ${table} AT (VERSION => ${textOf(id)}) ORDER BY id`)
      expect(plain(ids).flat()).toEqual(Array.isArray(want) ? want.map((row) => Array.isArray(row) && row[0]) : want)
    }
    for (const filter of filters) {
      if (!Array.isArray(filter)) throw new TypeError('no filter')
      const ids = await lake.sql(`SELECT id FROM ${table} WHERE ${textOf(filter[0])} ORDER BY id`)
      expect([filter[0], plain(ids).flat()]).toEqual(filter)
    }
  })
})

describe.each([1, 2])('fixed columns that PyIceberg wrote, format version %i', (version) => {
  it.each(['f', 'bucket', 'none'])('are read, filtered and pruned, partitioned by %s', async (layout) => {
    const table = `ns.fixed_${layout}_${version}`
    const seen = await lake.python(
      `
    import pyarrow as pa
    from pyiceberg.schema import Schema
    from pyiceberg.types import *
    from pyiceberg.transforms import *
    from pyiceberg.partitioning import PartitionSpec, PartitionField
    schema = Schema(NestedField(1, "id", LongType()), NestedField(2, "f", FixedType(4)), NestedField(3, "st", StructType(NestedField(4, "g", FixedType(20)))))
    transform = {"f": IdentityTransform(), "bucket": BucketTransform(3)}.get(args["layout"])
    spec = PartitionSpec(PartitionField(2, 1000, transform, "p")) if transform else PartitionSpec()
    t = catalog(args["lake"]).create_table(args["table"], schema, partition_spec=spec, properties={"format-version": str(args["version"])})
    values = [b"abcd", b"\\x00\\xff\\x01\\x02", None, b"zzzz"]
    for i, v in enumerate(values):
        t.append(pa.Table.from_pylist([{"id": i, "f": v, "st": {"g": v and v * 5}}], schema=t.schema().as_arrow()))
    ids = lambda f: sorted(t.scan(row_filter=f).to_arrow()["id"].to_pylist())
    done([len(list(t.scan().plan_files())), [ids("id = %d" % i) for i in range(4)]])
      `,
      { table, version, layout },
    )
    expect(seen).toEqual([4, [[0], [1], [2], [3]]])
    expect(await lake.sql(`SELECT id::INTEGER, hex(f), hex(st.g) FROM ${table} ORDER BY id`)).toEqual([
      [0, '61626364', '61626364'.repeat(5)],
      [1, '00FF0102', '00FF0102'.repeat(5)],
      [2, null, null],
      [3, '7A7A7A7A', '7A7A7A7A'.repeat(5)],
    ])
    const ids = (condition: string) => lake.sql(`SELECT id::INTEGER FROM ${table} WHERE ${condition} ORDER BY id`)
    expect(await ids("f = 'abcd'::BLOB")).toEqual([[0]])
    expect(await ids("f < 'abcd'::BLOB")).toEqual([[1]])
    expect(await ids("f >= 'abcd'::BLOB")).toEqual([[0], [3]])
    expect(await ids('f IS NULL')).toEqual([[2]])
    expect(await ids("st.g > 'x'::BLOB")).toEqual([[3]])
    const explained = (await lake.sql(`EXPLAIN SELECT id FROM ${table} WHERE f = 'abcd'::BLOB`)).flat().join('\n')
    expect(explained).toContain(', 1 read (')
  })
})

it('branches, upserts, overwritten partitions and expired snapshots of PyIceberg are read as it left them', async () => {
  await lake.python(`
    import pyarrow as pa
    c = catalog(args["lake"])
    b = c.create_table("ns.branched", pa.schema([("id", pa.int64())]))
    b.append(pa.table({"id": [1]}))
    b.manage_snapshots().create_branch(b.current_snapshot().snapshot_id, "dev").commit()
    b.append(pa.table({"id": [2]}), branch="dev")
    b.append(pa.table({"id": [3]}))
    u = c.create_table("ns.upserted", pa.schema([("id", pa.int64()), ("v", pa.string())]))
    u.append(pa.table({"id": [1, 2], "v": ["a", "b"]}))
    u.upsert(pa.table({"id": [2, 3], "v": ["B", "c"]}), join_cols=["id"])
    p = c.create_table("ns.replaced", pa.schema([("id", pa.int64()), ("p", pa.string())]))
    with p.update_spec() as update: update.add_identity("p")
    p = c.load_table("ns.replaced")
    p.append(pa.table({"id": [1, 2], "p": ["a", "b"]}))
    p.dynamic_partition_overwrite(pa.table({"id": [9], "p": ["b"]}))
    p.maintenance.expire_snapshots().by_id(p.metadata.snapshots[0].snapshot_id).commit()
    done()
  `)
  expect(await lake.sql('SELECT id::INTEGER FROM ns.branched ORDER BY id')).toEqual([[1], [3]])
  expect(await lake.sql(`SELECT id::INTEGER FROM ns.branched AT (VERSION => 'dev') ORDER BY id`)).toEqual([[1], [2]])
  expect(await lake.sql('SELECT id::INTEGER, v FROM ns.upserted ORDER BY id')).toEqual([
    [1, 'a'],
    [2, 'B'],
    [3, 'c'],
  ])
  expect(await lake.sql('SELECT id::INTEGER, p FROM ns.replaced ORDER BY id')).toEqual([
    [1, 'a'],
    [9, 'b'],
  ])
  expect(await lake.sql('SELECT operation FROM ns.replaced.snapshots ORDER BY committed_at')).toEqual([
    ['delete'],
    ['append'],
  ])
})

it.each(['zstandard', 'bzip2', 'null'])(
  'manifests of PyIceberg packed with %s are read, or refused by name',
  async (codec) => {
    const names: Readonly<Record<string, string>> = { zstandard: 'zstd' }
    const written = await lake.python(
      `
    import pyarrow as pa
    c = catalog(args["lake"])
    t = c.create_table("ns.packed_" + args["codec"], pa.schema([("id", pa.int64())]), properties={"write.avro.compression-codec": args["name"]})
    for part in range(3): t.append(pa.table({"id": list(range(part * 1000, part * 1000 + 1000))}))
    head = open(t.current_snapshot().manifest_list[7:], "rb").read(2000)
    done(args["codec"].encode() in head)
    `,
      { codec, name: names[codec] ?? codec },
    )
    expect(written).toBe(true)
    const answer = lake.sql(`SELECT count(*), sum(id)::BIGINT FROM ns.packed_${codec}`)
    if (codec === 'bzip2') await expect(answer).rejects.toMatchObject({ code: 'iceberg/unsupported' })
    else expect(await answer).toEqual([[3000n, 4_498_500n]])
  },
)
