import { quoteList, quoteText } from '../sql.ts'
import type { JsonShape } from './description.ts'

/** Where a value of a shape is looked for. */
interface Place {
  /** DuckDB's JSON path. */
  readonly path: string
  /** The same as a person reads it. */
  readonly shown: string
  /** Below a list: paths give a list of all that they find. */
  readonly isMany: boolean
}

/**
 * SQL of what json_transform passes over without a word in an object: fields that the shape does not have are dropped, of a
 * field that is named twice one value is taken, and what is no object or list where the shape has one becomes NULL. NULL
 * where there is nothing of it, else the first of it in words. `text` is SQL of an object's text, and must be one.
 */
export function faultOf(shape: JsonShape, text: string): string {
  const root = { path: '$', shown: '', isMany: false }
  const cases = faultsBelow(shape, text, root)
  if (cases.length === 0) return 'NULL::VARCHAR'
  // Lambdas take 10 microseconds a row of 16 fields; most rows are like the sample, which is told in one.
  return `CASE WHEN ${asSampled(shape, text, root).join(' AND ')} THEN NULL ${cases.join(' ')} END`
}

/** Conditions that are true of an object with all fields of the shape in their order: nothing is wrong with it. */
function asSampled(shape: JsonShape, text: string, place: Place): string[] {
  if (shape.kind === 'leaf' || (shape.kind === 'struct' && shape.fields.length === 0)) return []
  const path = quoteText(place.path)
  const all = (each: string, value: string) =>
    place.isMany ? `list_distinct(${each}) = [${value}]` : `${each} = ${value}`
  if (shape.kind === 'list') {
    const below = { path: `${place.path}[*]`, shown: '', isMany: true }
    return [all(`json_type(${text}, ${path})`, `'ARRAY'`), ...asSampled(shape.element, text, below)]
  }
  const names = quoteList(shape.fields.map((field) => field.name))
  return [
    place.path === '$' ? `json_keys(${text}) = ${names}` : all(`json_keys(${text}, ${path})`, names),
    ...shape.fields.flatMap((field) =>
      asSampled(field.shape, text, { ...place, path: fieldPath(place.path, field.name) }),
    ),
  ]
}

function faultsBelow(shape: JsonShape, text: string, place: Place): string[] {
  if (shape.kind === 'leaf' || (shape.kind === 'struct' && shape.fields.length === 0)) return []
  const isRoot = place.path === '$'
  const faults = isRoot ? [] : [otherKind(shape.kind, text, place)]
  if (shape.kind === 'list') {
    const below = { path: `${place.path}[*]`, shown: place.shown, isMany: true }
    return [...faults, ...faultsBelow(shape.element, text, below)]
  }
  const lists = keysOf(text, place)
  const unknown = unknownOf(
    shape.fields.map((field) => field.name),
    `flatten(${lists})`,
  )
  const prefix = isRoot ? '' : `${place.shown}.`
  const twice = `list_filter(${lists}, lambda k: len(k) <> len(list_distinct(list_transform(k, lambda name: lower(name)))))`
  faults.push(
    `WHEN len(${unknown}) > 0 THEN ${quoteText(`has the field '${prefix}`)} || ${unknown}[1] || ''', which the sample did not show'`,
    `WHEN len(${twice}) > 0 THEN ${quoteText(`names a field ${isRoot ? '' : `of '${place.shown}' `}twice`)}`,
  )
  for (const { name, shape: inner } of shape.fields) {
    const below = { path: fieldPath(place.path, name), shown: `${prefix}${name}`, isMany: place.isMany }
    faults.push(...faultsBelow(inner, text, below))
  }
  return faults
}

function otherKind(kind: 'list' | 'struct', text: string, place: Place): string {
  const [type, words] = kind === 'list' ? ['ARRAY', 'a list'] : ['OBJECT', 'an object']
  const found = place.isMany
    ? `list_filter(coalesce(json_type(${text}, ${quoteText(place.path)}), []), lambda t: t NOT IN ('${type}', 'NULL'))[1]`
    : `nullif(nullif(json_type(${text}, ${quoteText(place.path)}), '${type}'), 'NULL')`
  return `WHEN ${found} IS NOT NULL THEN ${quoteText(`'${place.shown}' is ${words} in the sample, and here `)} || ${found}`
}

/** The names of the fields of each object at a place, as a list of lists. */
function keysOf(text: string, { path, isMany }: Place): string {
  if (path === '$') return `[json_keys(${text})]`
  const keys = `json_keys(${text}, ${quoteText(path)})`
  return isMany ? `coalesce(${keys}, [])` : `[coalesce(${keys}, [])]`
}

/** Names of a list that are not among those known. */
export function unknownOf(known: readonly string[], names: string): string {
  return `list_filter(${names}, lambda k: NOT list_contains(${quoteList(known)}, k))`
}

export function fieldPath(path: string, name: string): string {
  return `${path}."${name.replaceAll('"', '\\"')}"`
}
