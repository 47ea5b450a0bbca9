import { unreachable } from '../../base/index.ts'
import type { MetadataLogEntry } from '../spec/snapshot.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import { Draft } from './draft.ts'
import { booleanProperty, integerProperty } from './properties.ts'
import type { TableUpdate } from './updates.ts'

export interface ApplyOptions {
  /** Milliseconds from 1970. */
  readonly nowMs: number
  /** Where `base` was read; joins the metadata log. Left out or empty for a table that is being created. */
  readonly previousMetadataLocation?: string
}

/**
 * The metadata that follows `base`. Pure: `base` is not changed, and what an update does not touch is shared with it, so
 * that printing can reuse the text of old snapshots. Throws `iceberg/invalid-change` for an update that cannot be.
 */
export function applyUpdates(
  base: TableMetadata,
  updates: readonly TableUpdate[],
  options: ApplyOptions,
): TableMetadata {
  const draft = new Draft(base, BigInt(options.nowMs))
  for (const update of updates) applyUpdate(draft, update)
  const previous = options.previousMetadataLocation ?? ''
  return draft.finish((properties) => metadataLog(base, previous, properties))
}

function applyUpdate(draft: Draft, update: TableUpdate): void {
  switch (update.action) {
    case 'assign-uuid':
      return draft.assignUuid(update.uuid)
    case 'upgrade-format-version':
      return draft.upgradeFormatVersion(update.formatVersion)
    case 'add-schema':
      return draft.addSchema(update.schema, update.lastColumnId)
    case 'set-current-schema':
      return draft.setCurrentSchema(update.schemaId)
    case 'add-spec':
      return draft.addSpec(update.spec)
    case 'set-default-spec':
      return draft.setDefaultSpec(update.specId)
    case 'remove-partition-specs':
      return draft.removeSpecs(update.specIds)
    case 'remove-schemas':
      return draft.removeSchemas(update.schemaIds)
    case 'add-sort-order':
      return draft.addSortOrder(update.sortOrder)
    case 'set-default-sort-order':
      return draft.setDefaultSortOrder(update.sortOrderId)
    case 'add-snapshot':
      return draft.addSnapshot(update.snapshot)
    case 'set-snapshot-ref':
      return draft.setRef(update.refName, update.ref)
    case 'remove-snapshots':
      return draft.removeSnapshots(update.snapshotIds)
    case 'remove-snapshot-ref':
      return draft.removeRef(update.refName)
    case 'set-location':
      return draft.setLocation(update.location)
    case 'set-properties':
      return draft.setProperties(update.updates)
    case 'remove-properties':
      return draft.removeProperties(update.removals)
    default:
      return unreachable(update)
  }
}

/** The log with the previous file, cut to `write.metadata.previous-versions-max` (default 100, at least 1). */
function metadataLog(
  base: TableMetadata,
  previous: string,
  properties: Readonly<Record<string, string>>,
): readonly MetadataLogEntry[] {
  if (previous === '') return base.metadataLog
  const max = Math.max(1, integerProperty(properties, 'write.metadata.previous-versions-max', 100))
  return [...base.metadataLog, { timestampMs: base.lastUpdatedMs, metadataFile: previous }].slice(-max)
}

/**
 * Metadata files that fell out of the log with the step from `base` to `next`: to be deleted after the commit where
 * `write.metadata.delete-after-commit.enabled` is true, none otherwise. Removing them may fail without harm.
 */
export function removedMetadataFiles(base: TableMetadata, next: TableMetadata): string[] {
  if (!booleanProperty(next.properties, 'write.metadata.delete-after-commit.enabled', false)) return []
  const kept = new Set(next.metadataLog.map((entry) => entry.metadataFile))
  return base.metadataLog.map((entry) => entry.metadataFile).filter((file) => !kept.has(file))
}
