import type { NestedField, Schema, Type } from './types.ts'

/** A field with its place in the schema. */
export interface FieldPlace {
  readonly field: NestedField
  /** Dotted: `address.city`; `element`, `key` and `value` are the names below lists and maps. */
  readonly path: string
  /** The field that holds it; undefined at the top. */
  readonly parentId: number | undefined
}

interface SchemaIndex {
  readonly byId: ReadonlyMap<number, FieldPlace>
  readonly byPath: ReadonlyMap<string, FieldPlace>
  /** A path that two fields have. */
  readonly sharedPath: string | undefined
}

const indexes = new WeakMap<Schema, SchemaIndex>()

/** Schemas are immutable, so each is walked once. */
function indexOf(schema: Schema): SchemaIndex {
  const known = indexes.get(schema)
  if (known !== undefined) return known
  const byId = new Map<number, FieldPlace>()
  const byPath = new Map<string, FieldPlace>()
  let sharedPath: string | undefined
  const visit = (fields: readonly NestedField[], prefix: string, parentId: number | undefined) => {
    for (const field of fields) {
      const place = { field, path: prefix + field.name, parentId }
      byId.set(field.id, place)
      // A name with a dot can look like a path; the first in schema order has it.
      if (byPath.has(place.path)) sharedPath ??= place.path
      else byPath.set(place.path, place)
      visit(childFields(field.type), `${place.path}.`, field.id)
    }
  }
  visit(schema.fields, '', undefined)
  const index = { byId, byPath, sharedPath }
  indexes.set(schema, index)
  return index
}

/** The fields directly below a type; list elements are called `element`, map entries `key` and `value`. */
export function childFields(type: Type): readonly NestedField[] {
  if (type.kind === 'struct') return type.fields
  if (type.kind === 'list') {
    return [{ id: type.elementId, name: 'element', type: type.element, required: type.elementRequired }]
  }
  if (type.kind !== 'map') return []
  return [
    { id: type.keyId, name: 'key', type: type.key, required: true },
    { id: type.valueId, name: 'value', type: type.value, required: type.valueRequired },
  ]
}

/** The field of an id at any depth (list elements, map keys and values included). */
export function fieldById(schema: Schema, id: number): NestedField | undefined {
  return indexOf(schema).byId.get(id)?.field
}

/** The field at a dotted path; case matters. */
export function fieldByPath(schema: Schema, path: string): NestedField | undefined {
  return indexOf(schema).byPath.get(path)?.field
}

/**
 * A dotted path that two fields have: a column `a.b` beside a field `b` of `a`. Iceberg's libraries do not read such tables
 * (Java and PyIceberg: "multiple fields for name").
 */
export function sharedPath(schema: Schema): string | undefined {
  return indexOf(schema).sharedPath
}

/** A field with its path and parent. */
export function fieldPlace(schema: Schema, id: number): FieldPlace | undefined {
  return indexOf(schema).byId.get(id)
}

/** The dotted name of a field; `#7` for an id that the schema does not have. */
export function columnName(schema: Schema, id: number): string {
  return indexOf(schema).byId.get(id)?.path ?? `#${id}`
}

/** All field ids, parents before their children. */
export function allFieldIds(schema: Schema): number[] {
  return [...indexOf(schema).byId.keys()]
}

/** The highest field id, 0 in a schema without fields. */
export function highestFieldId(schema: Schema): number {
  return allFieldIds(schema).reduce((highest, id) => Math.max(highest, id), 0)
}

export interface FreshSchema {
  readonly schema: Schema
  /** From the ids of the given schema to the new ones. */
  readonly idMap: ReadonlyMap<number, number>
  readonly lastColumnId: number
}

/**
 * The same schema with ids from `startAfter + 1`, in the order that Java and PyIceberg give: all fields of a level,
 * then what is below them. A field that `known` has under the same path, whatever its type, keeps the id from there.
 * Ids of the given schema must be unique for `idMap` to mean anything.
 */
export function assignFreshIds(schema: Schema, startAfter = 0, known?: Schema): FreshSchema {
  let last = startAfter
  const idMap = new Map<number, number>()
  const next = (old: number) => {
    const same = known === undefined ? undefined : fieldByPath(known, columnName(schema, old))?.id
    const id = same ?? ++last
    idMap.set(old, id)
    return id
  }
  const freshFields = (fields: readonly NestedField[]): NestedField[] => {
    const ids = fields.map((field) => next(field.id))
    return fields.map((field, at) => ({ ...field, id: ids[at] ?? 0, type: freshType(field.type) }))
  }
  const freshType = (type: Type): Type => {
    if (type.kind === 'struct') return { kind: 'struct', fields: freshFields(type.fields) }
    if (type.kind === 'list') {
      const elementId = next(type.elementId)
      return { ...type, elementId, element: freshType(type.element) }
    }
    if (type.kind !== 'map') return type
    const keyId = next(type.keyId)
    const valueId = next(type.valueId)
    return { ...type, keyId, valueId, key: freshType(type.key), value: freshType(type.value) }
  }
  const fields = freshFields(schema.fields)
  const identifierFieldIds = schema.identifierFieldIds.flatMap((id) => idMap.get(id) ?? [])
  return { schema: { ...schema, fields, identifierFieldIds }, idMap, lastColumnId: last }
}
