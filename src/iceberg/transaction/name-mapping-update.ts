import type { MappedField, NameMapping } from '../spec/name-mapping.ts'
import { childFields } from '../spec/schema.ts'
import type { NestedField, Schema } from '../spec/types.ts'

/**
 * The mapping after a schema change: each field also has its present name, entries of dropped fields stay for old files, and
 * a name that a new field took is taken from the field that had it (Iceberg spec, "Column Projection").
 */
export function updatedNameMapping(mapping: NameMapping, schema: Schema): NameMapping {
  return update(mapping, schema.fields)
}

function update(mapped: readonly MappedField[], fields: readonly NestedField[]): MappedField[] {
  const taken = new Map(fields.map((field) => [field.name, field.id]))
  const kept = mapped.map((entry): MappedField => {
    const field = fields.find((candidate) => candidate.id === entry.fieldId)
    const names = entry.names.filter((name) => (taken.get(name) ?? entry.fieldId) === entry.fieldId)
    if (field === undefined) return { ...entry, names }
    const known = names.includes(field.name) ? names : [...names, field.name]
    return { ...entry, names: known, fields: update(entry.fields, childFields(field.type)) }
  })
  const known = new Set(mapped.map((entry) => entry.fieldId))
  const fresh = fields
    .filter((field) => !known.has(field.id))
    .map((field) => ({ fieldId: field.id, names: [field.name], fields: update([], childFields(field.type)) }))
  return [...kept, ...fresh]
}
