import { execFile } from 'node:child_process'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { Lakehouse } from '../../src/lakehouse/index.ts'
import { openInteropLake, rowsOf } from './lake.ts'

const run = promisify(execFile)
const ICEBOX = join(import.meta.dirname, '..', '..', 'bin', 'icebox')

it('a lakehouse that was moved and relocated is whole for PyIceberg and DuckDB: rows, history, appends', async () => {
  await using lake = await openInteropLake()
  await lake.sql(`
    CREATE SCHEMA ns;
    CREATE TABLE ns.t PARTITIONED BY (region) AS SELECT i AS id, 'r' || (i % 3) AS region FROM range(9) r(i);
    INSERT INTO ns.t VALUES (9, 'größe = 1');
    DELETE FROM ns.t WHERE region = 'r1';
    CREATE TABLE ns.empty (id BIGINT)
  `)
  await lake.python(`
    import pyarrow as pa
    t = catalog(args["lake"]).load_table("ns.t")
    t.append(pa.table({"id": [10], "region": ["theirs"]}))
    t.delete("id = 0")
    done()
  `)
  await lake.house.close()
  const moved = join(lake.root, 'other place', 'lake 2')
  await run('mkdir', ['-p', join(lake.root, 'other place')])
  await rename(lake.folder, moved)

  // Before: a clear error, not an empty table.
  await expect(run(ICEBOX, ['-C', moved, 'sql', 'from ns.t'])).rejects.toMatchObject({
    stderr: expect.stringContaining('relocate'),
  })
  await run(ICEBOX, ['-C', moved, 'table', 'relocate'])

  const ids = [2, 3, 5, 6, 8, 9, 10]
  const seen = await lake.python(
    `
    import pyarrow as pa
    c = catalog(args["moved"])
    t = c.load_table("ns.t")
    history = [sorted(t.scan(snapshot_id=s.snapshot_id).to_arrow()["id"].to_pylist()) for s in t.metadata.snapshots]
    duck = duck()
    duck_history = [[r[0] for r in duck.execute("SELECT id FROM iceberg_scan('%s', snapshot_from_id => %d::UBIGINT) ORDER BY id" % (t.metadata_location, s.snapshot_id)).fetchall()] for s in t.metadata.snapshots]
    outside = [task.file.file_path for task in t.scan().plan_files() if not task.file.file_path.startswith("file://" + args["moved"])]
    filtered = sorted(t.scan(row_filter="region = 'größe = 1'").to_arrow()["id"].to_pylist())
    t.append(pa.table({"id": [11], "region": ["after"]}))
    empty = c.load_table("ns.empty")
    empty.append(pa.table({"id": [1]}))
    done({"history": history, "duck": duck_history, "outside": outside, "filtered": filtered, "location": t.location()})
    `,
    { moved },
  )
  const first = [0, 1, 2, 3, 4, 5, 6, 7, 8]
  const history = [first, [...first, 9], [0, 2, 3, 5, 6, 8, 9], [0, 2, 3, 5, 6, 8, 9, 10], ids]
  expect(seen).toEqual({
    history,
    duck: history,
    outside: [],
    filtered: [9],
    location: `file://${moved}/warehouse/ns/t`,
  })
  await using house = await Lakehouse.open(moved)
  expect((await rowsOf(house, 'SELECT id::INTEGER FROM ns.t ORDER BY id')).flat()).toEqual([...ids, 11])
  expect(await rowsOf(house, 'SELECT count(*)::INTEGER FROM ns.empty')).toEqual([[1]])
})

it('so are tables of format v1 that PyIceberg wrote', async () => {
  await using lake = await openInteropLake()
  await lake.python(`
    import pyarrow as pa
    from pyiceberg.schema import Schema
    from pyiceberg.types import LongType, NestedField, StringType
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.transforms import IdentityTransform
    c = catalog(args["lake"])
    c.create_namespace("ns")
    schema = Schema(NestedField(1, "id", LongType()), NestedField(2, "region", StringType()))
    spec = PartitionSpec(PartitionField(source_id=2, field_id=1000, transform=IdentityTransform(), name="region"))
    t = c.create_table("ns.old", schema, partition_spec=spec, properties={"format-version": "1"})
    t.append(pa.table({"id": [1, 2], "region": ["a", "b"]}))
    t.append(pa.table({"id": [3], "region": ["a"]}))
    assert t.metadata.format_version == 1
    done()
  `)
  await lake.house.close()
  const moved = join(lake.root, 'moved')
  await rename(lake.folder, moved)
  await run(ICEBOX, ['-C', moved, 'table', 'relocate'])
  const seen = await lake.python(
    `
    import pyarrow as pa
    t = catalog(args["moved"]).load_table("ns.old")
    t.append(pa.table({"id": [4], "region": ["c"]}))
    history = [sorted(t.scan(snapshot_id=s.snapshot_id).to_arrow()["id"].to_pylist()) for s in t.metadata.snapshots]
    duck = sorted(r[0] for r in duck().execute("SELECT id FROM iceberg_scan('%s')" % t.metadata_location).fetchall())
    done({"version": t.metadata.format_version, "history": history, "duck": duck})
    `,
    { moved },
  )
  expect(seen).toEqual({
    version: 1,
    history: [
      [1, 2],
      [1, 2, 3],
      [1, 2, 3, 4],
    ],
    duck: [1, 2, 3, 4],
  })
  await using house = await Lakehouse.open(moved)
  expect((await rowsOf(house, "SELECT id::INTEGER FROM ns.old WHERE region <> 'b' ORDER BY id")).flat()).toEqual([
    1, 3, 4,
  ])
})
