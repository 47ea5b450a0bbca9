import { IceboxError } from '../../base/index.ts'
import { fieldById } from '../spec/schema.ts'
import type { Snapshot } from '../spec/snapshot.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import type { Schema } from '../spec/types.ts'

/** One of: an id, the name of a branch or tag, or a moment (milliseconds from 1970). Nothing: the current snapshot. */
export interface SnapshotSelector {
  readonly snapshotId?: bigint
  readonly ref?: string
  readonly timestampMs?: bigint
}

/**
 * The snapshot that a reader asks for. A moment means the snapshot that was current then, by the table's snapshot log.
 * Throws `iceberg/unknown-snapshot`, saying what there is.
 */
export function snapshotAt(metadata: TableMetadata, selector: SnapshotSelector = {}): Snapshot {
  const { snapshotId, ref, timestampMs } = selector
  if (snapshotId !== undefined) {
    return byId(metadata, snapshotId) ?? fail(metadata, `no snapshot ${snapshotId} in the table`)
  }
  if (ref !== undefined) return ofRef(metadata, ref)
  if (timestampMs !== undefined) return atTime(metadata, timestampMs)
  return currentSnapshot(metadata) ?? fail(metadata, 'the table has no snapshot yet')
}

/** The snapshot of the main branch, undefined in a table without rows ever written. */
export function currentSnapshot(metadata: TableMetadata): Snapshot | undefined {
  return metadata.currentSnapshotId === undefined ? undefined : byId(metadata, metadata.currentSnapshotId)
}

/** The schema that a snapshot was written with; the current one where the snapshot does not say (v1). */
export function schemaOf(metadata: TableMetadata, snapshot?: Snapshot): Schema {
  const schemaId = snapshot?.schemaId ?? metadata.currentSchemaId
  const schema = metadata.schemas.find((known) => known.schemaId === schemaId)
  if (schema !== undefined) return schema
  throw new IceboxError('iceberg/invalid-metadata', {
    message: `the table names schema ${schemaId} and does not hold it`,
    context: { schemaId },
  })
}

/** What types the partition values of a spec: the schema, or where it lacks a source that was dropped since, the newest that has all. */
export function schemaOfSpec(metadata: TableMetadata, specId: number, schema = schemaOf(metadata)): Schema {
  const fields = metadata.partitionSpecs.find((known) => known.specId === specId)?.fields ?? []
  // A void field has no values, and may outlive its source.
  const sources = fields.filter(({ transform }) => transform.kind !== 'void').flatMap(({ sourceIds }) => sourceIds)
  const hasSources = (known: Schema) => sources.every((id) => fieldById(known, id) !== undefined)
  return hasSources(schema) ? schema : (metadata.schemas.findLast(hasSources) ?? schema)
}

function byId(metadata: TableMetadata, id: bigint): Snapshot | undefined {
  return metadata.snapshots.findLast((snapshot) => snapshot.snapshotId === id)
}

function ofRef(metadata: TableMetadata, ref: string): Snapshot {
  const id = metadata.refs[ref]?.snapshotId ?? (ref === 'main' ? metadata.currentSnapshotId : undefined)
  const found = id === undefined ? undefined : byId(metadata, id)
  return found ?? fail(metadata, `no branch or tag '${ref}' in the table`)
}

function atTime(metadata: TableMetadata, timestampMs: bigint): Snapshot {
  const entry = metadata.snapshotLog.findLast((known) => known.timestampMs <= timestampMs)
  const found = entry === undefined ? undefined : byId(metadata, entry.snapshotId)
  return found ?? fail(metadata, `the table's history does not reach back to ${asTime(timestampMs)}`)
}

function fail(metadata: TableMetadata, problem: string): never {
  const oldest = metadata.snapshotLog[0]
  const refs = Object.keys(metadata.refs)
  const remedy =
    oldest === undefined
      ? 'the table has no history to read'
      : `its history starts at ${asTime(oldest.timestampMs)} with snapshot ${oldest.snapshotId}; branches and tags: ${refs.join(', ')}`
  throw new IceboxError('iceberg/unknown-snapshot', {
    message: problem,
    remedy,
    context: { snapshots: metadata.snapshots.length, refs },
  })
}

function asTime(timestampMs: bigint): string {
  const date = new Date(Number(timestampMs))
  return Number.isNaN(date.getTime()) ? `${timestampMs} ms` : date.toISOString()
}
