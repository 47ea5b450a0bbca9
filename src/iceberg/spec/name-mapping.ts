import { childFields } from './schema.ts'
import type { NestedField, Schema } from './types.ts'

/** Iceberg spec, "Column Projection": ids for data files without field ids; the table property `schema.name-mapping.default`. */
export interface MappedField {
  /** Absent for a field of files that the schema does not have. */
  readonly fieldId?: number
  /** Names that the field has in files; literal, a dot means nothing. */
  readonly names: readonly string[]
  /** Children of a struct; `element` of a list; `key` and `value` of a map. */
  readonly fields: readonly MappedField[]
}
export type NameMapping = readonly MappedField[]

/** The mapping of a schema's own names. */
export function nameMappingOf(schema: Schema): NameMapping {
  return mapFields(schema.fields)
}

function mapFields(fields: readonly NestedField[]): MappedField[] {
  return fields.map((field) => ({
    fieldId: field.id,
    names: [field.name],
    fields: mapFields(childFields(field.type)),
  }))
}

/** The entry for a name at one level of a file. */
export function mappedField(mapping: NameMapping, name: string): MappedField | undefined {
  return mapping.find((field) => field.names.includes(name))
}
