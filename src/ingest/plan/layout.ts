import { IceboxError } from '../../base/index.ts'
import {
  columnName,
  type LoadedTable,
  type PartitionSpec,
  type Schema,
  type SortOrder,
  transformCall,
} from '../../iceberg/index.ts'
import { parsePartitionBy, parseSortBy } from './partition-text.ts'

/** Rejects (throws) `iceberg/invalid-metadata`. */
export function currentSchema(table: LoadedTable): Schema {
  const { metadata } = table
  const schema = metadata.schemas.find((some) => some.schemaId === metadata.currentSchemaId)
  if (schema === undefined)
    throw new IceboxError('iceberg/invalid-metadata', {
      message: `no schema ${metadata.currentSchemaId} in the table's metadata`,
    })
  return schema
}

/** How the rows of a table are laid out. */
export interface Layout {
  readonly spec: PartitionSpec | undefined
  readonly sortOrder: SortOrder | undefined
  /** As people write them. */
  readonly partitionBy: readonly string[]
  readonly sortBy: readonly string[]
}

export interface AskedLayout {
  /** `namespace.table` for messages. */
  readonly tableName: string
  readonly partitionBy?: string | undefined
  readonly sortBy?: string | undefined
}

/** The layout that is asked for, or that a table has. Rejects (throws) `ingest/partition`, and `usage/invalid` where the two differ. */
export function layoutOf(request: AskedLayout, existing: LoadedTable | undefined, fields: Schema): Layout {
  const asked = request.partitionBy === undefined ? undefined : parsePartitionBy(request.partitionBy, fields)
  const askedOrder = request.sortBy === undefined ? undefined : parseSortBy(request.sortBy, fields)
  if (existing === undefined) {
    return {
      spec: asked,
      sortOrder: askedOrder,
      partitionBy: shownSpec(asked, fields),
      sortBy: shownOrder(askedOrder, fields),
    }
  }
  const { metadata } = existing
  const spec = metadata.partitionSpecs.find((some) => some.specId === metadata.defaultSpecId)
  const order = metadata.sortOrders.find((some) => some.orderId === metadata.defaultSortOrderId)
  const schema = currentSchema(existing)
  const layout = {
    spec,
    sortOrder: askedOrder ?? order,
    partitionBy: shownSpec(spec, schema),
    sortBy: shownOrder(askedOrder ?? order, askedOrder === undefined ? schema : fields),
  }
  const wanted = shownSpec(asked, fields)
  if (asked !== undefined && wanted.join() !== layout.partitionBy.join()) {
    throw new IceboxError('usage/invalid', {
      message: `the table is partitioned by ${layout.partitionBy.join(', ') || 'nothing'}, not by ${wanted.join(', ')}`,
      remedy: 'leave --partition-by out, or change the table with ALTER TABLE',
      context: { table: request.tableName },
    })
  }
  return layout
}

function shownSpec(spec: PartitionSpec | undefined, schema: Schema): string[] {
  return (spec?.fields ?? []).map((field) => {
    return transformCall(field.transform, columnName(schema, field.sourceIds[0] ?? -1))
  })
}

function shownOrder(order: SortOrder | undefined, schema: Schema): string[] {
  return (order?.fields ?? []).map((field) => `${columnName(schema, field.sourceIds[0] ?? -1)} ${field.direction}`)
}
