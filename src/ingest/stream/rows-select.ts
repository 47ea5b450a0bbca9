import type { Schema, Type } from '../../iceberg/index.ts'
import { columnsMap, quoteIdentifier, quoteList } from '../sql.ts'
import { toDuckDbType } from '../types/mapping.ts'

/** Segments whose rows were written under one schema. */
export interface SegmentGroup {
  readonly schema: Schema
  readonly paths: readonly string[]
  /** Bytes of the longest row, or more. */
  readonly longest: number
  /** Among the rows stand the frames of their appends. */
  readonly hasFrames: boolean
}

const LEAST_OBJECT_BYTES = 1_000_000

/**
 * SQL of the rows of segments as the columns of a table, by field id: a column that was renamed since has its new name,
 * one that was dropped is left out. Values have the types that they were written under; the writer casts them to those of
 * now, which are the same or wider (Iceberg spec, "Schema Evolution").
 */
export function rowsSelect(groups: readonly SegmentGroup[], current: Schema): string {
  return groups.map((group) => groupSelect(group, current)).join(' UNION ALL ')
}

function groupSelect({ schema, paths, longest, hasFrames }: SegmentGroup, current: Schema): string {
  const columns = current.fields.map((field) => {
    const written = schema.fields.find((some) => some.id === field.id)
    const value =
      written === undefined
        ? `CAST(NULL AS ${toDuckDbType(field.type)})`
        : converted(written.type, field.type, quoteIdentifier(String(field.id)), 0)
    return `${value} AS ${quoteIdentifier(field.name)}`
  })
  const settings = [
    quoteList(paths),
    "format = 'newline_delimited'",
    'records = true',
    'hive_partitioning = false',
    `maximum_object_size = ${Math.max(LEAST_OBJECT_BYTES, longest + 1)}`,
    `columns = ${columnsMap([['#', 'VARCHAR'], ...schema.fields.map((field): [string, string] => [String(field.id), writtenType(field.type)])])}`,
  ]
  const rows = hasFrames ? ' WHERE "#" IS NULL' : ''
  return `SELECT ${columns.join(', ')} FROM read_json(${settings.join(', ')})${rows}`
}

/** The SQL type of the JSON that `encoderOf` writes for a type. */
function writtenType(type: Type): string {
  switch (type.kind) {
    case 'date':
      return 'INTEGER'
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'timestamp_ns':
      return 'BIGINT'
    case 'binary':
      return 'VARCHAR'
    case 'list':
      return `${writtenType(type.element)}[]`
    case 'map':
      return `STRUCT(k ${writtenType(type.key)}, v ${writtenType(type.value)})[]`
    case 'struct':
      return `STRUCT(${type.fields.map((field) => `${quoteIdentifier(String(field.id))} ${writtenType(field.type)}`).join(', ')})`
    default:
      return toDuckDbType(type)
  }
}

/** A value that was written under a type, for a column that has the type `now`: members of structs by field id, too. */
function converted(type: Type, now: Type, value: string, depth: number): string {
  const item = `x${depth}`
  switch (type.kind) {
    case 'date':
      return `make_date(${value})`
    case 'time':
      return `CAST(make_timestamp(${value}) AS TIME)`
    case 'timestamp':
      return `make_timestamp(${value})`
    case 'timestamptz':
      return `make_timestamptz(${value})`
    case 'timestamp_ns':
      return `make_timestamp_ns(${value})`
    case 'binary':
      return `from_base64(${value})`
    case 'list': {
      if (now.kind !== 'list') return value
      const element = converted(type.element, now.element, item, depth + 1)
      return element === item ? value : `list_transform(${value}, lambda ${item}: ${element})`
    }
    case 'map': {
      if (now.kind !== 'map') return value
      const key = converted(type.key, now.key, `${item}.k`, depth + 1)
      const content = converted(type.value, now.value, `${item}.v`, depth + 1)
      return `map_from_entries(list_transform(${value}, lambda ${item}: struct_pack(k := ${key}, v := ${content})))`
    }
    case 'struct': {
      if (now.kind !== 'struct') return value
      const members = now.fields.map((field) => {
        const written = type.fields.find((some) => some.id === field.id)
        const member =
          written === undefined
            ? `CAST(NULL AS ${toDuckDbType(field.type)})`
            : converted(written.type, field.type, `${value}.${quoteIdentifier(String(field.id))}`, depth)
        return `${quoteIdentifier(field.name)} := ${member}`
      })
      return `CASE WHEN ${value} IS NOT NULL THEN struct_pack(${members.join(', ')}) END`
    }
    default:
      return value
  }
}
