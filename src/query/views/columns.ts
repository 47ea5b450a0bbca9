import type { NestedField, Schema } from '../../iceberg/index.ts'

export interface ViewColumn {
  readonly field: NestedField
  /** The name in SQL: the field's own, or with `_1`, `_2`… where another column of the table differs only by case. */
  readonly name: string
}

/** The columns of a table's view. DuckDB does not tell names by case; Iceberg does. */
export function viewColumns(schema: Schema): ViewColumn[] {
  const names = shownNames(schema.fields)
  return schema.fields.map((field, at) => ({ field, name: names[at] ?? field.name }))
}

/** Names of the columns of a table, or of the fields of a struct, of which no two are the same but for case. */
export function shownNames(fields: readonly { readonly name: string }[]): string[] {
  const taken = new Set(fields.map((field) => field.name.toLowerCase()))
  const used = new Set<string>()
  return fields.map((field) => {
    let name = field.name
    for (let copy = 1; used.has(name.toLowerCase()); copy++) {
      const proposal = `${field.name}_${copy}`
      if (!taken.has(proposal.toLowerCase())) name = proposal
    }
    used.add(name.toLowerCase())
    return name
  })
}
