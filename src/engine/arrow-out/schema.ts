import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  Decimal,
  Field,
  FixedSizeList,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  List,
  Map_,
  Null,
  Schema,
  SparseUnion,
  Struct,
  TimeMicrosecond,
  TimeNanosecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
} from 'apache-arrow'
import { TYPE } from '../binding.ts'
import type { ResultColumn } from '../port.ts'
import { type EngineType, hasNames } from '../types.ts'
import { AS_TEXT, withoutArrowForm } from './make-column.ts'

/** The schema of a result's record batches: its columns in their order, all of them nullable. */
export function arrowSchema(columns: readonly ResultColumn[], types: readonly EngineType[]): Schema {
  return new Schema(types.map((type, at) => new Field(columns[at]?.name ?? '', arrowType(type), true)))
}

const PLAIN: Readonly<Record<number, () => DataType>> = {
  [TYPE.BOOLEAN]: () => new Bool(),
  [TYPE.TINYINT]: () => new Int8(),
  [TYPE.SMALLINT]: () => new Int16(),
  [TYPE.INTEGER]: () => new Int32(),
  [TYPE.BIGINT]: () => new Int64(),
  [TYPE.UTINYINT]: () => new Uint8(),
  [TYPE.USMALLINT]: () => new Uint16(),
  [TYPE.UINTEGER]: () => new Uint32(),
  [TYPE.UBIGINT]: () => new Uint64(),
  [TYPE.FLOAT]: () => new Float32(),
  [TYPE.DOUBLE]: () => new Float64(),
  [TYPE.HUGEINT]: () => new Decimal(0, 38, 128),
  [TYPE.UHUGEINT]: () => new Decimal(0, 38, 128),
  [TYPE.DATE]: () => new DateDay(),
  [TYPE.TIME]: () => new TimeMicrosecond(),
  [TYPE.TIME_NS]: () => new TimeNanosecond(),
  [TYPE.TIMESTAMP]: () => new TimestampMicrosecond(),
  [TYPE.TIMESTAMP_TZ]: () => new TimestampMicrosecond('UTC'),
  [TYPE.TIMESTAMP_S]: () => new TimestampSecond(),
  [TYPE.TIMESTAMP_MS]: () => new TimestampMillisecond(),
  [TYPE.TIMESTAMP_NS]: () => new TimestampNanosecond(),
  [TYPE.VARCHAR]: () => new Utf8(),
  [TYPE.BLOB]: () => new Binary(),
  [TYPE.GEOMETRY]: () => new Binary(),
  [TYPE.SQLNULL]: () => new Null(),
}

/**
 * HUGEINT is decimal(38,0), as DuckDB exports it; UUID, INTERVAL, ENUM, BIT, BIGNUM and times with a zone are text; UNION
 * is a sparse union; fields without names are called `1`, `2`. Rejects `schema/unsupported-type` (VARIANT).
 */
export function arrowType(type: EngineType): DataType {
  switch (type.kind) {
    case 'plain': {
      const plain = AS_TEXT.has(type.id) ? new Utf8() : PLAIN[type.id]?.()
      if (plain === undefined) throw withoutArrowForm(type)
      return plain
    }
    case 'decimal':
      return new Decimal(type.scale, type.width, 128)
    case 'enum':
      return new Utf8()
    case 'list':
      return new List(new Field('item', arrowType(type.element), true))
    case 'array':
      return new FixedSizeList(type.length, new Field('item', arrowType(type.element), true))
    case 'map': {
      const entries = new Struct<{ key: DataType; value: DataType }>([
        new Field('key', arrowType(type.key), false),
        new Field('value', arrowType(type.value), true),
      ])
      return new Map_(new Field('entries', entries, false), false)
    }
    case 'struct':
      return new Struct(
        type.fields.map(
          ({ name, type: below }, at) => new Field(fieldName(type.fields, name, at), arrowType(below), true),
        ),
      )
    case 'union':
      return new SparseUnion(
        type.fields.map((_, at) => at),
        type.fields.map((field) => new Field(field.name, arrowType(field.type), true)),
      )
    default:
      return type satisfies never
  }
}

/** Fields without names are called by the numbers that SQL calls them by (`r[1]`): readers take them by name. */
function fieldName(fields: readonly { readonly name: string }[], name: string, at: number): string {
  return hasNames(fields) ? name : String(at + 1)
}
