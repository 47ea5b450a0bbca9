import { isIceboxError } from '../base/index.ts'
import type { Catalog } from '../catalog/index.ts'
import { dataFolder, readManifest, readSnapshotManifests, type TableMetadata } from '../iceberg/index.ts'
import { isBelow, normalizeLocation, type ObjectStore } from '../storage/index.ts'
import { currentSchema, allTables } from './describe.ts'

/**
 * Which of some files a table's metadata names, in any of its snapshots. Asked after a process died between writing files
 * and forgetting the write: only tables whose data folder holds one of the files are looked at. A table that cannot be read
 * keeps all of its files.
 */
export async function referencedFiles(
  catalog: Catalog,
  io: ObjectStore,
  paths: readonly string[],
): Promise<ReadonlySet<string>> {
  const named = new Set<string>()
  for await (const table of allTables(catalog)) {
    try {
      const { metadata } = await catalog.loadTable(table)
      const folder = dataFolder(metadata.location, metadata.properties)
      const candidates = new Map(
        paths.filter((path) => isBelow(path, folder)).map((path) => [normalizeLocation(path), path]),
      )
      if (candidates.size > 0) await collect(io, metadata, candidates, named)
    } catch (error) {
      if (!isIceboxError(error)) throw error
      for (const path of paths) named.add(path)
    }
  }
  return named
}

async function collect(
  io: ObjectStore,
  metadata: TableMetadata,
  candidates: ReadonlyMap<string, string>,
  named: Set<string>,
): Promise<void> {
  const schema = currentSchema(metadata)
  const seen = new Set<string>()
  for (const snapshot of metadata.snapshots.toReversed()) {
    for (const manifest of await readSnapshotManifests(io, snapshot)) {
      if (seen.has(manifest.manifestPath)) continue
      seen.add(manifest.manifestPath)
      for await (const entry of readManifest(io, manifest, metadata.partitionSpecs, schema, {
        projection: 'no-stats',
      })) {
        const path = candidates.get(normalizeLocation(entry.dataFile.filePath))
        if (path !== undefined) named.add(path)
      }
    }
  }
}
