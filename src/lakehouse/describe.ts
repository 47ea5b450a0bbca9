import { IceboxError } from '../base/index.ts'
import { type Catalog, type TableIdentifier, tableText } from '../catalog/index.ts'
import {
  columnName,
  isUnpartitioned,
  isUnsorted,
  type LoadedTable,
  type PartitionSpec,
  type Schema,
  type SortOrder,
  type TableMetadata,
  type Transform,
  transformCall,
  typeToString,
} from '../iceberg/index.ts'
import type { TableDescription, TableListing } from './api.ts'

/** `bucket(16, id)`, `month(ts)`, `region`: a transform of a column as it is written in SQL. */
function transformText(transform: Transform, sourceIds: readonly number[], schema: Schema): string {
  const column = sourceIds.map((id) => columnName(schema, id) ?? `(dropped column ${id})`).join(', ')
  return transformCall(transform, column)
}

/** `month(ts), bucket(16, id)`; empty when unpartitioned. Fields that evolution made void are left out. */
export function partitionText(spec: PartitionSpec | undefined, schema: Schema): string {
  if (spec === undefined || isUnpartitioned(spec)) return ''
  return spec.fields
    .filter((field) => field.transform.kind !== 'void')
    .map((field) => transformText(field.transform, field.sourceIds, schema))
    .join(', ')
}

/** `ts desc nulls last, id asc nulls first`; empty when unsorted. */
export function sortText(order: SortOrder | undefined, schema: Schema): string {
  if (order === undefined || isUnsorted(order)) return ''
  return order.fields
    .map(
      (field) =>
        `${transformText(field.transform, field.sourceIds, schema)} ${field.direction} ${field.nullOrder.replace('-', ' ')}`,
    )
    .join(', ')
}

export function currentSchema(metadata: TableMetadata): Schema {
  const schema = metadata.schemas.find((candidate) => candidate.schemaId === metadata.currentSchemaId)
  if (schema === undefined) {
    throw new IceboxError('iceberg/invalid-metadata', {
      message: `table ${metadata.tableUuid} has no schema ${metadata.currentSchemaId}, which it calls current`,
      remedy: 'register an older metadata file of the table',
      context: { schemaId: metadata.currentSchemaId },
    })
  }
  return schema
}

/** A counter of the current snapshot's summary; null where the writer left it out, 0 for a table without a snapshot. */
function total(metadata: TableMetadata, counter: string): number | null {
  if (metadata.currentSnapshotId === undefined) return 0
  const snapshot = metadata.snapshots.find((candidate) => candidate.snapshotId === metadata.currentSnapshotId)
  const value = Number(snapshot?.summary[counter])
  return Number.isFinite(value) ? value : null
}

export function listing(table: TableIdentifier, loaded: LoadedTable): TableListing {
  const { metadata } = loaded
  const spec = metadata.partitionSpecs.find((candidate) => candidate.specId === metadata.defaultSpecId)
  return {
    table: tableText(table),
    namespace: table.namespace.join('.'),
    name: table.name,
    rows: total(metadata, 'total-records'),
    files: total(metadata, 'total-data-files'),
    bytes: total(metadata, 'total-files-size'),
    partitionedBy: partitionText(spec, currentSchema(metadata)),
    formatVersion: metadata.formatVersion,
    changedMs: Number(metadata.lastUpdatedMs),
    metadataLocation: loaded.metadataLocation,
    problem: null,
  }
}

/** The row of a table whose metadata cannot be read: it is shown with the reason, and hides no other. */
export function brokenListing(table: TableIdentifier, metadataLocation: string, problem: IceboxError): TableListing {
  return {
    table: tableText(table),
    namespace: table.namespace.join('.'),
    name: table.name,
    rows: null,
    files: null,
    bytes: null,
    partitionedBy: '',
    formatVersion: null,
    changedMs: null,
    metadataLocation,
    problem: { code: problem.code, message: problem.message },
  }
}

export function describe(table: TableIdentifier, loaded: LoadedTable): TableDescription {
  const { metadata } = loaded
  const schema = currentSchema(metadata)
  const order = metadata.sortOrders.find((candidate) => candidate.orderId === metadata.defaultSortOrderId)
  return {
    ...listing(table, loaded),
    uuid: metadata.tableUuid,
    location: metadata.location,
    columns: schema.fields.map((field) => ({
      id: field.id,
      name: field.name,
      type: typeToString(field.type),
      required: field.required,
      doc: field.doc ?? null,
    })),
    sortedBy: sortText(order, schema),
    currentSnapshotId: metadata.currentSnapshotId?.toString() ?? null,
    snapshots: metadata.snapshots.length,
    refs: Object.fromEntries(Object.entries(metadata.refs).map(([name, ref]) => [name, ref.snapshotId.toString()])),
    properties: metadata.properties,
  }
}

/** Every table of the catalog, namespaces and tables in the order of their names. */
export async function* allTables(catalog: Catalog): AsyncIterable<TableIdentifier> {
  const namespaces = (await catalog.listNamespaces()).sort((a, b) => compareText(a.join('.'), b.join('.')))
  for (const namespace of namespaces) {
    yield* (await catalog.listTables(namespace)).sort((a, b) => compareText(a.name, b.name))
  }
}

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
