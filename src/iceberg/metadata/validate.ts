import { IceboxError } from '../../base/index.ts'
import { childFields, fieldById, sharedPath } from '../spec/schema.ts'
import { transformToString } from '../spec/partition.ts'
import { isPrimitive } from '../spec/type-text.ts'
import type { NestedField, PartitionSpec, Schema, SortOrder, Type } from '../spec/types.ts'
import { canTransform } from '../transforms/index.ts'

const V3_KINDS: ReadonlySet<Type['kind']> = new Set(['timestamp_ns', 'timestamptz_ns', 'unknown'])

/**
 * Throws `iceberg/invalid-change` for what no schema may be: no fields, empty or repeated names in one struct, a dotted path
 * that two fields have, an identifier
 * that is optional, nested in a list or map, or a floating point number; `iceberg/unsupported` for types and defaults of v3
 * in a table of an older version.
 */
export function checkSchema(schema: Schema, formatVersion: number): void {
  checkStruct(schema.fields, 'the table', formatVersion)
  const shared = sharedPath(schema)
  if (shared !== undefined) {
    throw invalid(
      `'${shared}' would mean two columns: one has a dot in its name, the other is in a struct`,
      'rename one of them; Iceberg libraries do not read a table with both',
    )
  }
  for (const id of schema.identifierFieldIds) {
    const field = fieldById(schema, id)
    if (field === undefined) throw invalid(`identifier field id ${id} is not a field of the schema`)
    if (!field.required) throw invalid(`identifier field ${field.name} is optional`)
    if (['float', 'double', 'struct', 'list', 'map'].includes(field.type.kind)) {
      throw invalid(`identifier field ${field.name} is of type ${field.type.kind}`)
    }
  }
}

function checkStruct(fields: readonly NestedField[], where: string, formatVersion: number): void {
  if (fields.length === 0) throw invalid(`${where} would have no columns`)
  const seen = new Set<string>()
  for (const field of fields) {
    if (field.name === '') throw invalid(`${where} would have a column without a name`)
    if (seen.has(field.name)) throw invalid(`${where} would have two columns named '${field.name}'`)
    seen.add(field.name)
    if (formatVersion < 3 && (field.initialDefault !== undefined || field.writeDefault !== undefined)) {
      throw new IceboxError('iceberg/unsupported', {
        message: `column '${field.name}' has a default value, which format version ${formatVersion} does not have`,
        remedy: 'leave the default out',
        context: { column: field.name, formatVersion },
      })
    }
    checkType(field.type, `column '${field.name}'`, formatVersion)
  }
}

function checkType(type: Type, where: string, formatVersion: number): void {
  if (!isPrimitive(type)) {
    if (type.kind === 'struct') return checkStruct(type.fields, where, formatVersion)
    for (const child of childFields(type)) checkType(child.type, where, formatVersion)
    return
  }
  if (formatVersion >= 3 || !V3_KINDS.has(type.kind)) return
  throw new IceboxError('iceberg/unsupported', {
    message: `${where} is of type ${type.kind}, which format version ${formatVersion} does not have`,
    remedy: 'use a type of format version 2, such as timestamp with microseconds',
    context: { type: type.kind, formatVersion },
  })
}

/**
 * Throws `iceberg/invalid-change` for a spec whose sources are missing or not of a type that the transform takes, or whose
 * names or ids repeat or clash with a column; `iceberg/unsupported` for transforms that this build cannot write (I4).
 */
export function checkSpec(spec: PartitionSpec, schema: Schema): void {
  const names = new Set<string>()
  const ids = new Set<number>()
  for (const field of spec.fields) {
    if (field.name === '') throw invalid('a partition field has no name')
    if (names.has(field.name)) throw invalid(`two partition fields are named '${field.name}'`)
    names.add(field.name)
    if (ids.has(field.fieldId)) throw invalid(`partition field '${field.name}' has the id ${field.fieldId} of another`)
    ids.add(field.fieldId)
    // A void field may outlive its source (v1 keeps the place of a removed field).
    if (field.transform.kind === 'void') continue
    const source = transformSource(field.sourceIds, schema, `partition field '${field.name}'`)
    if (!isPrimitive(source.type) || !canTransform(field.transform, source.type)) {
      throw invalid(
        `partition field '${field.name}': ${transformToString(field.transform)} does not take '${source.name}' of type ${source.type.kind}`,
      )
    }
    const clash = schema.fields.find((column) => column.name === field.name)
    if (clash !== undefined && (field.transform.kind !== 'identity' || clash.id !== source.id)) {
      throw invalid(`partition field '${field.name}' has the name of a column that it is not the identity of`)
    }
  }
}

/** As {@link checkSpec}, for sort orders. */
export function checkSortOrder(order: SortOrder, schema: Schema): void {
  for (const field of order.fields) {
    const source = transformSource(field.sourceIds, schema, 'a sort field')
    if (!isPrimitive(source.type) || !canTransform(field.transform, source.type)) {
      throw invalid(
        `sort field: ${transformToString(field.transform)} does not take '${source.name}' of type ${source.type.kind}`,
      )
    }
  }
}

function transformSource(sourceIds: readonly number[], schema: Schema, what: string): NestedField {
  const [id, ...more] = sourceIds
  if (id === undefined || more.length > 0) {
    throw new IceboxError('iceberg/unsupported', {
      message: `${what} has ${sourceIds.length} sources; this build writes transforms of one`,
      context: { sources: sourceIds.length },
    })
  }
  const source = fieldById(schema, id)
  if (source === undefined) throw invalid(`${what} names field id ${id}, which the schema does not have`)
  return source
}

/** A change that the format does not allow. */
export function invalid(message: string, remedy?: string): IceboxError {
  return new IceboxError('iceberg/invalid-change', { message, ...(remedy === undefined ? {} : { remedy }) })
}
