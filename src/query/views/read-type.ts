import { IceboxError } from '../../base/index.ts'
import type { Type } from '../../iceberg/index.ts'
import { quoteName } from '../text/names.ts'
import { shownNames } from './columns.ts'

const SIMPLE = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMP WITH TIME ZONE',
  timestamp_ns: 'TIMESTAMP_NS',
  string: 'VARCHAR',
  uuid: 'UUID',
  binary: 'BLOB',
  fixed: 'BLOB',
  // A column of the type unknown is null in every row (Iceberg spec v3).
  unknown: 'INTEGER',
} as const

/** The DuckDB type that a column of the table is read as. Rejects `iceberg/unsupported` naming the column. */
export function readType(type: Type, column: string): string {
  switch (type.kind) {
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`
    case 'list':
      return `${readType(type.element, `${column}.element`)}[]`
    case 'map':
      return `MAP(${readType(type.key, `${column}.key`)}, ${readType(type.value, `${column}.value`)})`
    case 'struct': {
      if (type.fields.length === 0) {
        throw new IceboxError('iceberg/unsupported', {
          message: `column '${column}' is a struct without fields, for which the engine has no type`,
          remedy: `give it one (ALTER TABLE … ADD COLUMN ${column}.name type), or drop the column`,
          context: { column, type: type.kind },
        })
      }
      const names = shownNames(type.fields)
      const fields = type.fields.map(
        (field, at) => `${quoteName(names[at] ?? field.name)} ${readType(field.type, `${column}.${field.name}`)}`,
      )
      return `STRUCT(${fields.join(', ')})`
    }
    case 'timestamptz_ns':
      throw new IceboxError('iceberg/unsupported', {
        message: `column '${column}' has the type timestamptz_ns, for which the engine has no type`,
        remedy: 'read this table with another tool, or change the column to timestamptz there',
        context: { column, type: type.kind },
      })
    default:
      return SIMPLE[type.kind]
  }
}
