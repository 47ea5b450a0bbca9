import { IceboxError } from '../../base/index.ts'
import { assignFreshIds } from '../spec/schema.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import type { PartitionSpec, Schema, SortOrder } from '../spec/types.ts'
import { CREATED_TABLE_PROPERTIES } from './properties.ts'
import { checkSchema, checkSortOrder, checkSpec } from './validate.ts'

export interface NewTable {
  readonly uuid: string
  readonly location: string
  readonly schema: Schema
  /** Source ids refer to `schema` as given. */
  readonly spec?: PartitionSpec
  readonly sortOrder?: SortOrder
  readonly properties?: Readonly<Record<string, string>>
  /** Default 2, or the property `format-version`. */
  readonly formatVersion?: 1 | 2 | 3
  readonly nowMs: number
}

const FIRST_PARTITION_FIELD_ID = 1000

/**
 * Metadata of a table that does not exist yet. Field ids are assigned afresh (a level before its children), partition field
 * ids from 1000, and sources of the spec and the sort order follow. Throws `iceberg/invalid-change` for a schema, spec or
 * order that cannot be, `iceberg/unsupported` for a format version that this build does not write.
 */
export function newTableMetadata(table: NewTable): TableMetadata {
  const { 'format-version': versionText, ...properties } = table.properties ?? {}
  const formatVersion = table.formatVersion ?? parseFormatVersion(versionText ?? '2')
  checkSchema(table.schema, formatVersion)
  const { schema, idMap, lastColumnId } = assignFreshIds(table.schema)
  const newId = (id: number) => mappedId(idMap, id)
  const fields = (table.spec?.fields ?? []).map((field, at) => ({
    ...field,
    fieldId: FIRST_PARTITION_FIELD_ID + at,
    sourceIds: field.sourceIds.map(newId),
  }))
  const spec: PartitionSpec = { specId: 0, fields }
  const sortFields = (table.sortOrder?.fields ?? []).map((field) => ({
    ...field,
    sourceIds: field.sourceIds.map(newId),
  }))
  const sortOrder: SortOrder = { orderId: sortFields.length === 0 ? 0 : 1, fields: sortFields }
  checkSpec(spec, schema)
  checkSortOrder(sortOrder, schema)
  return {
    formatVersion,
    tableUuid: table.uuid,
    location: tableLocation(table.location),
    lastSequenceNumber: 0n,
    lastUpdatedMs: BigInt(table.nowMs),
    lastColumnId,
    currentSchemaId: 0,
    schemas: [{ ...schema, schemaId: 0, identifierFieldIds: table.schema.identifierFieldIds.map(newId) }],
    defaultSpecId: 0,
    partitionSpecs: [spec],
    lastPartitionId: FIRST_PARTITION_FIELD_ID + fields.length - 1,
    defaultSortOrderId: sortOrder.orderId,
    sortOrders: [sortOrder],
    properties: { ...CREATED_TABLE_PROPERTIES, ...properties },
    snapshots: [],
    snapshotLog: [],
    metadataLog: [],
    refs: {},
    ...(formatVersion >= 3 ? { nextRowId: 0n } : {}),
    extra: {},
  }
}

/** Locations of tables end without a slash. */
export function tableLocation(text: string): string {
  return text.length > 1 ? text.replace(/\/+$/, '') : text
}

/** The format version of a property text. Throws `iceberg/unsupported` for one that this build does not write. */
export function parseFormatVersion(text: string): 1 | 2 | 3 {
  if (text === '1') return 1
  if (text === '2') return 2
  throw new IceboxError('iceberg/unsupported', {
    message: `format-version ${text} is not written by this build, which writes 1 and 2`,
    remedy: "use 'format-version' = '2'",
    context: { formatVersion: text },
  })
}

/** What a source or an identifier of the schema as given is called in the schema with ids of its own. */
export function mappedId(idMap: ReadonlyMap<number, number>, id: number): number {
  const mapped = idMap.get(id)
  if (mapped === undefined) {
    throw new IceboxError('iceberg/invalid-change', {
      message: `the partition spec, sort order or identifier names field id ${id}, which the schema does not have`,
      remedy: 'name fields of the schema',
      context: { fieldId: id },
    })
  }
  return mapped
}
