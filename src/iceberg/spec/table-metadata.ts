import type { MetadataLogEntry, Snapshot, SnapshotLogEntry, SnapshotRef } from './snapshot.ts'
import type { PartitionSpec, Schema, SortOrder } from './types.ts'

/** Iceberg spec, "Table Metadata Fields". Immutable; `metadata/` makes the next one from updates. */
export interface TableMetadata {
  readonly formatVersion: 1 | 2 | 3
  readonly tableUuid: string
  readonly location: string
  readonly lastSequenceNumber: bigint
  readonly lastUpdatedMs: bigint
  readonly lastColumnId: number
  readonly currentSchemaId: number
  readonly schemas: readonly Schema[]
  readonly defaultSpecId: number
  readonly partitionSpecs: readonly PartitionSpec[]
  readonly lastPartitionId: number
  readonly defaultSortOrderId: number
  readonly sortOrders: readonly SortOrder[]
  readonly properties: Readonly<Record<string, string>>
  readonly currentSnapshotId?: bigint
  readonly snapshots: readonly Snapshot[]
  readonly snapshotLog: readonly SnapshotLogEntry[]
  readonly metadataLog: readonly MetadataLogEntry[]
  /** `main` is present when there is a current snapshot. */
  readonly refs: Readonly<Record<string, SnapshotRef>>
  /** v3 */
  readonly nextRowId?: bigint
  /** Statistics files, encryption keys and keys that this build does not know: kept as read (invariant I2). */
  readonly extra: Readonly<Record<string, unknown>>
}
