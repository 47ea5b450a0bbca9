import type { Json } from '../../base/index.ts'
import type { MetadataLogEntry, Snapshot, SnapshotLogEntry, SnapshotRef } from '../spec/snapshot.ts'
import { asObject, defined, invalidMetadata, type Place } from './json-object.ts'
import { extraJson } from './schema.ts'

/** Java writes -1 where a snapshot has no parent or a table no snapshot. */
const NONE = -1n

export function noneAsUndefined(id: bigint | undefined): bigint | undefined {
  return id === NONE ? undefined : id
}

export function parseSnapshot(json: Json, place: Place): Snapshot {
  const object = asObject(json, place)
  const sequenceNumber = object.optionalLong('sequence-number')
  const manifestList = object.optionalString('manifest-list')
  const manifests = object.optionalStrings('manifests')
  // A table that was upgraded keeps the snapshots of v1 as they are.
  if (manifestList === undefined && manifests === undefined) {
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
  // Assigned one by one: a thousand snapshots are printed on a commit, and spreading takes five times as long.
  const json: { [key: string]: Json } = { 'snapshot-id': snapshot.snapshotId }
  if (snapshot.parentSnapshotId !== undefined) json['parent-snapshot-id'] = snapshot.parentSnapshotId
  if (formatVersion > 1) json['sequence-number'] = snapshot.sequenceNumber
  json['timestamp-ms'] = snapshot.timestampMs
  if (snapshot.manifestList !== undefined) json['manifest-list'] = snapshot.manifestList
  if (snapshot.manifests !== undefined) json['manifests'] = [...snapshot.manifests]
  if (Object.keys(snapshot.summary).length > 0) json['summary'] = { ...snapshot.summary }
  if (snapshot.schemaId !== undefined) json['schema-id'] = snapshot.schemaId
  if (snapshot.firstRowId !== undefined) json['first-row-id'] = snapshot.firstRowId
  if (snapshot.addedRows !== undefined) json['added-rows'] = snapshot.addedRows
  return snapshot.extra === undefined ? json : { ...json, ...extraJson(snapshot.extra) }
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
  return { timestampMs: object.long('timestamp-ms'), snapshotId: object.long('snapshot-id'), ...object.extra() }
}

export function snapshotLogEntryToJson({ snapshotId, timestampMs, extra }: SnapshotLogEntry): Json {
  return { 'snapshot-id': snapshotId, 'timestamp-ms': timestampMs, ...extraJson(extra) }
}

export function parseMetadataLogEntry(json: Json, place: Place): MetadataLogEntry {
  const object = asObject(json, place)
  return {
    timestampMs: object.long('timestamp-ms'),
    metadataFile: object.string('metadata-file'),
    ...object.extra(),
  }
}

export function metadataLogEntryToJson({ metadataFile, timestampMs, extra }: MetadataLogEntry): Json {
  return { 'metadata-file': metadataFile, 'timestamp-ms': timestampMs, ...extraJson(extra) }
}
