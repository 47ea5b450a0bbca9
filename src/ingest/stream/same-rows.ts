import { printJson } from '../../base/index.ts'
import { type NestedField, schemaOf, schemaToJson, type TableMetadata, type Type } from '../../iceberg/index.ts'
import { RowEncoder } from './encode-rows.ts'

/** Of a table's schemas, the newest ones. */
const MOST_SCHEMAS = 100

/**
 * Whether rows have a checksum under a schema that their table had: it is that of the text that was written, which follows
 * the order of the columns and the width of their types at that time. Rows are read by the names of now.
 */
export function hadChecksum(rows: readonly unknown[], crc: number, metadata: TableMetadata): boolean {
  const now = schemaOf(metadata)
  const tried = new Set<string>()
  for (const then of metadata.schemas.toReversed().slice(0, MOST_SCHEMAS)) {
    const schema = { ...now, fields: asWritten(then.fields, now.fields) }
    const text = printJson(schemaToJson(schema))
    if (tried.has(text)) continue
    tried.add(text)
    if (new RowEncoder(schema, Number.POSITIVE_INFINITY).checksum(rows) === crc) return true
  }
  return false
}

/** Fields of now as they stood then: in the order of then, of the types of then. What then did not have comes last. */
export function asWritten(then: readonly NestedField[], now: readonly NestedField[]): NestedField[] {
  const kept = then.flatMap((field): NestedField[] => {
    const same = now.find((some) => some.id === field.id)
    return same === undefined ? [] : [{ ...same, required: false, type: typeThen(field.type, same.type) }]
  })
  return [...kept, ...now.filter((field) => then.every((some) => some.id !== field.id))]
}

function typeThen(then: Type, now: Type): Type {
  if (then.kind === 'struct' && now.kind === 'struct') return { ...now, fields: asWritten(then.fields, now.fields) }
  if (then.kind === 'list' && now.kind === 'list') return { ...now, element: typeThen(then.element, now.element) }
  if (then.kind === 'map' && now.kind === 'map')
    return { ...now, key: typeThen(then.key, now.key), value: typeThen(then.value, now.value) }
  return then
}
