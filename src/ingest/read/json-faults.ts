import { quoteIdentifier, quoteList, quoteText } from '../sql.ts'
import { SHOWN_VALUE_CHARACTERS } from './bad-values.ts'
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

const ROOT: Place = { path: '$', shown: '', isMany: false }

/**
 * SQL of what json_transform passes over without a word in an object: fields that the shape does not have are dropped, of a
 * field that is named twice one value is taken, and what is no object or list where the shape has one becomes NULL. NULL
 * where there is nothing of it, else the first of it in words. `text` is SQL of the text of a JSON value.
 */
export function faultOf(shape: JsonShape, text: string): string {
  const cases = faultsBelow(shape, text, ROOT).join(' ')
  return `CASE WHEN ${isAsSampled(shape, text)} THEN NULL WHEN json_type(${text}) <> 'OBJECT' THEN ${quoteText(NO_OBJECT)} ${cases} END`
}

/**
 * True of most objects without a fault: those with all fields of the shape in their order. A microsecond for 16 fields, where
 * going through their names takes 3.5.
 */
export function isAsSampled(shape: JsonShape, text: string): string {
  return asSampled(shape, text, ROOT).join(' AND ')
}

/**
 * True of objects that lack fields and have no fault: with as many names as there are values in `struct`, what
 * json_transform made of the text, no name is unknown or there twice. Not of all of them: a null is no value.
 */
export function isCounted(shape: JsonShape, text: string, struct: string): string {
  return counted(shape, text, struct, ROOT).join(' AND ')
}

/** SQL of the names of all fields that an object has and the shape has not, as `path.name`, in a list. */
export function unknownFields(shape: JsonShape, text: string): string {
  const lists = [...unknownBelow(shape, text, ROOT), '[]::VARCHAR[]'].join(', ')
  return `CASE WHEN ${isAsSampled(shape, text)} THEN [] ELSE list_concat(${lists}) END`
}

export const NO_OBJECT = 'is not a JSON object'
const UNKNOWN_END = "', which the sample did not show"

/** A fault is that the shape lacks a field. */
export function isUnknownField(fault: string): boolean {
  return fault.endsWith(UNKNOWN_END)
}

/** The field that a fault says is there twice. */
export function fieldTwice(fault: string): string | undefined {
  return /^names '(.*)' twice$/s.exec(fault)?.[1]
}

/** Not of what is kept as text: nothing is to be said of that. */
function hasParts(shape: JsonShape): shape is Exclude<JsonShape, { kind: 'leaf' }> {
  return shape.kind === 'list' || (shape.kind === 'struct' && shape.fields.length > 0)
}

function asSampled(shape: JsonShape, text: string, place: Place): string[] {
  if (!hasParts(shape)) return []
  const all = (each: string, value: string) =>
    place.isMany ? `list_distinct(${each}) = [${value}]` : `${each} = ${value}`
  if (shape.kind === 'list') {
    const isList = all(`json_type(${text}, ${quoteText(place.path)})`, `'ARRAY'`)
    return [isList, ...asSampled(shape.element, text, elementsOf(place))]
  }
  return [
    all(keysOf(text, place), quoteList(shape.fields.map((field) => field.name))),
    ...shape.fields.flatMap((field) => asSampled(field.shape, text, fieldOf(place, field.name))),
  ]
}

function unknownBelow(shape: JsonShape, text: string, place: Place): string[] {
  if (!hasParts(shape)) return []
  if (shape.kind === 'list') return unknownBelow(shape.element, text, elementsOf(place))
  const names = shape.fields.map((field) => field.name)
  return [
    `list_transform(${unknownOf(names, allKeysOf(text, place))}, lambda k: ${quoteText(prefixOf(place))} || k)`,
    ...shape.fields.flatMap((field) => unknownBelow(field.shape, text, fieldOf(place, field.name))),
  ]
}

function counted(shape: JsonShape, text: string, struct: string, place: Place): string[] {
  if (!hasParts(shape)) return []
  const type = `json_type(${text}, ${quoteText(place.path)})`
  const isNull = `coalesce(${type}, 'NULL') = 'NULL'`
  if (shape.kind === 'list') {
    const isSound = [`${type} = 'ARRAY'`, ...asSampled(shape.element, text, elementsOf(place))]
    return [`(${isNull} OR (${isSound.join(' AND ')}))`]
  }
  const fields = shape.fields.map(({ name, shape: inner }) => ({
    name,
    inner,
    value: `${struct}.${quoteIdentifier(name)}`,
  }))
  const count = fields.map(({ value }) => `(${value} IS NOT NULL)::INTEGER`).join(' + ')
  const isSound = [
    // What is no object has no names and no values either.
    `len(${keysOf(text, place)}) = ${place === ROOT ? `nullif(${count}, 0)` : count}`,
    ...fields.flatMap(({ name, inner, value }) => counted(inner, text, value, fieldOf(place, name))),
  ]
  return place === ROOT ? isSound : [`(${isNull} OR (${type} = 'OBJECT' AND ${isSound.join(' AND ')}))`]
}

function faultsBelow(shape: JsonShape, text: string, place: Place): string[] {
  if (!hasParts(shape)) return []
  const isKind = place === ROOT ? [] : [otherKind(shape.kind, text, place)]
  if (shape.kind === 'list') return [...isKind, ...faultsBelow(shape.element, text, elementsOf(place))]
  const names = shape.fields.map((field) => field.name)
  const keys = `coalesce(${keysOf(text, place)}, [])`
  // Names that differ by case only are not among those known.
  const isTwice = place.isMany
    ? `len(list_filter(${keys}, lambda k: list_unique(k) < len(k))) > 0`
    : `list_unique(${keys}) < len(${keys})`
  const lists = place.isMany ? keys : `[${keys}]`
  const twice = `flatten(list_transform(${lists}, lambda k: list_filter(k, lambda name: len(list_filter(k, lambda other: other = name)) > 1)))`
  const prefix = prefixOf(place)
  return [
    ...isKind,
    `WHEN NOT list_has_all(${quoteList(names)}, ${allKeysOf(text, place)}) THEN ${quoteText(`has the field '${prefix}`)} || ${unknownOf(names, allKeysOf(text, place))}[1] || ${quoteText(UNKNOWN_END)}`,
    `WHEN ${isTwice} THEN ${quoteText(`names '${prefix}`)} || ${twice}[1] || ${quoteText("' twice")}`,
    ...shape.fields.flatMap((field) => faultsBelow(field.shape, text, fieldOf(place, field.name))),
  ]
}

function otherKind(kind: 'list' | 'struct', text: string, place: Place): string {
  const [type, words] = kind === 'list' ? ['ARRAY', 'a list'] : ['OBJECT', 'an object']
  const found = `json_extract(${text}, ${quoteText(place.path)})`
  const values = place.isMany ? `coalesce(${found}, [])` : `[${found}]`
  const others = `list_filter(${values}, lambda v: json_type(v) NOT IN ('${type}', 'NULL'))`
  return `WHEN len(${others}) > 0 THEN ${quoteText(`has ${words} as '${place.shown}' in the sample, and here `)} || left(CAST(${others}[1] AS VARCHAR), ${SHOWN_VALUE_CHARACTERS})`
}

/** The names of the fields of the object at a place; of each of them below a list. */
function keysOf(text: string, place: Place): string {
  return place === ROOT ? `json_keys(${text})` : `json_keys(${text}, ${quoteText(place.path)})`
}

/** The names of the fields of all objects at a place, none where there is no object. */
function allKeysOf(text: string, place: Place): string {
  const keys = `coalesce(${keysOf(text, place)}, [])`
  return place.isMany ? `flatten(${keys})` : keys
}

function prefixOf(place: Place): string {
  return place === ROOT ? '' : `${place.shown}.`
}

/** Names of a list that are not among those known. */
function unknownOf(known: readonly string[], names: string): string {
  return `list_filter(${names}, lambda k: NOT list_contains(${quoteList(known)}, k))`
}

function elementsOf(place: Place): Place {
  return { path: `${place.path}[*]`, shown: place.shown, isMany: true }
}

/** DuckDB's JSON path of a field. */
export function childPath(path: string, name: string): string {
  return `${path}."${name.replaceAll('"', '\\"')}"`
}

function fieldOf(place: Place, name: string): Place {
  return { path: childPath(place.path, name), shown: `${prefixOf(place)}${name}`, isMany: place.isMany }
}
