import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../src/base/index.ts'
import {
  applyTransform,
  deletionVectorOf,
  encodeValue,
  type Literal,
  type ManifestEntry,
  type ManifestFile,
  parsePrimitiveType,
  parseTransform,
  partitionPath,
  type PrimitiveType,
  printTableMetadata,
  readManifest,
  readManifestList,
  readTableMetadata,
  type Schema,
  type Snapshot,
  type TableMetadata,
  toHex,
  writeDeletionVectors,
  writeManifest,
  writeManifestList,
} from '../../src/iceberg/index.ts'
import { LocalStore } from '../../src/storage/index.ts'
import { python } from './python.ts'

const io = new LocalStore()
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true })
})

/** Makes a table with all types and transforms, two appends and a delete, in a lake of PyIceberg; gives its metadata file. */
const MAKE_TABLE = `
  import uuid, pyarrow as pa
  from pyiceberg.schema import Schema
  from pyiceberg.types import *
  from pyiceberg.partitioning import PartitionSpec, PartitionField
  from pyiceberg.transforms import *
  import datetime
  cat = catalog(args["lake"])
  cat.create_namespace_if_not_exists("n")
  schema = Schema(
    NestedField(1, "id", LongType()), NestedField(2, "name", StringType()), NestedField(3, "ts", TimestampType()),
    NestedField(4, "d", DecimalType(9, 2)), NestedField(5, "x", DoubleType()), NestedField(6, "u", UUIDType()),
    NestedField(7, "day", DateType()), NestedField(8, "b", BinaryType()), NestedField(9, "s", StructType(NestedField(10, "a", IntegerType()))),
    NestedField(11, "f", FixedType(4)), NestedField(12, "flag", BooleanType()), NestedField(13, "tz", TimestamptzType()))
  spec = PartitionSpec(
    PartitionField(1, 1000, BucketTransform(4), "id_b"), PartitionField(2, 1001, TruncateTransform(3), "name_t"),
    PartitionField(3, 1002, MonthTransform(), "ts m"), PartitionField(4, 1003, IdentityTransform(), "d_i"),
    PartitionField(7, 1004, DayTransform(), "day_d"), PartitionField(13, 1005, HourTransform(), "tz_h"))
  table = cat.create_table("n." + args["name"], schema, partition_spec=spec, properties={"format-version": args["version"]})
  start = datetime.datetime(1969, 12, 31, 23, 59, 59, 999999)
  rows = [dict(id=i, name=name, ts=start + datetime.timedelta(days=40 * i), d=decimal.Decimal("-14.20") + i,
      x=[1.5, float("nan"), -0.0][i % 3], u=uuid.UUID("f79c3e09-677c-4bbd-a479-3f349cb785e7").bytes,
      day=datetime.date(1969, 12, 31) + datetime.timedelta(days=i), b=b"\\x00\\x01\\xff" * 10, s=dict(a=i), f=b"\\x00\\x01\\x02\\x03",
      flag=bool(i % 2), tz=datetime.datetime(1969, 12, 31, 22, tzinfo=datetime.timezone.utc))
    for i, name in enumerate(["iceberg", "été/ñ 日本語", "", None])]
  arrow = table.schema().as_arrow()
  table.append(pa.Table.from_pylist(rows, schema=arrow))
  table.append(pa.Table.from_pylist(rows[:1], schema=arrow))
  table.delete("id = 2")
  done(table.metadata_location)
`

async function makeTable(name: string, version: string): Promise<string> {
  const location = await python(MAKE_TABLE, { lake: folder, name, version })
  if (typeof location !== 'string') throw new TypeError('no metadata location')
  return location
}

/** What PyIceberg makes of all manifests of all snapshots, in order. */
const DUMP = `
  from pyiceberg.table import StaticTable
  table = StaticTable.from_metadata(args["metadata"])
  pick = lambda m: {k: v for k, v in (m or {}).items()}
  hexes = lambda m: {k: v.hex() for k, v in (m or {}).items()}
  def entries(snapshot):
    for m in snapshot.manifests(table.io):
      yield [m.partition_spec_id, int(m.content), m.sequence_number, m.min_sequence_number, m.added_snapshot_id,
        m.added_files_count, m.existing_files_count, m.deleted_files_count, m.added_rows_count, m.existing_rows_count, m.deleted_rows_count,
        [[p.contains_null, p.lower_bound and p.lower_bound.hex(), p.upper_bound and p.upper_bound.hex()] for p in m.partitions or []]]
      for e in m.fetch_manifest_entry(table.io, discard_deleted=False):
        f = e.data_file
        yield [int(e.status), e.snapshot_id, e.sequence_number, e.file_sequence_number, f.file_path, f.record_count, f.file_size_in_bytes,
          pick(f.column_sizes), pick(f.value_counts), pick(f.null_value_counts), hexes(f.lower_bounds), hexes(f.upper_bounds),
          f.split_offsets, f.sort_order_id, [f.partition[i] for i in range(len(f.partition))]]
  done([list(entries(s)) for s in table.metadata.snapshots])
`

async function read(metadata: TableMetadata): Promise<[Snapshot, [ManifestFile, ManifestEntry[]][]][]> {
  const schema = currentSchema(metadata)
  const snapshots: [Snapshot, [ManifestFile, ManifestEntry[]][]][] = []
  for (const snapshot of metadata.snapshots) {
    const manifests: [ManifestFile, ManifestEntry[]][] = []
    for (const file of await readManifestList(io, snapshot.manifestList ?? '')) {
      const entries: ManifestEntry[] = []
      for await (const entry of readManifest(io, file, metadata.partitionSpecs, schema)) entries.push(entry)
      manifests.push([file, entries])
    }
    snapshots.push([snapshot, manifests])
  }
  return snapshots
}

function currentSchema(metadata: TableMetadata): Schema {
  const schema = metadata.schemas.find((one) => one.schemaId === metadata.currentSchemaId)
  if (schema === undefined) throw new TypeError('no current schema')
  return schema
}

const integers = (map: ReadonlyMap<number, bigint> | undefined) =>
  Object.fromEntries([...(map ?? [])].map(([id, value]) => [String(id), Number(value)]))
const hexes = (map: ReadonlyMap<number, Uint8Array> | undefined) =>
  Object.fromEntries([...(map ?? [])].map(([id, value]) => [String(id), toHex(value)]))
/** As the prelude's `plain` prints them; integers of 53 bits and more are bigint on both sides. */
const integer = (value: bigint | null): Json =>
  value === null || !Number.isSafeInteger(Number(value)) ? value : Number(value)

/** Our reading in the form of {@link DUMP}. */
function dump(snapshots: Awaited<ReturnType<typeof read>>): Json {
  return snapshots.map(([, manifests]) =>
    manifests.flatMap(([file, entries]): Json[] => [
      [
        file.partitionSpecId,
        file.content === 'data' ? 0 : 1,
        integer(file.sequenceNumber),
        integer(file.minSequenceNumber),
        integer(file.addedSnapshotId),
        file.addedFilesCount ?? null,
        file.existingFilesCount ?? null,
        file.deletedFilesCount ?? null,
        integer(file.addedRowsCount ?? null),
        integer(file.existingRowsCount ?? null),
        integer(file.deletedRowsCount ?? null),
        (file.partitions ?? []).map((one) => [
          one.containsNull,
          // The empty string is a bound; Python's `and` gives it back as it is.
          one.lowerBound === undefined ? null : one.lowerBound.length === 0 ? '' : toHex(one.lowerBound),
          one.upperBound === undefined ? null : toHex(one.upperBound),
        ]),
      ],
      ...entries.map(
        ({ status, snapshotId, sequenceNumber, fileSequenceNumber, dataFile }): Json => [
          { existing: 0, added: 1, deleted: 2 }[status],
          integer(snapshotId),
          integer(sequenceNumber),
          integer(fileSequenceNumber),
          dataFile.filePath,
          integer(dataFile.recordCount),
          integer(dataFile.fileSizeInBytes),
          integers(dataFile.columnSizes),
          integers(dataFile.valueCounts),
          integers(dataFile.nullValueCounts),
          hexes(dataFile.lowerBounds),
          hexes(dataFile.upperBounds),
          dataFile.splitOffsets?.map(Number) ?? null,
          dataFile.sortOrderId ?? null,
          dataFile.partition.map((value, at) =>
            // PyIceberg gives dates and decimals as such.
            at === 3 && typeof value === 'bigint'
              ? (Number(value) / 100).toFixed(2)
              : typeof value === 'bigint'
                ? integer(value)
                : (value as Json),
          ),
        ],
      ),
    ]),
  )
}

/** PyIceberg's partition values with those that JSON has no form for as the prelude prints them. */
async function pyDump(metadata: string): Promise<Json> {
  return python(DUMP, { metadata })
}

describe('manifests and metadata that PyIceberg wrote', () => {
  it.each(['1', '2'])('v%s are read as PyIceberg reads them, partition paths too', async (version) => {
    const location = await makeTable(`read${version}`, version)
    const metadata = await readTableMetadata(io, location)
    expect(metadata.formatVersion).toBe(Number(version))
    const snapshots = await read(metadata)
    expect(dump(snapshots)).toEqual(await pyDump(location))
    const files = snapshots.flatMap(([, manifests]) =>
      manifests.flatMap(([, entries]) => entries.map((one) => one.dataFile)),
    )
    expect(files.length).toBeGreaterThan(5)
    const [spec] = metadata.partitionSpecs
    if (spec === undefined) throw new TypeError('no spec')
    for (const file of files)
      expect(file.filePath).toContain(`/data/${partitionPath(spec, currentSchema(metadata), file.partition)}/`)
  })
})

describe('manifests, metadata and deletion vectors that Icebox wrote', () => {
  const rewrite = async (location: string, formatVersion: 2 | 3, deleted: readonly bigint[] = []): Promise<string> => {
    const metadata = await readTableMetadata(io, location)
    const schema = currentSchema(metadata)
    const [spec] = metadata.partitionSpecs
    if (spec === undefined) throw new TypeError('no spec')
    const target = `file://${folder}/rewritten-${formatVersion}-${deleted.length}`
    const snapshots: Snapshot[] = []
    let count = 0
    for (const [snapshot, manifests] of await read(metadata)) {
      const list: ManifestFile[] = []
      const common = { formatVersion, spec, schema, snapshotId: snapshot.snapshotId }
      for (const [file, entries] of manifests) {
        const options = {
          ...common,
          content: file.content,
          snapshotId: file.addedSnapshotId,
          sequenceNumber: file.sequenceNumber,
        }
        list.push(await writeManifest(io, `${target}/${count++}.avro`, { ...options, entries }))
      }
      const live = manifests.flatMap(([, entries]) => entries.filter((one) => one.status !== 'deleted'))
      const victim = live[0]?.dataFile
      if (deleted.length > 0 && victim !== undefined && snapshot.snapshotId === metadata.currentSnapshotId) {
        using vector = await deletionVectorOf(deleted)
        const uri = `${target}/dv.puffin`
        const puffin = await writeDeletionVectors(io, uri, [{ referencedDataFile: victim.filePath, vector }])
        const [written] = puffin.vectors
        if (written === undefined) throw new TypeError('no vector')
        const dataFile = {
          ...written,
          content: 'position-deletes',
          filePath: uri,
          fileFormat: 'puffin',
          specId: spec.specId,
          partition: victim.partition,
          fileSizeInBytes: puffin.fileSizeInBytes,
        } as const
        const entry = {
          status: 'added',
          snapshotId: null,
          sequenceNumber: null,
          fileSequenceNumber: null,
          dataFile,
        } as const
        const options = {
          ...common,
          content: 'deletes',
          sequenceNumber: snapshot.sequenceNumber,
          entries: [entry],
        } as const
        list.push(await writeManifest(io, `${target}/deletes.avro`, options))
      }
      const manifestList = `${target}/snap-${snapshot.snapshotId}.avro`
      await writeManifestList(io, manifestList, {
        ...common,
        sequenceNumber: snapshot.sequenceNumber,
        manifests: list,
        ...(formatVersion === 3 && { firstRowId: 0n }),
      })
      snapshots.push({ ...snapshot, manifestList, ...(formatVersion === 3 && { firstRowId: 0n, addedRows: 10n }) })
    }
    const path = `${target.slice('file://'.length)}/00001-x.metadata.json`
    await writeFile(
      path,
      printTableMetadata({ ...metadata, formatVersion, snapshots, ...(formatVersion === 3 && { nextRowId: 10n }) }),
    )
    return path
  }

  const READ_ROWS = `
    from pyiceberg.table import StaticTable
    table = StaticTable.from_metadata(args["metadata"])
    pick = lambda t: sorted(map(str, t.select(["id", "name", "d", "x"]).to_pylist()))
    duck_rows = duck().execute("select id, name from iceberg_scan('%s') order by all" % args["metadata"]).fetchall()
    done({"all": pick(table.scan().to_arrow()), "one": pick(table.scan(row_filter="name = 'iceberg'").to_arrow()),
      "files": len(list(table.scan(row_filter="name = 'iceberg'").plan_files())), "duck": duck_rows, "counts": [table.scan().to_arrow().num_rows, len(duck_rows)]})
  `

  it.each([2, 3] as const)('in v%i give PyIceberg and DuckDB the rows of the original', async (formatVersion) => {
    const location = await makeTable(`rewrite${formatVersion}`, '2')
    const path = await rewrite(location, formatVersion)
    expect(await pyDump(path)).toEqual(await pyDump(location))
    expect(await python(READ_ROWS, { metadata: path })).toEqual(
      await python(READ_ROWS, { metadata: location.slice('file://'.length) }),
    )
  })

  it('a deletion vector takes its row away in PyIceberg and DuckDB, and pyroaring reads its bits', async () => {
    const location = await makeTable('vector', '2')
    const dense = Array.from({ length: 9000 }, (_, at) => 300_000n + 2n * BigInt(at))
    const positions = [0n, 70_000n, ...dense, 2n ** 33n + 5n]
    const path = await rewrite(location, 3, positions)
    const before = await python(READ_ROWS, { metadata: location.slice('file://'.length) })
    const after = await python(READ_ROWS, { metadata: path })
    expect(after).toMatchObject({ counts: [3, 3] })
    expect(before).toMatchObject({ counts: [4, 4] })
    const read = await python(
      `
      from pyiceberg.table.puffin import PuffinFile
      from pyroaring import BitMap64
      raw = open(args["puffin"], "rb").read()
      file = PuffinFile(raw)
      blob = file.footer.blobs[0]
      done({"roaring": list(BitMap64.deserialize(raw[blob.offset + 8:blob.offset + blob.length - 4])),
        "pyiceberg": [v.to_pylist() for v in file.to_vector().values()], "cardinality": blob.properties["cardinality"]})
      `,
      { puffin: path.replace('00001-x.metadata.json', 'dv.puffin') },
    )
    const expected = positions.map(Number)
    expect(read).toEqual({ roaring: expected, pyiceberg: [expected], cardinality: String(positions.length) })
  })
})

describe('values and transforms agree with PyIceberg', () => {
  /** Values as Python can make them: text of the type, text of the transform, and the value's own arguments. */
  const longs = [
    0n,
    1n,
    -1n,
    34n,
    -34n,
    9_007_199_254_740_993n,
    -(2n ** 63n),
    2n ** 63n - 1n,
    1_510_871_468_123_456n,
    -86_400_000_001n,
  ]
  const ints = [0, 1, -1, 34, -34, 17_486, -719_162, 2_932_896, 365, -365]
  const cases: { type: string; transform: string; values: readonly (number | bigint | string)[] }[] = [
    ...['bucket[16]', 'truncate[10]', 'identity'].flatMap((transform) => [
      { type: 'long', transform, values: longs.filter((n) => n > -(2n ** 63n)) },
      { type: 'int', transform, values: [...ints, 2 ** 31 - 1, -(2 ** 31) + 10] },
      {
        type: 'string',
        transform,
        values: ['', 'iceberg', 'été', '日本語の長い文字列です', '🧊🧊🧊🧊🧊🧊🧊🧊🧊🧊🧊🧊'],
      },
    ]),
    ...['year', 'month', 'day', 'bucket[7]'].map((transform) => ({ type: 'date', transform, values: ints })),
    ...['year', 'month', 'day', 'hour', 'bucket[7]'].flatMap((transform) =>
      ['timestamp', 'timestamptz'].map((type) => ({
        type,
        transform,
        values: longs.filter((n) => n > -(2n ** 54n) && n < 2n ** 57n),
      })),
    ),
    ...['bucket[16]', 'truncate[50]'].map((transform) => ({
      type: 'decimal(18, 2)',
      transform,
      values: [0n, 1420n, -1420n, 127n, 128n, -128n, -129n, 10n ** 17n],
    })),
    { type: 'binary', transform: 'bucket[5]', values: ['', '00', '00010203ff', 'ff'.repeat(40)] },
    { type: 'uuid', transform: 'bucket[5]', values: ['f79c3e09677c4bbda4793f349cb785e7'] },
  ]

  it('for every type and transform: results, and bytes of the values', async () => {
    const answers = await python(
      `
      import uuid
      from pyiceberg.conversions import to_bytes
      from pyiceberg.transforms import parse_transform
      from pyiceberg.types import *
      from pyiceberg.schema import Schema
      names = {"long": LongType(), "int": IntegerType(), "string": StringType(), "date": DateType(), "timestamp": TimestampType(),
        "timestamptz": TimestamptzType(), "decimal(18, 2)": DecimalType(18, 2), "binary": BinaryType(), "uuid": UUIDType()}
      def value(name, v):
        if name.startswith("decimal"): return decimal.Decimal(v).scaleb(-2)
        if name == "binary": return bytes.fromhex(v)
        if name == "uuid": return uuid.UUID(v)
        return v
      def out(name, r):
        if isinstance(r, decimal.Decimal): return int(r.scaleb(2))
        if isinstance(r, uuid.UUID): return r.hex
        return r
      done([[[out(c["type"], parse_transform(c["transform"]).transform(names[c["type"]])(value(c["type"], v))),
        to_bytes(names[c["type"]], value(c["type"], v)).hex()] for v in c["values"]] for c in args])
      `,
      cases.map((one) => ({ ...one, values: [...one.values] })),
    )
    const ours = cases.map(({ type: text, transform, values }) => {
      const type = parsePrimitiveType(text)
      if (type === undefined) throw new TypeError(`no type ${text}`)
      return values.map((value) => {
        const literal = literalOf(type, value)
        const result = applyTransform(parseTransform(transform), type, literal)
        return [typeof result === 'bigint' ? integer(result) : result, toHex(encodeValue(type, literal))]
      })
    })
    expect(ours).toEqual(answers)
  })

  function literalOf(type: PrimitiveType, value: number | bigint | string): Literal {
    return typeof value === 'string' && type.kind !== 'string' ? new Uint8Array(Buffer.from(value, 'hex')) : value
  }
})
