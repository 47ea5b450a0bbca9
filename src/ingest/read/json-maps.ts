import { isPrimitive, type Type } from '../../iceberg/index.ts'
import { quoteText } from '../sql.ts'
import { markedText, markTag, unmarkedText } from './json-exact.ts'

export type MapType = Extract<Type, { kind: 'map' }>

/** Objects of JSON become maps whose keys are text and whose values have no parts. */
export function takesObjects(type: Type): type is MapType {
  return type.kind === 'map' && type.key.kind === 'string' && isPrimitive(type.value)
}

/** SQL of whether a text is an object that names no field twice: a map has each key once. */
export function isMapText(text: string): string {
  const keys = `json_keys(${text})`
  return `CASE WHEN json_valid(${text}) THEN json_type(${text}) = 'OBJECT' AND list_unique(${keys}) = len(${keys}) ELSE false END`
}

/**
 * SQL of the entries of an object's text as a list of `{'k', 'v'}`, the values as text with their numbers as they stand there.
 * The same for what is no object gives NULL.
 */
export function mapEntries({ value }: MapType, text: string, depth: number): string {
  const [tag, entry] = [`t${depth}`, `e${depth}`]
  const marked = `json_transform(${markedText(text, tag)}, ${quoteText('"MAP(VARCHAR, VARCHAR)"')})`
  const fields = `{'k': ${entry}.key, 'v': ${unmarkedText(value, `${entry}.value`, tag)}}`
  return `list_transform([${markTag(text)}], lambda ${tag}: list_transform(map_entries(${marked}), lambda ${entry}: ${fields}))[1]`
}
