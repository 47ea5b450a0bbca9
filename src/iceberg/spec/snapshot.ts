export type SnapshotOperation = 'append' | 'replace' | 'overwrite' | 'delete'

/** Iceberg spec, "Snapshots". */
export interface Snapshot {
  readonly snapshotId: bigint
  readonly parentSnapshotId?: bigint
  /** 0 in v1 tables. */
  readonly sequenceNumber: bigint
  readonly timestampMs: bigint
  /** Absent only in v1 tables that list manifests inline. */
  readonly manifestList?: string
  /** v1 only: manifest locations inline. */
  readonly manifests?: readonly string[]
  /** `operation` and the counters, as text. */
  readonly summary: Readonly<Record<string, string>>
  readonly schemaId?: number
  /** v3, row lineage. */
  readonly firstRowId?: bigint
  readonly addedRows?: bigint
  readonly extra?: Readonly<Record<string, unknown>>
}

export interface SnapshotRef {
  readonly snapshotId: bigint
  readonly type: 'branch' | 'tag'
  readonly minSnapshotsToKeep?: number
  readonly maxSnapshotAgeMs?: bigint
  readonly maxRefAgeMs?: bigint
  readonly extra?: Readonly<Record<string, unknown>>
}

export interface SnapshotLogEntry {
  readonly timestampMs: bigint
  readonly snapshotId: bigint
  readonly extra?: Readonly<Record<string, unknown>>
}
export interface MetadataLogEntry {
  readonly timestampMs: bigint
  readonly metadataFile: string
  readonly extra?: Readonly<Record<string, unknown>>
}
