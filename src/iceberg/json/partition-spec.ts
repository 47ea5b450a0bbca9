import type { Json } from '../../base/index.ts'
import { parseTransform, transformToString } from '../spec/partition.ts'
import type { PartitionField, PartitionSpec, SortField, SortOrder } from '../spec/types.ts'
import { asArray, asObject, atKey, invalidMetadata, type JsonObject, type Place } from './json-object.ts'
import { extraJson } from './schema.ts'

/** v1 metadata has no partition field ids; the reference implementation numbers the fields of each spec from here. */
export const FIRST_PARTITION_FIELD_ID = 1000

/** A partition spec of its JSON form: the object, or the bare list of fields of v1 metadata and manifests. */
export function parsePartitionSpec(
  json: Json,
  place: Place = { location: 'partition spec', path: '' },
  specId = 0,
): PartitionSpec {
  if (Array.isArray(json)) return { specId, fields: parsePartitionFields(json, place) }
  const object = asObject(json, place)
  return {
    specId: object.optionalInt('spec-id') ?? specId,
    fields: parsePartitionFields(object.get('fields'), object.at('fields')),
    ...object.extra(),
  }
}

function parsePartitionFields(json: Json | undefined, place: Place): PartitionField[] {
  return asArray(json, place).map((item, index) => {
    const object = asObject(item, atKey(place, index))
    return {
      fieldId: object.optionalInt('field-id') ?? FIRST_PARTITION_FIELD_ID + index,
      sourceIds: sourceIds(object),
      name: object.string('name'),
      transform: parseTransform(object.string('transform')),
      ...object.extra(),
    }
  })
}

/** `source-id` of one argument, `source-ids` of several (v3); some writers write both. */
function sourceIds(object: JsonObject): readonly number[] {
  const single = object.optionalInt('source-id')
  const several = object.optionalInts('source-ids')
  if (several !== undefined && several.length > 0) return several
  if (single === undefined) throw invalidMetadata(object.at('source-id'), 'is missing')
  return [single]
}

function sourceIdsToJson(ids: readonly number[]): Record<string, Json> {
  return ids.length === 1 && ids[0] !== undefined ? { 'source-id': ids[0] } : { 'source-ids': [...ids] }
}

export function partitionSpecToJson(spec: PartitionSpec): Json {
  return { 'spec-id': spec.specId, fields: partitionFieldsToJson(spec), ...extraJson(spec.extra) }
}

/** Only the fields: v1's `partition-spec` and the metadata of manifests. */
export function partitionFieldsToJson(spec: PartitionSpec): Json[] {
  return spec.fields.map((field) => ({
    ...sourceIdsToJson(field.sourceIds),
    'field-id': field.fieldId,
    name: field.name,
    transform: transformToString(field.transform),
    ...extraJson(field.extra),
  }))
}

export function parseSortOrder(json: Json, place: Place = { location: 'sort order', path: '' }): SortOrder {
  const object = asObject(json, place)
  return {
    orderId: object.int('order-id'),
    fields: object.array('fields', (item, at) => parseSortField(asObject(item, at))),
    ...object.extra(),
  }
}

function parseSortField(object: JsonObject): SortField {
  const direction = object.string('direction').toLowerCase()
  const nullOrder = object.string('null-order').toLowerCase()
  if (direction !== 'asc' && direction !== 'desc') {
    throw invalidMetadata(object.at('direction'), `is "${direction}", not asc or desc`)
  }
  if (nullOrder !== 'nulls-first' && nullOrder !== 'nulls-last') {
    throw invalidMetadata(object.at('null-order'), `is "${nullOrder}", not nulls-first or nulls-last`)
  }
  return {
    sourceIds: sourceIds(object),
    transform: parseTransform(object.string('transform')),
    direction,
    nullOrder,
    ...object.extra(),
  }
}

export function sortOrderToJson(order: SortOrder): Json {
  return {
    'order-id': order.orderId,
    fields: order.fields.map((field) => ({
      ...sourceIdsToJson(field.sourceIds),
      transform: transformToString(field.transform),
      direction: field.direction,
      'null-order': field.nullOrder,
      ...extraJson(field.extra),
    })),
    ...extraJson(order.extra),
  }
}
