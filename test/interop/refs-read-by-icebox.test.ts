import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type InteropLake, openInteropLake } from './lake.ts'

let lake: InteropLake
beforeAll(async () => {
  lake = await openInteropLake()
  await lake.python(`
    import pyarrow as pa
    from pyiceberg.types import StringType
    c = catalog(args["lake"])
    c.create_namespace("ns")
    for version in (1, 2):
        t = c.create_table("ns.refs%d" % version, pa.schema([("id", pa.int64()), ("v", pa.string())]), properties={"format-version": str(version)})
        rows = lambda ids: pa.table({"id": ids, "v": ["v%d" % i for i in ids]})
        t.append(rows([1]))
        first = t.current_snapshot().snapshot_id
        t.manage_snapshots().create_tag(first, "it's v1.0", max_ref_age_ms=86400000).commit()
        t.manage_snapshots().create_branch(first, "feature/x").commit()
        # One that is not appended to: an append of PyIceberg 0.12 to a branch drops these.
        t.manage_snapshots().create_branch(first, "kept", max_ref_age_ms=604800000, max_snapshot_age_ms=3600000, min_snapshots_to_keep=3).commit()
        t.append(rows([2]))
        t.append(rows([10, 11]), branch="feature/x")
        t.append(rows([12]), branch="feature/x")
        with t.update_schema() as u:
            u.rename_column("v", "value"); u.add_column("extra", StringType())
        t.append(pa.table({"id": [3], "value": ["v3"], "extra": ["e"]}))
        t.manage_snapshots().create_tag(t.current_snapshot().snapshot_id, "2024").commit()
        t.delete("id = 1")
        # A tag of a snapshot that is on no branch.
        t.manage_snapshots().create_branch(first, "gone").commit()
        t.append(pa.table({"id": [99], "value": ["v99"], "extra": pa.array([None], pa.string())}), branch="gone")
        t = c.load_table("ns.refs%d" % version)
        t.manage_snapshots().create_tag(t.metadata.refs["gone"].snapshot_id, "loose").remove_branch("gone").commit()
    done()
  `)
}, 120_000)
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
})

describe.each([1, 2])('branches and tags that PyIceberg made, format version %i', (version) => {
  const table = `ns.refs${version}`
  const ids = async (ref: string) =>
    (await lake.sql(`SELECT id::INTEGER FROM ${table} AT (VERSION => '${ref}') ORDER BY id`)).flat()

  it('have the rows that PyIceberg reads there, each by its name', async () => {
    const theirs = await lake.python(
      `
    t = catalog(args["lake"]).load_table(args["table"])
    done([[name, sorted(t.scan(snapshot_id=ref.snapshot_id).to_arrow()["id"].to_pylist())] for name, ref in sorted(t.metadata.refs.items())])
      `,
      { table },
    )
    const names = ['2024', 'feature/x', "it''s v1.0", 'kept', 'loose', 'main']
    const ours = []
    for (const name of names) ours.push([name.replaceAll("''", "'"), await ids(name)])
    expect(ours).toEqual(theirs)
    // By hand, so that both cannot be wrong alike.
    expect(ours).toEqual([
      ['2024', [1, 2, 3]],
      ['feature/x', [1, 10, 11, 12]],
      ["it's v1.0", [1]],
      ['kept', [1]],
      ['loose', [1, 99]],
      ['main', [2, 3]],
    ])
  })

  it('a tag has the columns of its time, a branch those of the table; the two are joined in one query', async () => {
    expect((await lake.sql(`DESCRIBE FROM ${table} AT (VERSION => 'it''s v1.0')`)).map(([name]) => name)).toEqual([
      'id',
      'v',
    ])
    expect(await lake.sql(`SELECT * FROM ${table} AT (VERSION => 'feature/x') WHERE id > 10 ORDER BY id`)).toEqual([
      [11n, 'v11', null],
      [12n, 'v12', null],
    ])
    const joined = `SELECT b.id::INTEGER, t.v, m.value FROM ${table} AT (VERSION => '2024') m
      JOIN ${table} AT (VERSION => 'feature/x') b USING (id) JOIN ${table} AT (VERSION => 'it''s v1.0') t USING (id)`
    expect(await lake.sql(joined)).toEqual([[1, 'v1', 'v1']])
  })

  it('$refs says of each what PyIceberg says', async () => {
    const columns =
      'name, type, snapshot_id::VARCHAR, max_reference_age_in_ms::VARCHAR, min_snapshots_to_keep, max_snapshot_age_in_ms::VARCHAR'
    const theirs = await lake.python(
      `
    text = lambda v: None if v is None else str(v)
    rows = catalog(args["lake"]).load_table(args["table"]).inspect.refs().to_pylist()
    done(sorted([r["name"], r["type"], text(r["snapshot_id"]), text(r["max_reference_age_in_ms"]), r["min_snapshots_to_keep"], text(r["max_snapshot_age_in_ms"])] for r in rows))
      `,
      { table },
    )
    expect(await lake.sql(`SELECT ${columns} FROM "${table.replace('.', '"."')}$refs" ORDER BY name`)).toEqual(theirs)
    expect(await lake.sql(`SELECT ${columns} FROM ${table}.refs WHERE name = 'kept'`)).toMatchObject([
      ['kept', 'BRANCH', expect.any(String), '604800000', 3, '3600000'],
    ])
  })

  it('one that is not there is refused with the names that are', async () => {
    await expect(ids('v1.0')).rejects.toMatchObject({
      code: 'iceberg/unknown-snapshot',
      message: expect.stringContaining("'v1.0'"),
      remedy: expect.stringContaining('feature/x'),
    })
    // A removed branch, and a number that is no snapshot's.
    await expect(ids('gone')).rejects.toMatchObject({ code: 'iceberg/unknown-snapshot' })
    await expect(lake.sql(`SELECT * FROM ${table} AT (VERSION => 2025)`)).rejects.toMatchObject({
      code: 'iceberg/unknown-snapshot',
    })
  })

  it('stay what they are when Icebox writes', async () => {
    await lake.sql(`INSERT INTO ${table} VALUES (4, 'v4', NULL)`)
    expect(await ids('main')).toEqual([2, 3, 4])
    expect(await ids('feature/x')).toEqual([1, 10, 11, 12])
    const theirs = await lake.python(
      `
    t = catalog(args["lake"]).load_table(args["table"])
    done([sorted(t.metadata.refs), t.metadata.refs["kept"].min_snapshots_to_keep, sorted(t.scan().to_arrow()["id"].to_pylist())])
      `,
      { table },
    )
    expect(theirs).toEqual([['2024', 'feature/x', "it's v1.0", 'kept', 'loose', 'main'], 3, [2, 3, 4]])
  })
})
