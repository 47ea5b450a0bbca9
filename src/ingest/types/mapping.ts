import { type DuckDbType, IceboxError, parseDuckDbType } from '../../base/index.ts'
import { type NestedField, type PrimitiveType, type Type, typeToString } from '../../iceberg/index.ts'
import { quoteIdentifier } from '../sql.ts'
import { refuseDeepLists } from './list-levels.ts'

/** An Iceberg type for one of DuckDB's, with a sentence where the two are not the same. */
export interface MappedType {
  readonly type: Type
  readonly note?: string
}

/** Ids of a type that is not part of a table yet: unique, from 1; the catalog assigns the real ones. */
export class TemporaryIds {
  #last = 0
  next(): number {
    this.#last++
    return this.#last
  }
}

/**
 * The Iceberg type that holds every value of a DuckDB type (design/query.md, last bullet). Rejects
 * `schema/unsupported-type` naming the column.
 */
export function toIcebergType(
  text: string,
  options: { readonly column: string; readonly ids: TemporaryIds; readonly formatVersion?: number },
): MappedType {
  const notes: string[] = []
  const type = convert(parseDuckDbType(text), options, notes)
  refuseDeepLists(type, options.column)
  return notes.length === 0 ? { type } : { type, note: [...new Set(notes)].join('; ') }
}

interface Conversion {
  readonly column: string
  readonly ids: TemporaryIds
  readonly formatVersion?: number
}

function convert(type: DuckDbType, scene: Conversion, notes: string[]): Type {
  switch (type.kind) {
    case 'list': {
      const elementId = scene.ids.next()
      return { kind: 'list', elementId, element: convert(type.element, scene, notes), elementRequired: false }
    }
    case 'map': {
      const [keyId, valueId] = [scene.ids.next(), scene.ids.next()]
      return {
        kind: 'map',
        keyId,
        key: convert(type.key, scene, notes),
        valueId,
        value: convert(type.value, scene, notes),
        valueRequired: false,
      }
    }
    case 'struct':
      return {
        kind: 'struct',
        fields: type.fields.map((field): NestedField => {
          const id = scene.ids.next()
          const { name } = field
          if (name === undefined) {
            const row = { kind: 'scalar', name: 'STRUCT', parameters: [] } as const
            throw unsupported(row, scene, 'has fields without names', 'name them: CAST(… AS STRUCT(a INTEGER, b DATE))')
          }
          const column = `${scene.column}.${name}`
          return { id, name, type: convert(field.type, { ...scene, column }, notes), required: false }
        }),
      }
    case 'scalar':
      return scalar(type, scene, notes)
  }
}

function scalar(type: DuckDbType & { kind: 'scalar' }, scene: Conversion, notes: string[]): PrimitiveType {
  const widen = (kind: 'int' | 'long', what: string): PrimitiveType => {
    notes.push(`${what} becomes ${kind}`)
    return { kind }
  }
  switch (type.name) {
    case 'BOOLEAN':
    case 'BOOL':
      return { kind: 'boolean' }
    case 'TINYINT':
    case 'SMALLINT':
    case 'UTINYINT':
    case 'USMALLINT':
      return widen('int', type.name)
    case 'INTEGER':
    case 'INT':
    case 'INT4':
      return { kind: 'int' }
    case 'UINTEGER':
      return widen('long', type.name)
    case 'BIGINT':
    case 'INT8':
    case 'LONG':
      return { kind: 'long' }
    case 'UBIGINT':
      notes.push('UBIGINT becomes decimal(20,0)')
      return { kind: 'decimal', precision: 20, scale: 0 }
    case 'HUGEINT':
    case 'UHUGEINT':
      notes.push(`${type.name} becomes decimal(38,0); a value of 39 digits is refused`)
      return { kind: 'decimal', precision: 38, scale: 0 }
    case 'FLOAT':
    case 'REAL':
    case 'FLOAT4':
      return { kind: 'float' }
    case 'DOUBLE':
    case 'DOUBLE PRECISION':
    case 'FLOAT8':
      return { kind: 'double' }
    case 'DECIMAL':
    case 'NUMERIC': {
      const [precision = 18, scale = type.parameters.length === 1 ? 0 : 3] = type.parameters
      if (precision < 1 || precision > 38 || scale < 0 || scale > precision) throw unsupported(type, scene)
      return { kind: 'decimal', precision, scale }
    }
    case 'VARCHAR':
    case 'TEXT':
    case 'STRING':
    case 'CHAR':
      return { kind: 'string' }
    case 'JSON':
      notes.push('JSON is kept as its text')
      return { kind: 'string' }
    case 'ENUM':
      notes.push('ENUM becomes string')
      return { kind: 'string' }
    case 'DATE':
      return { kind: 'date' }
    case 'TIME':
      return { kind: 'time' }
    case 'TIMESTAMP':
    case 'DATETIME':
    case 'TIMESTAMP WITHOUT TIME ZONE':
      return { kind: 'timestamp' }
    case 'TIMESTAMP_S':
    case 'TIMESTAMP_MS':
      notes.push(`${type.name} becomes timestamp in microseconds`)
      return { kind: 'timestamp' }
    case 'TIMESTAMPTZ':
    case 'TIMESTAMP WITH TIME ZONE':
      return { kind: 'timestamptz' }
    case 'TIMESTAMP_NS':
      if ((scene.formatVersion ?? 2) >= 3) return { kind: 'timestamp_ns' }
      throw unsupported(
        type,
        scene,
        'needs format version 3, having nanoseconds',
        'cast it to TIMESTAMP (microseconds)',
      )
    case 'UUID':
      return { kind: 'uuid' }
    case 'BLOB':
    case 'BYTEA':
    case 'BINARY':
    case 'VARBINARY':
      return { kind: 'binary' }
    case 'NULL':
      notes.push('a column without any value becomes string')
      return { kind: 'string' }
    default:
      throw unsupported(type, scene)
  }
}

function unsupported(
  type: DuckDbType & { kind: 'scalar' },
  scene: Conversion,
  why = 'has no partner in Iceberg',
  remedy = 'cast it to VARCHAR or leave the column out',
): IceboxError {
  const shown = type.parameters.length === 0 ? type.name : `${type.name}(${type.parameters.join(',')})`
  return new IceboxError('schema/unsupported-type', {
    message: `column '${scene.column}' has the type ${shown}, which ${why}`,
    remedy,
    context: { column: scene.column, type: shown },
  })
}

function unwritable(type: PrimitiveType, why: string): IceboxError {
  return new IceboxError('iceberg/unsupported', {
    message: `columns of the type ${typeToString(type)} cannot be written: ${why}`,
    remedy: `write this table with another tool, or use ${type.kind === 'fixed' ? 'binary' : 'another type'} for the column`,
    context: { type: type.kind },
  })
}

/** The DuckDB type whose Parquet form is the one that the Iceberg spec (Appendix A, Parquet) asks of a type. */
export function toDuckDbType(type: Type): string {
  switch (type.kind) {
    case 'boolean':
      return 'BOOLEAN'
    case 'int':
      return 'INTEGER'
    case 'long':
      return 'BIGINT'
    case 'float':
      return 'FLOAT'
    case 'double':
      return 'DOUBLE'
    case 'date':
      return 'DATE'
    case 'time':
      return 'TIME'
    case 'timestamp':
      return 'TIMESTAMP'
    case 'timestamptz':
      return 'TIMESTAMP WITH TIME ZONE'
    case 'timestamp_ns':
      return 'TIMESTAMP_NS'
    case 'string':
      return 'VARCHAR'
    case 'uuid':
      return 'UUID'
    case 'binary':
      return 'BLOB'
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`
    case 'list':
      return `${toDuckDbType(type.element)}[]`
    case 'map':
      return `MAP(${toDuckDbType(type.key)}, ${toDuckDbType(type.value)})`
    case 'struct':
      return `STRUCT(${type.fields.map((field) => `${quoteIdentifier(field.name)} ${toDuckDbType(field.type)}`).join(', ')})`
    case 'fixed':
      // DuckDB 1.5.5 has FIXED_LEN_BYTE_ARRAY for UUID, wide DECIMAL and INTERVAL only.
      throw unwritable(
        type,
        'the engine stores bytes as BYTE_ARRAY where the specification asks for FIXED_LEN_BYTE_ARRAY, and PyIceberg reads no such file',
      )
    case 'timestamptz_ns':
    case 'unknown':
      throw unwritable(type, 'the engine has no such type')
  }
}
