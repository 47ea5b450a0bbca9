import { type Json, parseJson } from '../../base/index.ts'
import type { MappedField, NameMapping } from '../spec/name-mapping.ts'
import { asArray, asObject, atKey, defined, type Place } from './json-object.ts'

/** The table property that holds a name mapping as JSON text. */
export const NAME_MAPPING_PROPERTY = 'schema.name-mapping.default'

/** A name mapping of its JSON form, or of the text of the table property (Iceberg spec, "Name Mapping Serialization"). */
export function parseNameMapping(
  json: Json,
  place: Place = { location: NAME_MAPPING_PROPERTY, path: '' },
): NameMapping {
  return mappedFields(typeof json === 'string' ? parseJson(json) : json, place)
}

function mappedFields(json: Json, place: Place): MappedField[] {
  return asArray(json, place).map((item, index) => {
    const object = asObject(item, atKey(place, index))
    const fields = object.get('fields')
    return {
      names: object.optionalStrings('names') ?? [],
      fields: fields === undefined ? [] : mappedFields(fields, object.at('fields')),
      ...defined({ fieldId: object.optionalInt('field-id') }),
    }
  })
}

export function nameMappingToJson(mapping: NameMapping): Json {
  return mapping.map((field) => ({
    ...(field.fieldId !== undefined && { 'field-id': field.fieldId }),
    names: [...field.names],
    ...(field.fields.length > 0 && { fields: nameMappingToJson(field.fields) }),
  }))
}
