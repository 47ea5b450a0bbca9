import { IceboxError } from '../../base/index.ts'
import type { LoadedTable } from '../../iceberg/index.ts'

export const KEY_PROPERTY = 'icebox.import-key'
export const SOURCE_PROPERTY = 'icebox.import-source'

/**
 * True when a snapshot that the table still holds was made under this key from the same source (invariant N7). Rejects
 * `ingest/duplicate-key` when it was another source.
 */
export function importedBefore(table: LoadedTable, key: string, fingerprint: string): boolean {
  const snapshot = table.metadata.snapshots.find((some) => some.summary[KEY_PROPERTY] === key)
  if (snapshot === undefined) return false
  const source = snapshot.summary[SOURCE_PROPERTY]
  if (source === undefined || source === fingerprint) return true
  throw new IceboxError('ingest/duplicate-key', {
    message: `the key '${key}' was used for another source (snapshot ${snapshot.snapshotId})`,
    remedy: 'choose a key of its own for each source',
    context: { key, snapshotId: snapshot.snapshotId },
  })
}
