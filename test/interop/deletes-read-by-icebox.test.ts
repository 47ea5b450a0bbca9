import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../src/base/index.ts'
import type { DataFile } from '../../src/iceberg/index.ts'
import { Lakehouse } from '../../src/lakehouse/index.ts'
import { LocalStore } from '../../src/storage/index.ts'
import { addDeletes } from './deletes-kit.ts'
import { type InteropLake, openInteropLake, rowsOf, textOf } from './lake.ts'

const io = new LocalStore()
let lake: InteropLake
/** Metadata of the table, and what Python wrote beside its data: files by name. */
let base: { metadata: string; files: Map<string, Omit<DataFile, 'specId' | 'partition'>> }

/**
 * ns.base: ids 0-9 by the first append, 10-19 by the second, even ones in the partition eu, odd ones in us; `v` is null
 * for ids divisible by 5. Spec 0 is identity(region), spec 1 (the current) is unpartitioned.
 */
const MAKE = `
import zlib, struct, pyarrow as pa, pyarrow.parquet as pq
from pyroaring import BitMap64
from pyiceberg.schema import Schema
from pyiceberg.types import *
from pyiceberg.partitioning import PartitionSpec, PartitionField
from pyiceberg.transforms import IdentityTransform
c = catalog(args["lake"])
c.create_namespace("ns")
schema = Schema(NestedField(1, "id", LongType()), NestedField(2, "region", StringType()), NestedField(3, "v", StringType()))
t = c.create_table("ns.base", schema, partition_spec=PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "region")))
row = lambda i: dict(id=i, region="us" if i % 2 else "eu", v=None if i % 5 == 0 else "v%d" % i)
for part in (range(10), range(10, 20)): t.append(pa.Table.from_pylist([row(i) for i in part], schema=t.schema().as_arrow()))
with t.update_spec() as u: u.remove_field("region")
t = c.load_table("ns.base")
where = {}
for task in t.scan().plan_files():
    ids = pq.read_table(task.file.file_path[7:], columns=["id"])["id"].to_pylist()
    where["%s%d" % ("us" if ids[0] % 2 else "eu", ids[0] // 10 + 1)] = (task.file.file_path, ids)
folder = t.location()[7:] + "/data/"
out = []
def field(name, type, id): return pa.field(name, type, metadata={"PARQUET:field_id": str(id)})
def parquet(name, columns, content, more):
    table = pa.table([pa.array(v, f.type) for f, v in columns], schema=pa.schema([f for f, v in columns]))
    pq.write_table(table, folder + name + ".parquet")
    out.append(dict(name=name, content=content, path="file://" + folder + name + ".parquet", format="parquet", rows=table.num_rows, size=os.path.getsize(folder + name + ".parquet"), **more))
PATH, POS = field("file_path", pa.string(), 2147483546), field("pos", pa.int64(), 2147483545)
at = lambda file, *ids: sorted((where[file][0], where[file][1].index(i)) for i in ids)
def positions(name, pairs): parquet(name, [(PATH, [p for p, _ in pairs]), (POS, [n for _, n in pairs])], "position-deletes", {})
positions("pos-eu", sorted(at("eu1", 0, 6) + at("eu2", 12)))
positions("pos-us", at("us1", 9))
parquet("eq-us", [(field("id", pa.int64(), 1), [1, 12])], "equality-deletes", {"equality": [1]})
parquet("eq-v-eu", [(field("v", pa.string(), 3), [None, "v4"])], "equality-deletes", {"equality": [3]})
parquet("eq-global", [(field("v", pa.string(), 3), ["v3", "v14", "v0"]), (field("region", pa.string(), 2), ["us", "eu", "eu"])], "equality-deletes", {"equality": [2, 3]})
def vector(name, file, positions):
    bits = BitMap64(positions).serialize()
    blob = b"\\xd1\\xd3\\x39\\x64" + bits
    blob = struct.pack(">I", len(blob)) + blob + struct.pack(">I", zlib.crc32(blob))
    footer = json.dumps({"blobs": [{"type": "deletion-vector-v1", "fields": [2147483546], "snapshot-id": -1, "sequence-number": -1, "offset": 4, "length": len(blob),
        "properties": {"referenced-data-file": where[file][0], "cardinality": str(len(positions))}}], "properties": {"created-by": "hand"}}).encode()
    raw = b"PFA1" + blob + b"PFA1" + footer + struct.pack("<i", len(footer)) + b"\\0\\0\\0\\0" + b"PFA1"
    open(folder + name + ".puffin", "wb").write(raw)
    out.append(dict(name=name, content="position-deletes", path="file://" + folder + name + ".puffin", format="puffin", rows=len(positions), size=len(raw), offset=4, length=len(blob), data=where[file][0]))
vector("dv-eu1", "eu1", [where["eu1"][1].index(i) for i in (2, 8)])
vector("dv-us2", "us2", [where["us2"][1].index(i) for i in (11, 19)])
done({"metadata": t.metadata_location, "files": out})
`

beforeAll(async () => {
  lake = await openInteropLake()
  const made = record(await lake.python(MAKE))
  base = {
    metadata: textOf(made.metadata),
    files: new Map(list(made.files).map((file) => [textOf(file.name), fileOf(file)])),
  }
}, 120_000)
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
})

function record(value: Json | undefined): { [key: string]: Json } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not an object')
  return value
}
function list(value: Json | undefined): { [key: string]: Json }[] {
  if (!Array.isArray(value)) throw new TypeError('not a list')
  return value.map(record)
}
function fileOf(json: { [key: string]: Json }): Omit<DataFile, 'specId' | 'partition'> {
  return {
    content: json.content === 'equality-deletes' ? 'equality-deletes' : 'position-deletes',
    filePath: textOf(json.path),
    fileFormat: json.format === 'puffin' ? 'puffin' : 'parquet',
    recordCount: BigInt(Number(json.rows)),
    fileSizeInBytes: BigInt(Number(json.size)),
    ...(Array.isArray(json.equality) && { equalityIds: json.equality.map(Number) }),
    ...(json.data !== undefined && {
      referencedDataFile: textOf(json.data),
      contentOffset: BigInt(Number(json.offset)),
      contentSizeInBytes: BigInt(Number(json.length)),
    }),
  }
}
/** A delete file in a partition of spec 0, or global (spec 1). */
function file(name: string, region?: string): DataFile {
  const found = base.files.get(name)
  if (found === undefined) throw new TypeError(name)
  return region === undefined ? { ...found, specId: 1, partition: [] } : { ...found, specId: 0, partition: [region] }
}
const without = (...gone: number[]) => Array.from({ length: 20 }, (_, id) => id).filter((id) => !gone.includes(id))

/** Ids as Icebox sees them without adopting the table, after adopting it, and as the others see them. */
async function idsOf(metadata: string, table: string) {
  const bare = await lake.sql(`SELECT id::INTEGER FROM iceberg_scan('${metadata}') ORDER BY id`)
  await lake.house.registerTable(table, metadata)
  const adopted = await lake.sql(`SELECT id::INTEGER FROM ${table} ORDER BY id`)
  const others = record(
    await lake.python(
      `
      duckdb = [r[0] for r in duck().execute("SELECT id FROM iceberg_scan('%s') ORDER BY id" % args["metadata"]).fetchall()]
      try:
          from pyiceberg.table import StaticTable
          pyiceberg = sorted(StaticTable.from_metadata(args["metadata"]).scan().to_arrow()["id"].to_pylist())
      except Exception as error:
          pyiceberg = str(error)[:60]
      done({"duckdb": duckdb, "pyiceberg": pyiceberg})
      `,
      { metadata },
    ),
  )
  return { bare: bare.flat(), adopted: adopted.flat(), ...others }
}

describe('deletes of other writers, which must not show again', () => {
  it('position deletes take away their rows, of several files', async () => {
    const metadata = await addDeletes(io, base.metadata, 2, [
      { specId: 0, files: [file('pos-eu', 'eu'), file('pos-us', 'us')] },
    ])
    const ids = without(0, 6, 12, 9)
    expect(await idsOf(metadata, 'ns.positions')).toEqual({ bare: ids, adopted: ids, duckdb: ids, pyiceberg: ids })
    const counted = await lake.sql(`SELECT count(*)::INTEGER, count(v)::INTEGER FROM ns.positions WHERE region = 'eu'`)
    expect(counted).toEqual([[7, 6]])
  })

  it('equality deletes take away equal rows of their partition, nulls too, and global ones everywhere', async () => {
    const { metadata } = base
    const location = await addDeletes(io, metadata, 2, [
      { specId: 0, files: [file('eq-us', 'us'), file('eq-v-eu', 'eu'), file('pos-us', 'us')] },
      { specId: 1, files: [file('eq-global')] },
    ])
    // us: id 1 (12 is in eu and stays); eu: v null (0, 10) and v4 (4); global: v3 in us, v14 in eu; by position: 9.
    const ids = without(1, 0, 10, 4, 3, 14, 9)
    expect(await idsOf(location, 'ns.equality')).toEqual({
      bare: ids,
      adopted: ids,
      // DuckDB 1.5.5 does not keep equality deletes to their partition: it drops v null in us and id 12 in eu as well.
      duckdb: ids.filter((id) => ![5, 12, 15].includes(id)),
      pyiceberg: expect.stringContaining('equality delete'),
    })
  })

  it('rows added after an equality delete stay: by Icebox to the adopted table', async () => {
    await lake.sql(`INSERT INTO ns.equality VALUES (1, 'us', 'again'), (3, 'us', 'v3'), (4, 'eu', 'v4')`)
    const ids = [...without(0, 10, 14, 9)]
    expect((await lake.sql('SELECT id::INTEGER FROM ns.equality ORDER BY id')).flat()).toEqual(ids)
    const theirs = await lake.python(`
      t = catalog(args["lake"]).load_table("ns.equality")
      done([r[0] for r in duck().execute("SELECT id FROM iceberg_scan('%s') ORDER BY id" % t.metadata_location).fetchall()])
    `)
    expect(theirs).toEqual(ids.filter((id) => ![5, 12, 15].includes(id)))
  })

  it('rows that PyIceberg appends to a table with position deletes are seen beside the deleted ones', async () => {
    const seen = await lake.python(`
      import pyarrow as pa
      t = catalog(args["lake"]).load_table("ns.positions")
      t.append(pa.Table.from_pylist([dict(id=0, region="eu", v="new")], schema=t.schema().as_arrow()))
      done(sorted(t.scan().to_arrow()["id"].to_pylist()))
    `)
    const ids = without(6, 12, 9)
    expect(seen).toEqual(ids)
    expect((await lake.sql('SELECT id::INTEGER FROM ns.positions ORDER BY id')).flat()).toEqual(ids)
    expect((await lake.sql(`SELECT id::INTEGER FROM ns.positions AT (VERSION => 42) ORDER BY id`)).flat()).toEqual(
      without(0, 6, 12, 9),
    )
  })

  it('deletion vectors of version 3, made with pyroaring, take away their rows', async () => {
    const metadata = await addDeletes(io, base.metadata, 3, [
      { specId: 0, files: [file('dv-eu1', 'eu'), file('dv-us2', 'us')] },
    ])
    const ids = without(2, 8, 11, 19)
    expect(await idsOf(metadata, 'ns.vectors')).toEqual({ bare: ids, adopted: ids, duckdb: ids, pyiceberg: ids })
    await lake.sql(`INSERT INTO ns.vectors VALUES (2, 'eu', 'again')`)
    const seen = await lake.python(`
      t = catalog(args["lake"]).load_table("ns.vectors")
      done([sorted(t.scan().to_arrow()["id"].to_pylist()), t.format_version,
            [r[0] for r in duck().execute("SELECT id FROM iceberg_scan('%s') ORDER BY id" % t.metadata_location).fetchall()]])
    `)
    expect(seen).toEqual([without(8, 11, 19), 3, without(8, 11, 19)])
    expect((await lake.sql('SELECT id::INTEGER FROM ns.vectors ORDER BY id')).flat()).toEqual(without(8, 11, 19))
  })

  it('deletion vectors of a lakehouse that was moved name the data files of the new place, for all readers', async () => {
    await lake.house.close()
    const moved = join(lake.root, 'moved')
    await rename(lake.folder, moved)
    await using house = await Lakehouse.open(moved)
    await house.relocate(['ns.vectors'])
    expect((await rowsOf(house, 'SELECT id::INTEGER FROM ns.vectors ORDER BY id')).flat()).toEqual(without(8, 11, 19))
    const seen = await lake.python(
      `
      t = catalog(args["moved"]).load_table("ns.vectors")
      done([sorted(t.scan().to_arrow()["id"].to_pylist()),
            [r[0] for r in duck().execute("SELECT id FROM iceberg_scan('%s') ORDER BY id" % t.metadata_location).fetchall()]])
      `,
      { moved },
    )
    expect(seen).toEqual([without(8, 11, 19), without(8, 11, 19)])
  })
})
