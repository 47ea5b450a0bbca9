import { IceboxError } from '../../base/index.ts'
import { ManifestSource } from '../scan/index.ts'
import type { DataFile, ManifestEntry } from '../spec/manifest.ts'
import type { Snapshot } from '../spec/snapshot.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import type { Attempt } from './action.ts'
import type { FileScope } from './scope.ts'

export type IsolationLevel = 'serializable' | 'snapshot'

/** `write.delete.isolation-level`, `write.update.isolation-level`: serializable unless it says snapshot. */
export function isolationLevel(properties: Readonly<Record<string, string>>, key: string): IsolationLevel {
  const text = properties[key]?.toLowerCase() ?? 'serializable'
  if (text === 'serializable' || text === 'snapshot') return text
  throw new IceboxError('iceberg/invalid-metadata', {
    message: `table property ${key} is '${text}'`,
    remedy: `set ${key} to serializable or snapshot`,
    context: { property: key, value: text },
  })
}

/**
 * Looks at what other writers committed since the transaction started (I6). Rejects `table/conflict` when they removed files
 * of the scope or, unless `ignoresNewDeletes`, added delete files to it; under serializable isolation also when they added
 * rows to it. Returns the paths of data files that they added: under snapshot isolation those are not in the scope.
 */
export async function checkConcurrentChanges(
  attempt: Attempt,
  scope: FileScope,
  isolation: IsolationLevel,
  ignoresNewDeletes: boolean,
): Promise<ReadonlySet<string>> {
  const added = new Set<string>()
  const source = new ManifestSource({
    metadata: attempt.base,
    io: attempt.io,
    cache: attempt.cache,
    signal: attempt.signal,
  })
  for (const snapshot of snapshotsSince(attempt.base, attempt.startSnapshotId)) {
    for await (const { entry, file } of changesOf(snapshot, source, scope)) {
      if (entry.status === 'deleted') {
        if (file.content === 'data') throw conflict(scope, snapshot, `removed ${file.filePath}`)
      } else if (file.content !== 'data') {
        if (!ignoresNewDeletes) throw conflict(scope, snapshot, `deleted rows with ${file.filePath}`)
      } else if (snapshot.summary['operation'] !== 'replace') {
        // Files of a `replace` hold rows that were there before; what it removed is checked above.
        if (isolation === 'serializable') throw conflict(scope, snapshot, `added ${file.filePath}`)
        added.add(file.filePath)
      }
    }
  }
  return added
}

/** The entries of the scope that a snapshot itself added or deleted. */
async function* changesOf(
  snapshot: Snapshot,
  source: ManifestSource,
  scope: FileScope,
): AsyncGenerator<{ entry: ManifestEntry; file: DataFile }> {
  for (const manifest of await source.manifests(snapshot)) {
    if (manifest.addedSnapshotId !== snapshot.snapshotId || !scope.manifestMightMatch(manifest)) continue
    for await (const entry of source.entries(manifest)) {
      if (entry.status === 'existing' || entry.snapshotId !== snapshot.snapshotId) continue
      if (scope.mightMatch(entry.dataFile)) yield { entry, file: entry.dataFile }
    }
  }
}

/** Snapshots of main after `startId`, the newest first. Throws `table/conflict` when the history does not lead there. */
function snapshotsSince(metadata: TableMetadata, startId: bigint | undefined): Snapshot[] {
  const since: Snapshot[] = []
  const byId = new Map(metadata.snapshots.map((snapshot) => [snapshot.snapshotId, snapshot]))
  let id = metadata.currentSnapshotId
  while (id !== startId) {
    const snapshot = id === undefined ? undefined : byId.get(id)
    if (snapshot === undefined) {
      throw new IceboxError('table/conflict', {
        message: `snapshot ${startId ?? 'none'}, from which this change was made, is no longer an ancestor of the current one: the table was rolled back, replaced or its history expired meanwhile`,
        remedy: 'run the statement again',
        context: { startSnapshotId: startId ?? null, currentSnapshotId: metadata.currentSnapshotId ?? null },
      })
    }
    since.push(snapshot)
    id = snapshot.parentSnapshotId
  }
  return since
}

function conflict(scope: FileScope, snapshot: Snapshot, what: string): IceboxError {
  return new IceboxError('table/conflict', {
    message: `another writer changed ${scope.name} meanwhile: snapshot ${snapshot.snapshotId} (${snapshot.summary['operation'] ?? 'unknown operation'}) ${what}`,
    remedy: 'run the statement again',
    context: { snapshotId: snapshot.snapshotId },
  })
}
