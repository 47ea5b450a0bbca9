import { IceboxError, nearestNames } from '../../base/index.ts'
import { type NestedField, type PrimitiveType, type Type, typeToString } from '../../iceberg/index.ts'
import { refuseDeepLists } from '../../ingest/index.ts'
import { statementError } from '../text/statements.ts'
import { isKeyword } from '../text/tokenizer.ts'
import type { Cursor } from './cursor.ts'

/** Integers of less than 32 bits: Iceberg has none. */
const SHORTER_INTEGERS = ['SMALLINT', 'INT2', 'SHORT', 'TINYINT', 'INT1', 'BYTE', 'UTINYINT', 'USMALLINT']

/** Names of types in DuckDB's, Spark's, Trino's and Iceberg's own words. */
const SIMPLE: Readonly<Record<string, PrimitiveType>> = {
  ...alias({ kind: 'boolean' }, 'BOOLEAN', 'BOOL', 'LOGICAL'),
  ...alias({ kind: 'int' }, 'INTEGER', 'INT', 'INT4', 'SIGNED', ...SHORTER_INTEGERS),
  ...alias({ kind: 'long' }, 'BIGINT', 'INT8', 'LONG', 'UINTEGER'),
  ...alias({ kind: 'decimal', precision: 20, scale: 0 }, 'UBIGINT'),
  ...alias({ kind: 'decimal', precision: 38, scale: 0 }, 'HUGEINT'),
  ...alias({ kind: 'float' }, 'FLOAT', 'REAL', 'FLOAT4'),
  ...alias({ kind: 'double' }, 'DOUBLE', 'FLOAT8'),
  ...alias({ kind: 'date' }, 'DATE'),
  ...alias({ kind: 'time' }, 'TIME'),
  ...alias(
    { kind: 'timestamp' },
    'TIMESTAMP',
    'DATETIME',
    'TIMESTAMP_US',
    'TIMESTAMP_S',
    'TIMESTAMP_MS',
    'TIMESTAMP_NTZ',
  ),
  ...alias({ kind: 'timestamptz' }, 'TIMESTAMPTZ', 'TIMESTAMP_LTZ'),
  ...alias({ kind: 'timestamp_ns' }, 'TIMESTAMP_NS'),
  ...alias({ kind: 'string' }, 'VARCHAR', 'TEXT', 'STRING', 'CHAR', 'BPCHAR', 'CHARACTER', 'JSON'),
  ...alias({ kind: 'uuid' }, 'UUID', 'GUID'),
  ...alias({ kind: 'binary' }, 'BLOB', 'BYTEA', 'BINARY', 'VARBINARY'),
}

/** Types that Iceberg has not, for which a wider one stands: fine for a new column, and no change of one that is there. */
const NARROWER: ReadonlySet<string> = new Set([
  ...SHORTER_INTEGERS,
  'UINTEGER',
  'UBIGINT',
  'HUGEINT',
  'TIMESTAMP_S',
  'TIMESTAMP_MS',
])

/** DuckDB's types that no Iceberg type holds. */
const WITHOUT_PARTNER = new Set([
  'INTERVAL',
  'BIT',
  'BITSTRING',
  'UNION',
  'VARIANT',
  'GEOMETRY',
  'TIMETZ',
  'TIME_NS',
  'UHUGEINT',
  'BIGNUM',
  'VARINT',
])
const TYPES =
  'use one of BOOLEAN, INTEGER, BIGINT, FLOAT, DOUBLE, DECIMAL(p, s), DATE, TIME, TIMESTAMP, TIMESTAMPTZ, VARCHAR, UUID, BLOB, STRUCT(…), …[], MAP(…)'

/** Longest nesting of a type that is read. */
const MAX_TYPE_DEPTH = 100

function alias(type: PrimitiveType, ...names: readonly string[]): Record<string, PrimitiveType> {
  return Object.fromEntries(names.map((name) => [name, type]))
}

/** Ids for fields of a statement: unique in it; the catalog gives the real ones. */
export class FieldIds {
  #last = 0
  next(): number {
    return ++this.#last
  }
}

/**
 * A type: `BIGINT`, `DECIMAL(10, 2)`, `STRUCT(a INTEGER, b VARCHAR[])`, `struct<a: int, b: array<string>>`,
 * `MAP(VARCHAR, INTEGER)`. Rejects `sql/syntax`, `schema/unsupported-type`.
 */
export function parseTypeAt(cursor: Cursor, ids: FieldIds, column: string, depth = 0): Type {
  const type = typeAt(cursor, ids, column, depth)
  if (depth === 0) refuseDeepLists(type, column)
  return type
}

/** The type that a column is to become. As {@link parseTypeAt}; rejects `sql/unsupported` for one for which a wider one would stand. */
export function parseNewTypeAt(cursor: Cursor, ids: FieldIds, column: string): Type {
  const word = cursor.peek()?.text.toUpperCase() ?? ''
  const standIn = NARROWER.has(word) ? SIMPLE[word] : undefined
  if (standIn === undefined) return parseTypeAt(cursor, ids, column)
  throw cursor.unsupported(
    `Iceberg has no type ${word}: the column would be ${typeToString(standIn)}`,
    'types only widen: name BIGINT, DOUBLE or DECIMAL(p, s), or leave the column as it is',
  )
}

function typeAt(cursor: Cursor, ids: FieldIds, column: string, depth: number): Type {
  if (depth > MAX_TYPE_DEPTH) throw cursor.error(`types nest deeper than ${MAX_TYPE_DEPTH}`)
  let type = baseType(cursor, ids, column, depth)
  for (let levels = depth + 1; ; levels++) {
    if (levels > MAX_TYPE_DEPTH) throw cursor.error(`types nest deeper than ${MAX_TYPE_DEPTH}`)
    if (cursor.acceptText('[')) {
      if (!cursor.acceptText(']'))
        throw cursor.unsupported('arrays of a fixed length have no partner in Iceberg', 'use a list: []')
    } else if (!cursor.accept('ARRAY')) return type
    type = { kind: 'list', elementId: ids.next(), element: type, elementRequired: false }
  }
}

function baseType(cursor: Cursor, ids: FieldIds, column: string, depth: number): Type {
  const inner = (): Type => parseTypeAt(cursor, ids, column, depth + 1)
  if (cursor.accept('STRUCT') || cursor.accept('ROW')) return structType(cursor, ids, column, depth)
  if (isKeyword(cursor.peek(), 'MAP')) {
    cursor.next()
    const close = opened(cursor)
    const key = inner()
    cursor.expectText(',')
    const value = inner()
    cursor.expectText(close)
    return { kind: 'map', keyId: ids.next(), key, valueId: ids.next(), value, valueRequired: false }
  }
  if (isKeyword(cursor.peek(), 'LIST', 'ARRAY') && /^[<(]$/.test(cursor.peek(1)?.text ?? '')) {
    cursor.next()
    const close = opened(cursor)
    const element = inner()
    cursor.expectText(close)
    return { kind: 'list', elementId: ids.next(), element, elementRequired: false }
  }
  return primitiveType(cursor, column)
}

function opened(cursor: Cursor): string {
  if (cursor.acceptText('<')) return '>'
  cursor.expectText('(')
  return ')'
}

function structType(cursor: Cursor, ids: FieldIds, column: string, depth: number): Type {
  const close = opened(cursor)
  const fields: NestedField[] = []
  do {
    const name = cursor.name('the name of a field')
    cursor.acceptText(':')
    const type = parseTypeAt(cursor, ids, `${column}.${name}`, depth + 1)
    const required = cursor.accept('NOT', 'NULL')
    const doc = cursor.accept('COMMENT') ? cursor.string('a comment') : undefined
    const twin = fields.find((field) => field.name.toLowerCase() === name.toLowerCase())
    if (twin !== undefined) throw cursor.error(`the field '${name}' is there twice`)
    fields.push({ id: ids.next(), name, type, required, ...(doc === undefined ? {} : { doc }) })
  } while (cursor.acceptText(','))
  cursor.expectText(close)
  return { kind: 'struct', fields }
}

function primitiveType(cursor: Cursor, column: string): PrimitiveType {
  const start = cursor.peek()
  const word = cursor.name('a type').toUpperCase()
  if (word === 'DECIMAL' || word === 'NUMERIC' || word === 'DEC') return decimalType(cursor)
  if (word === 'FIXED') {
    const close = cursor.acceptText('[') ? ']' : ')'
    if (close === ')') cursor.expectText('(')
    const length = cursor.integer('the length in bytes')
    cursor.expectText(close)
    return { kind: 'fixed', length }
  }
  if (word === 'TIMESTAMP' || word === 'TIME') {
    if (cursor.accept('WITH', 'TIME', 'ZONE')) {
      if (word === 'TIMESTAMP') return { kind: 'timestamptz' }
      throw unsupportedType(column, 'TIME WITH TIME ZONE')
    }
    cursor.accept('WITHOUT', 'TIME', 'ZONE')
  }
  if (word === 'ENUM') {
    cursor.list(() => cursor.string('a value'))
    return { kind: 'string' }
  }
  // A column of a query in which every value is NULL.
  if (word === 'NULL') return { kind: 'string' }
  if (word === 'DOUBLE') cursor.accept('PRECISION')
  if (word === 'CHARACTER') cursor.accept('VARYING')
  const type = SIMPLE[word]
  if (type === undefined) {
    if (start?.kind !== 'quoted' && WITHOUT_PARTNER.has(word)) throw unsupportedType(column, word)
    const near = nearestNames(word, Object.keys(SIMPLE)).slice(0, 3)
    throw statementError(
      cursor.statement,
      start?.start ?? 0,
      `there is no type ${start?.text ?? word}`,
      near.length === 0 ? TYPES : `did you mean ${near.join(' or ')}?`,
    )
  }
  // VARCHAR(10): the length is not enforced by DuckDB either.
  if (type.kind === 'string' && cursor.acceptText('(')) {
    cursor.integer('a length')
    cursor.expectText(')')
  }
  return type
}

function decimalType(cursor: Cursor): PrimitiveType {
  if (!cursor.acceptText('(')) return { kind: 'decimal', precision: 18, scale: 3 }
  const precision = cursor.integer('the precision')
  const scale = cursor.acceptText(',') ? cursor.integer('the scale') : 0
  cursor.expectText(')')
  if (precision < 1 || precision > 38 || scale > precision) {
    throw cursor.error(
      `DECIMAL(${precision}, ${scale}) is out of range`,
      'precision is 1 to 38, scale at most the precision',
    )
  }
  return { kind: 'decimal', precision, scale }
}

function unsupportedType(column: string, type: string): IceboxError {
  return new IceboxError('schema/unsupported-type', {
    message: `column '${column}' has the type ${type}, which has no partner in Iceberg`,
    remedy: TYPES,
    context: { column, type },
  })
}
