import { createHash } from 'node:crypto'
import { isIceboxError, type Json, messageOf, parseJson, printJson } from '../../base/index.ts'
import { highestFieldId } from '../spec/schema.ts'
import { UNSORTED } from '../spec/sort-order.ts'
import type { Snapshot, SnapshotLogEntry, SnapshotRef } from '../spec/snapshot.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import type { PartitionSpec, Schema, SortOrder } from '../spec/types.ts'
import { asObject, defined, invalidMetadata, type JsonObject, type Place, unsupported } from './json-object.ts'
import {
  FIRST_PARTITION_FIELD_ID,
  parsePartitionSpec,
  parseSortOrder,
  partitionFieldsToJson,
  partitionSpecToJson,
  sortOrderToJson,
} from './partition-spec.ts'
import { ListPrinter } from './print-list.ts'
import { extraJson, parseSchema, schemaToJson } from './schema.ts'
import {
  metadataLogEntryToJson,
  noneAsUndefined,
  parseMetadataLogEntry,
  parseSnapshot,
  parseSnapshotLogEntry,
  parseSnapshotRef,
  snapshotLogEntryToJson,
  snapshotRefToJson,
  snapshotToJson,
} from './snapshot.ts'

/**
 * Table metadata of its JSON text, format versions 1 to 3; what v1 leaves out is filled as the specification says
 * (Appendix E). Rejects `iceberg/invalid-metadata` naming location, key and value, and `iceberg/unsupported` for later
 * versions, types that are not built and encrypted tables. `location` is where the text was read, for messages.
 */
export function parseTableMetadata(text: string, location: string): TableMetadata {
  const place = { location, path: '' }
  let json: Json
  try {
    json = parseJson(text)
  } catch (cause) {
    if (!isIceboxError(cause)) throw cause
    throw invalidMetadata(place, `is ${messageOf(cause)}`, cause)
  }
  return tableMetadataFromJson(json, location)
}

/** As {@link parseTableMetadata}, of a parsed document (the REST catalog carries metadata inside of others). */
export function tableMetadataFromJson(json: Json, location: string): TableMetadata {
  const place = { location, path: '' }
  const object = asObject(json, place)
  const formatVersion = parseFormatVersion(object)
  const tableLocation = object.string('location').replace(/(?<=[^/:])\/+$/, '')
  const schemas = parseSchemas(object, formatVersion)
  const specs = parseSpecs(object, formatVersion)
  const orders = parseSortOrders(object, formatVersion)
  const snapshots = object.optionalArray('snapshots', parseSnapshot) ?? []
  const currentSnapshotId = noneAsUndefined(object.optionalLong('current-snapshot-id'))
  refuseEncryption(object, snapshots)
  const lastSequenceNumber =
    formatVersion === 1 ? (object.optionalLong('last-sequence-number') ?? 0n) : object.long('last-sequence-number')
  // A writer that says less than what was given out would have ids and numbers given out twice.
  const metadata: TableMetadata = {
    formatVersion,
    tableUuid: object.optionalString('table-uuid')?.toLowerCase() ?? fallbackUuid(formatVersion, tableLocation, object),
    location: tableLocation,
    lastSequenceNumber: snapshots.reduce(
      (last, { sequenceNumber }) => (sequenceNumber > last ? sequenceNumber : last),
      lastSequenceNumber,
    ),
    lastUpdatedMs: object.long('last-updated-ms'),
    lastColumnId: Math.max(object.int('last-column-id'), ...schemas.schemas.map(highestFieldId)),
    ...schemas,
    ...specs,
    ...orders,
    properties: object.optionalStringMap('properties') ?? {},
    snapshots,
    snapshotLog: object.optionalArray('snapshot-log', parseSnapshotLogEntry) ?? [],
    metadataLog: object.optionalArray('metadata-log', parseMetadataLogEntry) ?? [],
    refs: parseRefs(object, currentSnapshotId),
    ...defined({
      currentSnapshotId,
      nextRowId: formatVersion >= 3 ? object.long('next-row-id') : object.optionalLong('next-row-id'),
    }),
    extra: object.rest(),
  }
  checkReferences(metadata, place)
  return metadata
}

function parseFormatVersion(object: JsonObject): 1 | 2 | 3 {
  const version = object.int('format-version')
  if (version === 1 || version === 2 || version === 3) return version
  if (version < 1) throw invalidMetadata(object.at('format-version'), `is ${version}; the first version is 1`)
  throw unsupported(
    object.at('format-version'),
    `tables of format version ${version} are not supported by this version of Icebox, which reads 1 to 3`,
    'read the table with a later version of Icebox',
  )
}

function parseSchemas(object: JsonObject, formatVersion: number): Pick<TableMetadata, 'schemas' | 'currentSchemaId'> {
  const listed = object.optionalArray('schemas', (item, place) => parseSchema(item, place))
  const single = object.get('schema')
  if (listed !== undefined && listed.length > 0) {
    return { schemas: listed, currentSchemaId: object.int('current-schema-id') }
  }
  if (formatVersion > 1) throw invalidMetadata(object.at('schemas'), 'is missing or empty')
  const schema: Schema = parseSchema(single ?? null, object.at('schema'))
  return { schemas: [schema], currentSchemaId: schema.schemaId }
}

type Specs = Pick<TableMetadata, 'partitionSpecs' | 'defaultSpecId' | 'lastPartitionId'>
function parseSpecs(object: JsonObject, formatVersion: number): Specs {
  const listed = object.optionalArray('partition-specs', (item, place) => parsePartitionSpec(item, place))
  const single = object.get('partition-spec')
  let partitionSpecs: readonly PartitionSpec[]
  let defaultSpecId: number
  if (listed !== undefined && listed.length > 0) {
    partitionSpecs = listed
    defaultSpecId = object.int('default-spec-id')
  } else if (formatVersion > 1) {
    throw invalidMetadata(object.at('partition-specs'), 'is missing or empty')
  } else {
    partitionSpecs = [parsePartitionSpec(single ?? null, object.at('partition-spec'))]
    defaultSpecId = 0
  }
  const lastPartitionId = object.optionalInt('last-partition-id')
  if (lastPartitionId === undefined && formatVersion > 1)
    throw invalidMetadata(object.at('last-partition-id'), 'is missing')
  const highest = highestPartitionFieldId(partitionSpecs)
  return { partitionSpecs, defaultSpecId, lastPartitionId: Math.max(lastPartitionId ?? highest, highest) }
}

/** 999 where no partition field has an id yet, so that the next is 1000. */
export function highestPartitionFieldId(specs: readonly PartitionSpec[]): number {
  return specs
    .flatMap((spec) => spec.fields)
    .reduce((highest, field) => Math.max(highest, field.fieldId), FIRST_PARTITION_FIELD_ID - 1)
}

function parseSortOrders(
  object: JsonObject,
  formatVersion: number,
): { readonly sortOrders: readonly SortOrder[]; readonly defaultSortOrderId: number } {
  const sortOrders = object.optionalArray('sort-orders', parseSortOrder)
  const defaultSortOrderId = object.optionalInt('default-sort-order-id')
  if (sortOrders !== undefined && sortOrders.length > 0 && defaultSortOrderId !== undefined) {
    return { sortOrders, defaultSortOrderId }
  }
  if (formatVersion > 1 && sortOrders === undefined) throw invalidMetadata(object.at('sort-orders'), 'is missing')
  if (formatVersion > 1 && defaultSortOrderId === undefined) {
    throw invalidMetadata(object.at('default-sort-order-id'), 'is missing')
  }
  return { sortOrders: [UNSORTED], defaultSortOrderId: UNSORTED.orderId }
}

/** There is always a `main` where there is a current snapshot (Iceberg spec, "Table Metadata Fields", `refs`). */
function parseRefs(object: JsonObject, currentSnapshotId: bigint | undefined): Record<string, SnapshotRef> {
  const refs: Record<string, SnapshotRef> = {}
  if (currentSnapshotId !== undefined) refs['main'] = { snapshotId: currentSnapshotId, type: 'branch' }
  const given = object.get('refs')
  if (given === undefined) return refs
  const entries = Object.entries(asObject(given, object.at('refs')).rest())
  for (const [name, json] of entries) {
    const place = { location: object.place.location, path: `refs.${name}` }
    const ref = parseSnapshotRef(json, place)
    if (name === 'main' && ref.snapshotId !== currentSnapshotId) {
      throw invalidMetadata(
        place,
        `is snapshot ${ref.snapshotId}, but current-snapshot-id is ${currentSnapshotId ?? 'absent'}`,
      )
    }
    refs[name] = ref
  }
  return refs
}

/** v1 metadata may lack a uuid; one made of the place stays the same from read to read. */
function fallbackUuid(formatVersion: number, location: string, object: JsonObject): string {
  if (formatVersion > 1) throw invalidMetadata(object.at('table-uuid'), 'is missing')
  const hex = createHash('sha256').update(`icebox v1 table ${location}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

function refuseEncryption(object: JsonObject, snapshots: readonly Snapshot[]): void {
  const encrypted = snapshots.find((snapshot) => snapshot.extra?.['key-id'] !== undefined)
  const remedy = 'read the table with an engine that holds its keys'
  if (encrypted !== undefined) {
    throw unsupported(
      object.at('snapshots'),
      `snapshot ${encrypted.snapshotId} is encrypted; encryption is not supported`,
      remedy,
    )
  }
  const keys = object.optionalArray('encryption-keys', (item) => item)
  if (keys !== undefined && keys.length > 0) {
    throw unsupported(
      object.at('encryption-keys'),
      'the table has encryption keys; encryption is not supported',
      remedy,
    )
  }
}

function checkReferences(metadata: TableMetadata, place: Place): void {
  const check = (key: string, id: number | bigint, found: boolean) => {
    if (!found) throw invalidMetadata({ ...place, path: key }, `is ${id}, which the metadata does not define`)
  }
  const { currentSnapshotId } = metadata
  check(
    'current-schema-id',
    metadata.currentSchemaId,
    metadata.schemas.some((schema) => schema.schemaId === metadata.currentSchemaId),
  )
  check(
    'default-spec-id',
    metadata.defaultSpecId,
    metadata.partitionSpecs.some((spec) => spec.specId === metadata.defaultSpecId),
  )
  check(
    'default-sort-order-id',
    metadata.defaultSortOrderId,
    metadata.sortOrders.some((order) => order.orderId === metadata.defaultSortOrderId),
  )
  if (currentSnapshotId !== undefined) {
    const found = metadata.snapshots.some((snapshot) => snapshot.snapshotId === currentSnapshotId)
    check('current-snapshot-id', currentSnapshotId, found)
  }
}

/**
 * The JSON text of table metadata, on one line, with all that the reader kept (I2). Snapshots, which make up most of it
 * and never change, are printed once each and their text remembered.
 */
export function printTableMetadata(metadata: TableMetadata): string {
  return Buffer.from(encodeTableMetadata(metadata)).toString()
}

/** As {@link printTableMetadata}, in UTF-8: what a commit writes. */
export function encodeTableMetadata(metadata: TableMetadata): Uint8Array {
  const version = metadata.formatVersion
  const parts: (string | Uint8Array)[] = []
  const put = (key: string, value: unknown) => parts.push(`"${key}":${printJson(value)},`)
  const putList = (key: string, items: Iterable<Uint8Array>) => parts.push(`"${key}":[`, ...items, '],')
  put('format-version', version)
  put('table-uuid', metadata.tableUuid)
  put('location', metadata.location)
  if (version > 1) put('last-sequence-number', metadata.lastSequenceNumber)
  put('last-updated-ms', metadata.lastUpdatedMs)
  put('last-column-id', metadata.lastColumnId)
  if (version === 1) {
    const schema = metadata.schemas.find((candidate) => candidate.schemaId === metadata.currentSchemaId)
    const spec = metadata.partitionSpecs.find((candidate) => candidate.specId === metadata.defaultSpecId)
    if (schema !== undefined) put('schema', schemaToJson(schema))
    if (spec !== undefined) put('partition-spec', partitionFieldsToJson(spec))
  }
  put('current-schema-id', metadata.currentSchemaId)
  put('schemas', metadata.schemas.map(schemaToJson))
  put('default-spec-id', metadata.defaultSpecId)
  put('partition-specs', metadata.partitionSpecs.map(partitionSpecToJson))
  put('last-partition-id', metadata.lastPartitionId)
  put('default-sort-order-id', metadata.defaultSortOrderId)
  put('sort-orders', metadata.sortOrders.map(sortOrderToJson))
  put('properties', metadata.properties)
  // Java reads -1 as none; absent is read as none by all.
  if (metadata.currentSnapshotId !== undefined) put('current-snapshot-id', metadata.currentSnapshotId)
  if (version >= 3) put('next-row-id', metadata.nextRowId ?? 0n)
  const refs = Object.entries(metadata.refs).map(([name, ref]) => [name, snapshotRefToJson(ref)])
  put('refs', Object.fromEntries(refs))
  putList('snapshots', snapshotPrinters[version].print(metadata.snapshots))
  putList('snapshot-log', snapshotLogPrinter.print(metadata.snapshotLog))
  for (const [key, value] of Object.entries(extraJson(metadata.extra)))
    parts.push(`${printJson(key)}:${printJson(value)},`)
  parts.push(`"metadata-log":${printJson(metadata.metadataLog.map(metadataLogEntryToJson))}`)
  return Buffer.concat(['{', ...parts, '}'].map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
}

const snapshotPrinter = (version: 1 | 2 | 3) => {
  const printed = new WeakMap<Snapshot, string>()
  return new ListPrinter<Snapshot>((snapshot) => {
    const known = printed.get(snapshot)
    if (known !== undefined) return known
    const text = printJson(snapshotToJson(snapshot, version))
    printed.set(snapshot, text)
    return text
  })
}
const snapshotPrinters = { 1: snapshotPrinter(1), 2: snapshotPrinter(2), 3: snapshotPrinter(3) }
const snapshotLogPrinter = new ListPrinter<SnapshotLogEntry>((entry) => printJson(snapshotLogEntryToJson(entry)))
