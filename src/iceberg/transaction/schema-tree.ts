import { invalid } from '../metadata/index.ts'
import { childFields } from '../spec/schema.ts'
import type { NestedField, Type } from '../spec/types.ts'

/**
 * Names from the top, outermost first; the element of a list is `element`, parts of a map are `key` and `value`. A text is
 * split at dots where no column has the longer name: a column that is called `a.b` is found before field `b` of `a`.
 */
export type ColumnPath = string | readonly string[]

/** The names of a path in a tree. Throws `iceberg/invalid-change`, naming what there is. */
export function resolvePath(fields: readonly NestedField[], path: ColumnPath): readonly string[] {
  const found = typeof path === 'string' ? findText(fields, path) : findNames(fields, path)
  if (found !== undefined) return found
  const shown = typeof path === 'string' ? path : path.join('.')
  throw invalid(`there is no column '${shown}'; the columns are: ${fields.map((field) => field.name).join(', ')}`)
}

function findText(fields: readonly NestedField[], text: string): readonly string[] | undefined {
  if (fields.some((field) => field.name === text)) return [text]
  for (const field of fields) {
    if (!text.startsWith(`${field.name}.`)) continue
    const rest = findText(childFields(field.type), text.slice(field.name.length + 1))
    if (rest !== undefined) return [field.name, ...rest]
  }
  return undefined
}

function findNames(fields: readonly NestedField[], names: readonly string[]): readonly string[] | undefined {
  const [name, ...rest] = names
  const field = fields.find((candidate) => candidate.name === name)
  if (field === undefined) return undefined
  return rest.length === 0 || findNames(childFields(field.type), rest) !== undefined ? names : undefined
}

/** The field at resolved names. */
export function fieldAt(fields: readonly NestedField[], names: readonly string[]): NestedField {
  const [name, ...rest] = names
  const field = fields.find((candidate) => candidate.name === name)
  if (field === undefined) throw invalid(`there is no column '${names.join('.')}'`)
  return rest.length === 0 ? field : fieldAt(childFields(field.type), rest)
}

/** The tree with the field at resolved names replaced. Throws for a change within the key of a map. */
export function withFieldAt(
  fields: readonly NestedField[],
  names: readonly string[],
  change: (field: NestedField) => NestedField,
): readonly NestedField[] {
  const [name, ...rest] = names
  return fields.map((field) => {
    if (field.name !== name) return field
    if (rest.length === 0) return change(field)
    if (field.type.kind === 'map' && rest[0] === 'key') {
      throw invalid(`the key of map '${field.name}' cannot be changed`)
    }
    return { ...field, type: withChildren(field.type, withFieldAt(childFields(field.type), rest, change)) }
  })
}

/** The tree with the columns of one struct replaced; no names: the top level. */
export function withSiblingsAt(
  fields: readonly NestedField[],
  parent: readonly string[],
  change: (siblings: readonly NestedField[]) => readonly NestedField[],
): readonly NestedField[] {
  if (parent.length === 0) return change(fields)
  return withFieldAt(fields, parent, (field) => {
    if (field.type.kind !== 'struct') throw invalid(`'${parent.join('.')}' is a ${field.type.kind} and has no columns`)
    return { ...field, type: { kind: 'struct', fields: change(field.type.fields) } }
  })
}

function withChildren(type: Type, children: readonly NestedField[]): Type {
  const [first, second] = children
  if (type.kind === 'struct') return { kind: 'struct', fields: children }
  if (type.kind === 'list' && first !== undefined) {
    return { ...type, element: first.type, elementRequired: first.required }
  }
  if (type.kind === 'map' && second !== undefined)
    return { ...type, value: second.type, valueRequired: second.required }
  return type
}
