import type { Json } from '../../base/index.ts'
import type { MetadataLogEntry, Snapshot, SnapshotLogEntry, SnapshotRef } from '../spec/snapshot.ts'
import { asObject, defined, invalidMetadata, type Place } from './json-object.ts'
import { extraJson } from './schema.ts'

/** Java writes -1 where a snapshot has no parent or a table no snapshot. */
const NONE = -1n

export function noneAsUndefined(id: bigint | undefined): bigint | undefined {
  return id === NONE ? undefined : id
}

export function parseSnapshot(json: Json, place: Place, formatVersion: number): Snapshot {
  const object = asObject(json, place)
  const sequenceNumber = object.optionalLong('sequence-number')
  const manifestList = object.optionalString('manifest-list')
  const manifests = object.optionalStrings('manifests')
  if (manifestList === undefined && (manifests === undefined || formatVersion > 1)) {
    throw invalidMetadata(object.at('manifest-list'), 'is missing')
  }
  return {
    snapshotId: object.long('snapshot-id'),
    sequenceNumber: sequenceNumber ?? 0n,
    timestampMs: object.long('timestamp-ms'),
    summary: object.optionalStringMap('summary') ?? {},
    ...defined({
      parentSnapshotId: noneAsUndefined(object.optionalLong('parent-snapshot-id')),
      manifestList,
      manifests: manifestList === undefined ? manifests : undefined,
      schemaId: object.optionalInt('schema-id'),
      firstRowId: object.optionalLong('first-row-id'),
      addedRows: object.optionalLong('added-rows'),
    }),
    ...object.extra(),
  }
}

export function snapshotToJson(snapshot: Snapshot, formatVersion: number): Json {
  return {
    'snapshot-id': snapshot.snapshotId,
    ...(snapshot.parentSnapshotId !== undefined && { 'parent-snapshot-id': snapshot.parentSnapshotId }),
    ...(formatVersion > 1 && { 'sequence-number': snapshot.sequenceNumber }),
    'timestamp-ms': snapshot.timestampMs,
    ...(snapshot.manifestList !== undefined && { 'manifest-list': snapshot.manifestList }),
    ...(snapshot.manifests !== undefined && { manifests: [...snapshot.manifests] }),
    ...(Object.keys(snapshot.summary).length > 0 && { summary: { ...snapshot.summary } }),
    ...(snapshot.schemaId !== undefined && { 'schema-id': snapshot.schemaId }),
    ...(snapshot.firstRowId !== undefined && { 'first-row-id': snapshot.firstRowId }),
    ...(snapshot.addedRows !== undefined && { 'added-rows': snapshot.addedRows }),
    ...extraJson(snapshot.extra),
  }
}

export function parseSnapshotRef(json: Json, place: Place): SnapshotRef {
  const object = asObject(json, place)
  const type = object.string('type').toLowerCase()
  if (type !== 'branch' && type !== 'tag') throw invalidMetadata(object.at('type'), `is "${type}", not branch or tag`)
  return {
    snapshotId: object.long('snapshot-id'),
    type,
    ...defined({
      minSnapshotsToKeep: object.optionalInt('min-snapshots-to-keep'),
      maxSnapshotAgeMs: object.optionalLong('max-snapshot-age-ms'),
      maxRefAgeMs: object.optionalLong('max-ref-age-ms'),
    }),
    ...object.extra(),
  }
}

export function snapshotRefToJson(ref: SnapshotRef): Json {
  return {
    'snapshot-id': ref.snapshotId,
    type: ref.type,
    ...(ref.minSnapshotsToKeep !== undefined && { 'min-snapshots-to-keep': ref.minSnapshotsToKeep }),
    ...(ref.maxSnapshotAgeMs !== undefined && { 'max-snapshot-age-ms': ref.maxSnapshotAgeMs }),
    ...(ref.maxRefAgeMs !== undefined && { 'max-ref-age-ms': ref.maxRefAgeMs }),
    ...extraJson(ref.extra),
  }
}

export function parseSnapshotLogEntry(json: Json, place: Place): SnapshotLogEntry {
  const object = asObject(json, place)
  return { timestampMs: object.long('timestamp-ms'), snapshotId: object.long('snapshot-id') }
}

export function parseMetadataLogEntry(json: Json, place: Place): MetadataLogEntry {
  const object = asObject(json, place)
  return { timestampMs: object.long('timestamp-ms'), metadataFile: object.string('metadata-file') }
}
