import { randomUUID } from 'node:crypto'
import { IceboxError, type Json } from '../../base/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import { encodeTableMetadata } from '../json/index.ts'
import { readManifest, readSnapshotManifests, writeManifest, writeManifestList } from '../manifest/index.ts'
import { metadataFolder, nextMetadataLocation } from '../metadata/index.ts'
import { schemaOf, schemaOfSpec } from '../scan/index.ts'
import { readDeletionVector, writeDeletionVectors } from '../puffin/index.ts'
import type { DataFile, ManifestEntry, ManifestFile } from '../spec/manifest.ts'
import type { Snapshot } from '../spec/snapshot.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import type { Schema } from '../spec/types.ts'
import type { LoadedTable } from '../table.ts'
import { type MovedLocation, movedLocation } from './moved-location.ts'

export interface RelocatedTable extends LoadedTable {
  /** Deletion vectors, manifests, manifest lists and the metadata file that were written. */
  readonly written: readonly string[]
  /** What they replace, at its new place; nothing of the new metadata names it. */
  readonly replaced: readonly string[]
}

/**
 * Writes the metadata of a table anew after its folder was moved: all locations in metadata, manifest lists, manifests and
 * deletion vectors (Iceberg names every file by its absolute location). Data files are not touched. The caller makes the
 * returned location current. Rejects `iceberg/unsupported` for position delete files, which hold paths of data files in their
 * rows. What was written is removed when it fails.
 */
export async function relocateTable(
  io: ObjectStore,
  table: LoadedTable,
  moved: MovedLocation,
  nowMs: number,
): Promise<RelocatedTable> {
  const { metadata } = table
  const work = new Relocation(io, metadata, moved)
  try {
    const snapshots: Snapshot[] = []
    for (const snapshot of metadata.snapshots) snapshots.push(await work.snapshot(snapshot))
    const next: TableMetadata = {
      ...metadata,
      location: movedLocation(metadata.location, moved),
      lastUpdatedMs: BigInt(nowMs),
      snapshots,
      metadataLog: metadata.metadataLog.map((entry) => ({
        ...entry,
        metadataFile: movedLocation(entry.metadataFile, moved),
      })),
      properties: Object.fromEntries(
        Object.entries(metadata.properties).map(([key, value]) => [key, movedProperty(key, value, moved)]),
      ),
      extra: movedJson(metadata.extra as Json, moved) as TableMetadata['extra'],
    }
    const location = nextMetadataLocation(next.location, table.metadataLocation, randomUUID(), {
      ...next.properties,
      'write.metadata.compression-codec': 'none',
    })
    await io.create(location, encodeTableMetadata(next))
    return {
      metadata: next,
      metadataLocation: location,
      written: [...work.written, location],
      replaced: [...work.replaced, movedLocation(table.metadataLocation, moved)],
    }
  } catch (error) {
    await io.delete(work.written)
    throw error
  }
}

class Relocation {
  readonly written: string[] = []
  readonly replaced: string[] = []
  private readonly io: ObjectStore
  private readonly metadata: TableMetadata
  private readonly moved: MovedLocation
  private readonly folder: string
  /** Manifests are shared by snapshots: each is written once. */
  private readonly manifests = new Map<string, ManifestFile>()

  constructor(io: ObjectStore, metadata: TableMetadata, moved: MovedLocation) {
    this.io = io
    this.metadata = metadata
    this.moved = moved
    this.folder = metadataFolder(movedLocation(metadata.location, moved), {})
  }

  async snapshot(snapshot: Snapshot): Promise<Snapshot> {
    // What version 1 lists inline gets a list, as all snapshots have.
    const { manifestList, manifests: inline, ...rest } = snapshot
    const oldList = manifestList === undefined ? undefined : movedLocation(manifestList, this.moved)
    const found = await readSnapshotManifests(this.io, {
      ...rest,
      ...(oldList !== undefined && { manifestList: oldList }),
      ...(inline !== undefined && { manifests: inline.map((path) => movedLocation(path, this.moved)) }),
    })
    const manifests: ManifestFile[] = []
    // A table that was replaced had columns of other types.
    const schema = schemaOf(this.metadata, snapshot)
    for (const manifest of found) manifests.push(await this.manifest(manifest, schema))
    const newList = `${this.folder}/snap-${snapshot.snapshotId}-relocated-${randomUUID()}.avro`
    await writeManifestList(this.io, newList, {
      formatVersion: this.metadata.formatVersion,
      snapshotId: snapshot.snapshotId,
      parentSnapshotId: snapshot.parentSnapshotId,
      sequenceNumber: snapshot.sequenceNumber,
      manifests,
      ...(snapshot.firstRowId !== undefined && { firstRowId: snapshot.firstRowId }),
    })
    this.written.push(newList)
    if (oldList !== undefined) this.replaced.push(oldList)
    return { ...rest, manifestList: newList }
  }

  private async manifest(manifest: ManifestFile, ofSnapshot: Schema): Promise<ManifestFile> {
    const known = this.manifests.get(manifest.manifestPath)
    if (known !== undefined) return known
    const { metadata } = this
    const oldPath = movedLocation(manifest.manifestPath, this.moved)
    const spec = metadata.partitionSpecs.find((candidate) => candidate.specId === manifest.partitionSpecId)
    if (spec === undefined) {
      throw new IceboxError('iceberg/invalid-metadata', {
        message: `${oldPath} belongs to partition spec ${manifest.partitionSpecId}, which the table at ${metadata.location} does not have`,
        remedy: 'register an older metadata file of the table',
        context: { manifest: oldPath, specId: manifest.partitionSpecId },
      })
    }
    const schema = schemaOfSpec(metadata, spec.specId, ofSnapshot)
    const newPath = `${this.folder}/${randomUUID()}-relocated.avro`
    const entries = readManifest(this.io, { ...manifest, manifestPath: oldPath }, metadata.partitionSpecs, schema)
    const rewritten = await writeManifest(this.io, newPath, {
      formatVersion: this.metadata.formatVersion,
      spec,
      schema,
      content: manifest.content,
      snapshotId: manifest.addedSnapshotId,
      sequenceNumber: manifest.sequenceNumber,
      entries: this.entries(entries),
    })
    this.written.push(newPath)
    this.replaced.push(oldPath)
    // What is not in the file itself stays as the list had it.
    const result: ManifestFile = {
      ...rewritten,
      minSequenceNumber: manifest.minSequenceNumber,
      ...(manifest.firstRowId !== undefined && { firstRowId: manifest.firstRowId }),
    }
    this.manifests.set(manifest.manifestPath, result)
    return result
  }

  private async *entries(entries: AsyncIterable<ManifestEntry>): AsyncIterable<ManifestEntry> {
    for await (const entry of entries) {
      const file = this.file(entry.dataFile)
      // What was deleted may be gone.
      const isVector = file.fileFormat === 'puffin' && entry.status !== 'deleted'
      yield { ...entry, dataFile: isVector ? await this.vector(file) : file }
    }
  }

  /** A deletion vector that is named by the new locations; its own Puffin file names that of its data file, too. */
  private async vector(file: DataFile): Promise<DataFile> {
    const { filePath, referencedDataFile } = file
    if (referencedDataFile === undefined) return file
    const newPath = `${filePath.slice(0, filePath.lastIndexOf('/'))}/${randomUUID()}-relocated.puffin`
    using vector = await readDeletionVector(this.io, file)
    const { fileSizeInBytes, vectors } = await writeDeletionVectors(this.io, newPath, [{ referencedDataFile, vector }])
    this.written.push(newPath)
    if (!this.replaced.includes(filePath)) this.replaced.push(filePath)
    return { ...file, ...vectors[0], filePath: newPath, fileSizeInBytes }
  }

  private file(file: DataFile): DataFile {
    if (file.content === 'position-deletes' && file.fileFormat !== 'puffin') {
      throw new IceboxError('iceberg/unsupported', {
        message: `${file.filePath} is a position delete file: its rows hold the old locations of data files`,
        remedy:
          'move the folder back (or mount it at its old place), or compact the table with the tool that wrote it first',
        context: { file: file.filePath },
      })
    }
    return {
      ...file,
      filePath: movedLocation(file.filePath, this.moved),
      ...(file.referencedDataFile !== undefined && {
        referencedDataFile: movedLocation(file.referencedDataFile, this.moved),
      }),
    }
  }
}

const LOCATION_PROPERTIES = new Set([
  'write.data.path',
  'write.metadata.path',
  'write.object-storage.path',
  'write.folder-storage.path',
])

function movedProperty(key: string, value: string, moved: MovedLocation): string {
  return LOCATION_PROPERTIES.has(key) ? movedLocation(value, moved) : value
}

/** Locations in parts that are kept as read (statistics files): text that begins with the old root. */
function movedJson(value: Json, moved: MovedLocation): Json {
  if (typeof value === 'string') return /^(?:[a-z][a-z0-9+.-]*:)?\//i.test(value) ? movedLocation(value, moved) : value
  if (Array.isArray(value)) return value.map((item) => movedJson(item, moved))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, movedJson(item, moved)]))
  }
  return value
}
