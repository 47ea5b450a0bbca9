import type { Json } from '../../base/index.ts'
import { isPrimitive, parsePrimitiveType, typeToString, UNSUPPORTED_TYPES } from '../spec/type-text.ts'
import type { Literal, NestedField, PrimitiveType, Schema, Type } from '../spec/types.ts'
import { literalFromJson, literalToJson } from '../values/index.ts'
import { asObject, atKey, defined, invalidMetadata, type JsonObject, type Place, unsupported } from './json-object.ts'

/** Deeper types than this are refused; Parquet readers give up earlier. */
const MAX_TYPE_DEPTH = 64

/** A schema of its JSON form (Iceberg spec, Appendix C). `schemaId` is for v1 metadata, whose schema may lack one. */
export function parseSchema(json: Json, place: Place = { location: 'schema', path: '' }, schemaId = 0): Schema {
  const object = asObject(json, place)
  const type = object.optionalString('type') ?? 'struct'
  if (type !== 'struct') throw invalidMetadata(object.at('type'), `is "${type}"; a schema is a struct`)
  const schema: Schema = {
    schemaId: object.optionalInt('schema-id') ?? schemaId,
    fields: parseFields(object, 0),
    identifierFieldIds: object.optionalInts('identifier-field-ids') ?? [],
    ...object.extra(),
  }
  const ids = new Set<number>()
  checkUniqueIds(schema.fields, ids, place)
  return schema
}

function checkUniqueIds(fields: readonly NestedField[], ids: Set<number>, place: Place): void {
  const take = (id: number) => {
    if (ids.has(id)) throw invalidMetadata(place, `has the field id ${id} twice`)
    ids.add(id)
  }
  const visit = (type: Type): void => {
    if (type.kind === 'struct') checkUniqueIds(type.fields, ids, place)
    if (type.kind === 'list') {
      take(type.elementId)
      visit(type.element)
    }
    if (type.kind === 'map') {
      take(type.keyId)
      take(type.valueId)
      visit(type.key)
      visit(type.value)
    }
  }
  for (const field of fields) {
    take(field.id)
    visit(field.type)
  }
}

function parseFields(object: JsonObject, depth: number): NestedField[] {
  return object.array('fields', (json, place) => {
    const field = asObject(json, place)
    const type = parseTypeAt(field.get('type'), field.at('type'), depth + 1)
    return {
      id: field.int('id'),
      name: field.string('name'),
      type,
      required: field.boolean('required'),
      ...defined({
        doc: field.optionalString('doc'),
        initialDefault: parseDefault(field, 'initial-default', type),
        writeDefault: parseDefault(field, 'write-default', type),
      }),
      ...field.extra(),
    }
  })
}

function parseDefault(field: JsonObject, key: string, type: Type): Literal | undefined {
  const json = field.get(key)
  if (json === undefined) return undefined
  if (!isPrimitive(type)) {
    throw unsupported(
      field.at(key),
      `a default of the type ${typeToString(type)}`,
      'give defaults to its fields instead',
    )
  }
  try {
    return literalFromJson(type, json)
  } catch (cause) {
    throw invalidMetadata(field.at(key), `is not a value of the type ${typeToString(type)}`, cause)
  }
}

/** The type of its JSON form: text for a primitive, an object for struct, list and map. */
export function parseType(json: Json, place: Place = { location: 'type', path: '' }): Type {
  return parseTypeAt(json, place, 0)
}

function parseTypeAt(json: Json | undefined, place: Place, depth: number): Type {
  if (depth > MAX_TYPE_DEPTH)
    throw unsupported(place, `types nested deeper than ${MAX_TYPE_DEPTH}`, 'flatten the schema')
  if (typeof json === 'string') return parsePrimitive(json, place)
  const object = asObject(json, place)
  const kind = object.string('type')
  const child = (key: string) => parseTypeAt(object.get(key), object.at(key), depth + 1)
  if (kind === 'struct') return { kind, fields: parseFields(object, depth) }
  if (kind === 'list') {
    return {
      kind,
      elementId: object.int('element-id'),
      element: child('element'),
      elementRequired: object.boolean('element-required'),
    }
  }
  if (kind === 'map') {
    return {
      kind,
      keyId: object.int('key-id'),
      key: child('key'),
      valueId: object.int('value-id'),
      value: child('value'),
      valueRequired: object.boolean('value-required'),
    }
  }
  return parsePrimitive(kind, atKey(place, 'type'))
}

function parsePrimitive(text: string, place: Place): PrimitiveType {
  const type = parsePrimitiveType(text)
  if (type !== undefined) return type
  const name = /^\w*/.exec(text.trim())?.[0] ?? ''
  if (UNSUPPORTED_TYPES.includes(name)) {
    throw unsupported(
      place,
      `the type ${text} is not supported by this version of Icebox`,
      'leave the column out, or read the table with an engine that has the type',
    )
  }
  throw invalidMetadata(place, `is ${JSON.stringify(text)}, which is no type of the Iceberg specification`)
}

/** The JSON form of a schema, as a struct with `schema-id` and `identifier-field-ids`. */
export function schemaToJson(schema: Schema): Json {
  return {
    type: 'struct',
    'schema-id': schema.schemaId,
    ...(schema.identifierFieldIds.length > 0 && { 'identifier-field-ids': [...schema.identifierFieldIds] }),
    fields: schema.fields.map(fieldToJson),
    ...extraJson(schema.extra),
  }
}

function fieldToJson(field: NestedField): Json {
  const { type } = field
  return {
    id: field.id,
    name: field.name,
    required: field.required,
    type: typeToJson(type),
    ...(field.doc !== undefined && { doc: field.doc }),
    ...(field.initialDefault !== undefined &&
      isPrimitive(type) && { 'initial-default': literalToJson(type, field.initialDefault) }),
    ...(field.writeDefault !== undefined &&
      isPrimitive(type) && { 'write-default': literalToJson(type, field.writeDefault) }),
    ...extraJson(field.extra),
  }
}

export function typeToJson(type: Type): Json {
  if (type.kind === 'struct') return { type: 'struct', fields: type.fields.map(fieldToJson) }
  if (type.kind === 'list') {
    return {
      type: 'list',
      'element-id': type.elementId,
      element: typeToJson(type.element),
      'element-required': type.elementRequired,
    }
  }
  if (type.kind === 'map') {
    return {
      type: 'map',
      'key-id': type.keyId,
      key: typeToJson(type.key),
      'value-id': type.valueId,
      value: typeToJson(type.value),
      'value-required': type.valueRequired,
    }
  }
  return typeToString(type)
}

/** Keys kept as read, back into JSON. They came from {@link JsonObject.extra}; printing refuses anything else. */
export function extraJson(extra: Readonly<Record<string, unknown>> | undefined): Record<string, Json> {
  return (extra ?? {}) as Record<string, Json>
}
