import type { NestedField, Schema, Type } from '../../iceberg/index.ts'
import { quoteIdentifier } from '../sql.ts'

/** COPY's `FIELD_IDS` of a table: ids at every level, so that readers find columns by id. */
export function fieldIdsClause(schema: Schema): string {
  return `{${schema.fields.map((field) => member(field.name, field.id, field.type)).join(', ')}}`
}

function member(name: string, id: number, type: Type): string {
  const below = children(type)
  if (below.length === 0) return `${quoteIdentifier(name)}: ${id}`
  return `${quoteIdentifier(name)}: {__duckdb_field_id: ${id}, ${below.join(', ')}}`
}

function children(type: Type): string[] {
  switch (type.kind) {
    case 'struct':
      return type.fields.map((field: NestedField) => member(field.name, field.id, field.type))
    case 'list':
      return [member('element', type.elementId, type.element)]
    case 'map':
      return [member('key', type.keyId, type.key), member('value', type.valueId, type.value)]
    default:
      return []
  }
}
