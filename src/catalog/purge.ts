import { IceboxError, isIceboxError, messageOf } from '../base/index.ts'
import {
  booleanProperty,
  type ManifestFile,
  readManifest,
  readSnapshotManifests,
  type Schema,
  type TableMetadata,
} from '../iceberg/index.ts'
import type { ObjectStore } from '../storage/index.ts'

/** Files deleted in one call. */
const BATCH = 1000

/** Paths need no columns: partition values are read as each manifest wrote them, whatever the table's columns are by now. */
const NO_COLUMNS: Schema = { schemaId: 0, fields: [], identifierFieldIds: [] }

/**
 * Deletes what metadata names: data and delete files, manifests, manifest lists, statistics, metadata files, in that order,
 * so that what is left after a crash is still named by something. What is gone already is no error (I21). Data files stay
 * where the table has `gc.enabled` false, which says that they may belong to others too. Manifests are streamed: memory
 * grows with their number, not with that of the files. Rejects with the first failure, after trying all.
 */
export async function purgeFiles(io: ObjectStore, metadata: TableMetadata, metadataLocation: string): Promise<void> {
  const failures = new Failures()
  const manifests = await failures.collect(() => manifestsOf(io, metadata, failures))
  if (booleanProperty(metadata.properties, 'gc.enabled', true)) {
    for (const manifest of manifests?.values() ?? []) {
      await failures.collect(() => deleteAll(io, entryPaths(io, manifest, metadata)))
    }
  }
  const last = [
    manifests?.keys() ?? [],
    metadata.snapshots.flatMap((snapshot) => snapshot.manifestList ?? []),
    statisticsPaths(metadata),
    metadata.metadataLog.map((entry) => entry.metadataFile),
    [metadataLocation],
  ]
  for (const paths of last) await failures.collect(() => deleteAll(io, paths))
  failures.throwFirst(metadataLocation)
}

/** Keeps the first failure and goes on; files that are missing are none. */
class Failures {
  private first: unknown
  private count = 0

  async collect<T>(step: () => Promise<T>): Promise<T | undefined> {
    try {
      return await step()
    } catch (error) {
      if (isIceboxError(error, 'storage/not-found')) return undefined
      this.first ??= error
      this.count++
      return undefined
    }
  }

  throwFirst(metadataLocation: string): void {
    if (this.count === 0) return
    throw new IceboxError(isIceboxError(this.first) ? this.first.code : 'storage/io', {
      message: `the table was dropped, but not all of its files could be deleted: ${messageOf(this.first)}`,
      remedy: `delete what is left of its folder by hand (the table's last metadata file was ${metadataLocation})`,
      context: { metadataLocation, failures: this.count },
      cause: this.first,
    })
  }
}

/** Manifests of all snapshots, each once, by path. */
async function manifestsOf(
  io: ObjectStore,
  metadata: TableMetadata,
  failures: Failures,
): Promise<Map<string, ManifestFile>> {
  const manifests = new Map<string, ManifestFile>()
  for (const snapshot of metadata.snapshots) {
    const found = (await failures.collect(() => readSnapshotManifests(io, snapshot))) ?? []
    for (const manifest of found) manifests.set(manifest.manifestPath, manifest)
  }
  return manifests
}

/** Deleted entries count: what they name may be there still. */
async function* entryPaths(io: ObjectStore, manifest: ManifestFile, metadata: TableMetadata): AsyncIterable<string> {
  const options = { projection: 'no-stats' } as const
  for await (const entry of readManifest(io, manifest, metadata.partitionSpecs, NO_COLUMNS, options)) {
    yield entry.dataFile.filePath
  }
}

function statisticsPaths(metadata: TableMetadata): string[] {
  const paths: string[] = []
  for (const key of ['statistics', 'partition-statistics']) {
    const files = metadata.extra[key]
    if (!Array.isArray(files)) continue
    for (const file of files as readonly unknown[]) {
      if (
        typeof file === 'object' &&
        file !== null &&
        'statistics-path' in file &&
        typeof file['statistics-path'] === 'string'
      ) {
        paths.push(file['statistics-path'])
      }
    }
  }
  return paths
}

async function deleteAll(io: ObjectStore, paths: AsyncIterable<string> | Iterable<string>): Promise<void> {
  let batch: string[] = []
  for await (const path of paths) {
    batch.push(path)
    if (batch.length < BATCH) continue
    await io.delete(batch)
    batch = []
  }
  if (batch.length > 0) await io.delete(batch)
}
