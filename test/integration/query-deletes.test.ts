import { randomUUID } from 'node:crypto'
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TableIdentifier } from '../../src/catalog/index.ts'
import {
  type DataFile,
  type DeletionVector,
  deletionVectorOf,
  type ManifestFile,
  planFiles,
  printTableMetadata,
  readManifestList,
  type Snapshot,
  type TableMetadata,
  type TableUpdate,
  writeDeletionVectors,
  writeManifest,
  writeManifestList,
} from '../../src/iceberg/index.ts'
import { joinUri, localPath } from '../../src/storage/index.ts'
import { openQueryLake, type QueryLake } from './query-lake.ts'

// Delete files as other writers make them: Icebox reads them and does not write them yet.
let lake: QueryLake
beforeAll(async () => {
  lake = await openQueryLake()
  await lake.run('CREATE SCHEMA x')
})
afterAll(async () => {
  await lake[Symbol.asyncDispose]()
})

const identifier = (name: string): TableIdentifier => ({ namespace: ['x'], name })

async function dataFiles(name: string): Promise<DataFile[]> {
  const { metadata } = await lake.catalog.loadTable(identifier(name))
  const files: DataFile[] = []
  for await (const task of planFiles({ metadata, io: lake.io, filter: { op: 'true' } }).tasks) files.push(task.dataFile)
  return files
}

/** Writes a Parquet file below the table and gives its location and size. */
async function writeParquet(
  name: string,
  select: string,
  fieldIds: string,
  folder: readonly string[] = [],
): Promise<{ uri: string; sizeBytes: bigint }> {
  const { metadata } = await lake.catalog.loadTable(identifier(name))
  const uri = joinUri(metadata.location, 'data', ...folder, `${randomUUID()}-deletes.parquet`)
  await mkdir(dirname(localPath(uri)), { recursive: true })
  await using session = await lake.engine.session()
  await session.run(`COPY (${select}) TO '${localPath(uri)}' (FORMAT parquet, FIELD_IDS {${fieldIds}})`)
  return { uri, sizeBytes: BigInt((await stat(localPath(uri))).size) }
}

/** Commits delete files as a snapshot of their own. */
async function addDeletes(name: string, files: readonly DataFile[], formatVersion: 2 | 3 = 2): Promise<void> {
  const base = await lake.catalog.loadTable(identifier(name))
  const { metadata } = base
  const parent = metadata.snapshots.find((snapshot) => snapshot.snapshotId === metadata.currentSnapshotId)
  const snapshotId = BigInt(Math.floor(Math.random() * 2 ** 52))
  const sequenceNumber = metadata.lastSequenceNumber + 1n
  const [schema] = metadata.schemas.filter((known) => known.schemaId === metadata.currentSchemaId)
  if (schema === undefined || parent?.manifestList === undefined) throw new TypeError('a table without rows')
  const manifests: ManifestFile[] = [...(await readManifestList(lake.io, parent.manifestList))]
  for (const specId of new Set(files.map((file) => file.specId))) {
    const spec = metadata.partitionSpecs.find((known) => known.specId === specId)
    if (spec === undefined) throw new TypeError('no spec')
    const entries = files
      .filter((file) => file.specId === specId)
      .map((dataFile) => ({
        status: 'added' as const,
        snapshotId,
        sequenceNumber: null,
        fileSequenceNumber: null,
        dataFile,
      }))
    const uri = joinUri(metadata.location, 'metadata', `${randomUUID()}-m0.avro`)
    manifests.push(
      await writeManifest(lake.io, uri, { formatVersion, spec, schema, content: 'deletes', snapshotId, entries }),
    )
  }
  const manifestList = joinUri(metadata.location, 'metadata', `snap-${snapshotId}.avro`)
  await writeManifestList(lake.io, manifestList, {
    formatVersion,
    snapshotId,
    parentSnapshotId: parent.snapshotId,
    sequenceNumber,
    manifests,
    ...(formatVersion === 3 ? { firstRowId: 0n } : {}),
  })
  const snapshot: Snapshot = {
    snapshotId,
    parentSnapshotId: parent.snapshotId,
    sequenceNumber,
    timestampMs: BigInt(Date.now()),
    manifestList,
    summary: { operation: 'delete' },
    schemaId: schema.schemaId,
    ...(formatVersion === 3 ? { firstRowId: 0n, addedRows: 0n } : {}),
  }
  if (formatVersion === 3) {
    // Icebox writes no v3 yet: the metadata of another writer's, adopted under the same name.
    const location = joinUri(metadata.location, 'metadata', `00009-${randomUUID()}.metadata.json`)
    const next: TableMetadata = {
      ...metadata,
      formatVersion,
      nextRowId: 1000n,
      lastSequenceNumber: sequenceNumber,
      currentSnapshotId: snapshotId,
      snapshots: [...metadata.snapshots, snapshot],
      refs: { main: { snapshotId, type: 'branch' } },
    }
    await lake.io.create(location, Buffer.from(printTableMetadata(next)))
    await lake.catalog.dropTable(identifier(name))
    await lake.catalog.registerTable(identifier(name), location)
    return
  }
  const updates: TableUpdate[] = [
    { action: 'add-snapshot', snapshot },
    { action: 'set-snapshot-ref', refName: 'main', ref: { snapshotId, type: 'branch' } },
  ]
  await lake.catalog.commitTable(identifier(name), base, [], updates)
}

async function positionDeletes(
  name: string,
  of: DataFile,
  positions: readonly number[],
  folder: readonly string[] = [],
): Promise<DataFile> {
  const rows = positions.map((position) => `('${of.filePath}', ${position})`).join(', ')
  const written = await writeParquet(
    name,
    `SELECT * FROM (VALUES ${rows}) v(file_path, pos)`,
    'file_path: 2147483546, pos: 2147483545',
    folder,
  )
  return {
    content: 'position-deletes',
    filePath: written.uri,
    fileFormat: 'parquet',
    specId: of.specId,
    partition: of.partition,
    recordCount: BigInt(positions.length),
    fileSizeInBytes: written.sizeBytes,
  }
}

async function equalityDeletes(
  name: string,
  select: string,
  fieldIds: string,
  ids: readonly number[],
  like?: DataFile,
  folder: readonly string[] = [],
): Promise<DataFile> {
  const written = await writeParquet(name, select, fieldIds, folder)
  return {
    content: 'equality-deletes',
    filePath: written.uri,
    fileFormat: 'parquet',
    specId: like?.specId ?? 0,
    partition: like?.partition ?? [],
    recordCount: 1n,
    fileSizeInBytes: written.sizeBytes,
    equalityIds: ids,
  }
}

describe('deletes of other writers (I16, I17)', () => {
  it('position deletes take away the rows at their positions in their file, and no others', async () => {
    await lake.run('CREATE TABLE x.pos (id BIGINT, n VARCHAR)')
    await lake.run("INSERT INTO x.pos SELECT range, 'a' FROM range(10) ORDER BY range")
    await lake.run("INSERT INTO x.pos SELECT range + 100, 'b' FROM range(10) ORDER BY range")
    const files = await dataFiles('pos')
    const first = files.find((file) => file.recordCount === 10n)
    if (first === undefined) throw new TypeError('no file')
    const [[low]] = (await lake.rows(`SELECT min(id) FROM '${localPath(first.filePath)}'`)) as [[bigint]]
    await addDeletes('pos', [await positionDeletes('pos', first, [0, 3, 9])])
    const ids = (await lake.rows('SELECT id FROM x.pos ORDER BY id')).map(([id]) => id)
    const gone = [low, low + 3n, low + 9n]
    const all = Array.from({ length: 10 }, (_, at) => [BigInt(at), BigInt(at + 100)]).flat()
    expect(ids).toEqual(all.filter((id) => !gone.includes(id)).toSorted((a, b) => Number(a - b)))
    // A filter reaches the scan below the deletes; a count does not count deleted rows.
    expect(await lake.rows('SELECT count(*) FROM x.pos')).toEqual([[17n]])
    expect(await lake.rows(`SELECT count(*) FROM x.pos WHERE id = ${low + 3n}`)).toEqual([[0n]])
    // Rows added later have new files, which older deletes do not touch.
    await lake.run("INSERT INTO x.pos SELECT range, 'c' FROM range(10) ORDER BY range")
    expect(await lake.rows('SELECT count(*) FROM x.pos')).toEqual([[27n]])
  })

  it.each(['pos', 'file_path', 'filename', 'file_row_number', 'file_index'])(
    'deletes in the folders of a table partitioned by a column named %s take away what the files say',
    async (column) => {
      const name = `by_${column}`
      await lake.run(`CREATE TABLE x.${name} (id BIGINT, ${column} BIGINT) PARTITIONED BY (${column})`)
      await lake.run(`INSERT INTO x.${name} SELECT range, 2 + range % 2 FROM range(8) ORDER BY range`)
      const files = await dataFiles(name)
      const folderOf = (file: DataFile): string[] => [`${column}=${String(file.partition[0])}`]
      await addDeletes(
        name,
        await Promise.all(files.map((file) => positionDeletes(name, file, [0, 3], folderOf(file)))),
      )
      expect(await lake.rows(`SELECT id FROM x.${name} ORDER BY id`)).toEqual([[2n], [3n], [4n], [5n]])
      const [two] = files.filter((file) => file.partition[0] === 2n)
      if (two === undefined) throw new TypeError('no file')
      await addDeletes(name, [
        await equalityDeletes(name, 'SELECT 4::BIGINT AS id UNION ALL SELECT 5', 'id: 1', [1], two, folderOf(two)),
      ])
      expect(await lake.rows(`SELECT id, ${column} FROM x.${name} ORDER BY id`)).toEqual([
        [2n, 2n],
        [3n, 3n],
        [5n, 3n],
      ])
    },
  )

  it('position deletes in a folder with the signs of a pattern are found', async () => {
    await lake.run('CREATE TABLE x.glob (id BIGINT)')
    await lake.run('INSERT INTO x.glob SELECT range FROM range(3) ORDER BY range')
    const [file] = await dataFiles('glob')
    if (file === undefined) throw new TypeError('no file')
    await addDeletes('glob', [await positionDeletes('glob', file, [1], ['p=[a]'])])
    expect(await lake.rows('SELECT id FROM x.glob ORDER BY id')).toEqual([[0n], [2n]])
  })

  it('equality deletes take away equal rows of older files, null being equal to null', async () => {
    await lake.run('CREATE TABLE x.eq (id BIGINT, n VARCHAR)')
    await lake.run("INSERT INTO x.eq VALUES (1, 'a'), (2, NULL), (3, 'c')")
    await addDeletes('eq', [await equalityDeletes('eq', "SELECT NULL::VARCHAR AS n UNION ALL SELECT 'a'", 'n: 2', [2])])
    await lake.run("INSERT INTO x.eq VALUES (4, 'a'), (5, NULL)")
    expect(await lake.rows('SELECT id FROM x.eq ORDER BY id')).toEqual([[3n], [4n], [5n]])
    await addDeletes('eq', [
      await equalityDeletes('eq', "SELECT 4::BIGINT AS id, 'a' AS n UNION ALL SELECT 5, 'zz'", 'id: 1, n: 2', [1, 2]),
    ])
    expect(await lake.rows('SELECT id FROM x.eq ORDER BY id')).toEqual([[3n], [5n]])
    // The column that an equality delete names was dropped since: its values still decide.
    await lake.run('ALTER TABLE x.eq DROP COLUMN n')
    expect(await lake.rows('SELECT * FROM x.eq ORDER BY id')).toEqual([[3n], [5n]])
  })

  it('equality deletes whose files have other types than the data files take away the rows of equal values', async () => {
    await lake.run('CREATE TABLE x.kinds (id BIGINT, s VARCHAR, z TIMESTAMPTZ, f FLOAT)')
    await lake.run(`INSERT INTO x.kinds SELECT range, 'é' || range, TIMESTAMPTZ '2020-06-01 12:00:00+00' + to_hours(range), 0.1 + range FROM range(5);
      ALTER TABLE x.kinds ALTER COLUMN f SET DATA TYPE DOUBLE`)
    await addDeletes('kinds', [
      await equalityDeletes('kinds', "SELECT encode('é1') AS s", 's: 2', [2]),
      await equalityDeletes('kinds', "SELECT TIMESTAMP '2020-06-01 14:00:00' AS z", 'z: 3', [3]),
      await equalityDeletes('kinds', 'SELECT 3.1::FLOAT AS f', 'f: 4', [4]),
    ])
    try {
      for (const zone of ['UTC', 'America/New_York']) {
        await lake.run(`SET TimeZone = '${zone}'`)
        expect(await lake.rows('SELECT id FROM x.kinds ORDER BY id'), zone).toEqual([[0n], [4n]])
      }
    } finally {
      await lake.run("SET TimeZone = 'UTC'")
    }
  })

  it('equality deletes take away the same rows whatever the collation of a session', async () => {
    await lake.run('CREATE TABLE x.collated (id BIGINT, n VARCHAR)')
    await lake.run("INSERT INTO x.collated VALUES (1, 'a'), (2, 'A'), (3, 'á')")
    await addDeletes('collated', [await equalityDeletes('collated', "SELECT 'a' AS n", 'n: 2', [2])])
    try {
      for (const collation of ['NOCASE', 'NOACCENT', 'DE']) {
        await lake.run(`SET default_collation = '${collation}'`)
        expect(await lake.rows('SELECT id FROM x.collated ORDER BY id'), collation).toEqual([[2n], [3n]])
      }
    } finally {
      await lake.run('RESET default_collation')
    }
  })

  it('an upsert stream with more sets of equality deletes than branches gives the same rows', async () => {
    await lake.run('CREATE TABLE x.upsert (k BIGINT, v BIGINT)')
    for (let round = 0; round < 20; round++) {
      if (round > 0)
        await addDeletes('upsert', [await equalityDeletes('upsert', `SELECT ${round % 3}::BIGINT AS k`, 'k: 1', [1])])
      await lake.run(`INSERT INTO x.upsert VALUES (${round % 3}, ${round})`)
    }
    expect(await lake.rows('SELECT k, v FROM x.upsert ORDER BY k')).toEqual([
      [0n, 18n],
      [1n, 19n],
      [2n, 17n],
    ])
  })

  it('equality deletes of a partition leave equal rows of other partitions', async () => {
    await lake.run('CREATE TABLE x.part (p VARCHAR, id BIGINT) PARTITIONED BY (p)')
    await lake.run("INSERT INTO x.part VALUES ('a', 1), ('b', 1)")
    const [inA] = (await dataFiles('part')).filter((file) => file.partition[0] === 'a')
    if (inA === undefined) throw new TypeError('no file')
    await addDeletes('part', [await equalityDeletes('part', 'SELECT 1::BIGINT AS id', 'id: 2', [2], inA)])
    expect(await lake.rows('SELECT p FROM x.part')).toEqual([['b']])
  })

  it('deletion vectors take away their positions (v3)', async () => {
    await lake.run('CREATE TABLE x.dv (id BIGINT)')
    await lake.run('INSERT INTO x.dv SELECT range FROM range(1000) ORDER BY range')
    const [file] = await dataFiles('dv')
    if (file === undefined) throw new TypeError('no file')
    using vector: DeletionVector = await deletionVectorOf([0, 5, 500, 501, 502, 999])
    const { metadata } = await lake.catalog.loadTable(identifier('dv'))
    const uri = joinUri(metadata.location, 'data', `${randomUUID()}.puffin`)
    const written = await writeDeletionVectors(lake.io, uri, [{ referencedDataFile: file.filePath, vector }])
    const [place] = written.vectors
    if (place === undefined) throw new TypeError('no vector')
    await addDeletes(
      'dv',
      [
        {
          content: 'position-deletes',
          filePath: uri,
          fileFormat: 'puffin',
          specId: 0,
          partition: [],
          recordCount: place.recordCount,
          fileSizeInBytes: written.fileSizeInBytes,
          referencedDataFile: file.filePath,
          contentOffset: place.contentOffset,
          contentSizeInBytes: place.contentSizeInBytes,
        },
      ],
      3,
    )
    expect(await lake.rows('SELECT count(*), min(id), max(id), sum(id) FROM x.dv')).toEqual([
      [994n, 1n, 998n, 499500n - 2507n],
    ])
    expect(await lake.rows('SELECT id FROM x.dv WHERE id BETWEEN 499 AND 503 ORDER BY id')).toEqual([[499n], [503n]])
  })

  it('a deletion vector goes with its data file, and no other does (v3)', async () => {
    await lake.run('CREATE TABLE x.gone (id BIGINT)')
    for (const from of [0, 100]) await lake.run(`INSERT INTO x.gone SELECT range + ${from} FROM range(10)`)
    const files = await dataFiles('gone')
    using vector: DeletionVector = await deletionVectorOf([0, 1, 2])
    const { metadata } = await lake.catalog.loadTable(identifier('gone'))
    const uri = joinUri(metadata.location, 'data', `${randomUUID()}.puffin`)
    const written = await writeDeletionVectors(
      lake.io,
      uri,
      files.map((file) => ({ referencedDataFile: file.filePath, vector })),
    )
    const vectors = files.map((file, at): DataFile => {
      const place = written.vectors[at]
      if (place === undefined) throw new TypeError('no vector')
      return {
        content: 'position-deletes',
        filePath: uri,
        fileFormat: 'puffin',
        specId: 0,
        partition: [],
        recordCount: place.recordCount,
        fileSizeInBytes: written.fileSizeInBytes,
        referencedDataFile: file.filePath,
        contentOffset: place.contentOffset,
        contentSizeInBytes: place.contentSizeInBytes,
      }
    })
    await addDeletes('gone', vectors, 3)
    await lake.run('DELETE FROM x.gone WHERE id < 100')
    const { metadata: after } = await lake.catalog.loadTable(identifier('gone'))
    const snapshot = after.snapshots.find((known) => known.snapshotId === after.currentSnapshotId)
    expect(snapshot?.summary).toMatchObject({
      'deleted-data-files': '1',
      'removed-delete-files': '1',
      'removed-position-deletes': '3',
    })
    const manifests = await readManifestList(lake.io, snapshot?.manifestList ?? '')
    const live = manifests.filter((manifest) => manifest.content === 'deletes')
    expect(live.map((manifest) => [manifest.deletedFilesCount, manifest.existingFilesCount])).toEqual([[1, 1]])
    expect(await lake.rows('SELECT count(*), min(id) FROM x.gone')).toEqual([[7n, 103n]])
  })
})
