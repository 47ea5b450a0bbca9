import { NAME_MAPPING_PROPERTY, nameMappingToJson, parseNameMapping } from '../json/index.ts'
import { printJson } from '../../base/index.ts'
import { invalid, sameSchema, type TableUpdate } from '../metadata/index.ts'
import { schemaOf } from '../scan/index.ts'
import { allFieldIds, columnName } from '../spec/schema.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import type { Schema } from '../spec/types.ts'
import type { ActionResult, TableAction } from './action.ts'
import { specOf } from './manifest-writes.ts'
import { updatedNameMapping } from './name-mapping-update.ts'
import { SchemaUpdate } from './schema-update.ts'

/**
 * Changes the current schema. Field ids only grow (I3); an equal historic schema is used again. The commit asserts that no
 * other writer changed the schema or took field ids; when one did, the change is made again on its schema.
 */
export function updateSchemaAction(change: (update: SchemaUpdate) => void): TableAction {
  return {
    apply: ({ metadata }) => {
      const before = schemaOf(metadata)
      const update = new SchemaUpdate(metadata)
      change(update)
      const schema = update.result()
      if (sameSchema(before, schema)) return { updates: [], guards: [] }
      checkSources(metadata, before, schema)
      const updates: TableUpdate[] = [
        { action: 'add-schema', schema, lastColumnId: update.lastColumnId },
        { action: 'set-current-schema', schemaId: -1 },
        ...nameMappingUpdates(metadata, schema),
      ]
      const result: ActionResult = { updates, guards: update.dependsOnRows ? ['schema', 'main-snapshot'] : ['schema'] }
      return result
    },
  }
}

/** A column that the partitioning or the sort order in force needs cannot go. */
function checkSources(metadata: TableMetadata, before: Schema, after: Schema): void {
  const left = new Set(allFieldIds(after))
  const check = (sourceIds: readonly number[], what: string) => {
    for (const id of sourceIds) {
      if (!left.has(id)) throw invalid(`column '${columnName(before, id)}' cannot be dropped: ${what}`)
    }
  }
  for (const field of specOf(metadata, metadata.defaultSpecId).fields) {
    if (field.transform.kind !== 'void') check(field.sourceIds, `the table is partitioned by it ('${field.name}')`)
  }
  const order = metadata.sortOrders.find((known) => known.orderId === metadata.defaultSortOrderId)
  for (const field of order?.fields ?? []) check(field.sourceIds, 'the table is sorted by it')
}

/** Files without field ids are read by the mapping, so it learns new names and keeps the old ones. */
export function nameMappingUpdates(metadata: TableMetadata, schema: Schema): TableUpdate[] {
  const text = metadata.properties[NAME_MAPPING_PROPERTY]
  if (text === undefined) return []
  const mapping = updatedNameMapping(parseNameMapping(text), schema)
  return [{ action: 'set-properties', updates: { [NAME_MAPPING_PROPERTY]: printJson(nameMappingToJson(mapping)) } }]
}
