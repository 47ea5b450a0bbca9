import * as arrow from 'apache-arrow'
import { IceboxError } from '../../../base/index.ts'
import type { SqlValue } from '../../../lakehouse/api.ts'
import { isList, jsonText } from '../json-value.ts'
import type { ParsedType } from './duckdb-type.ts'
import { daysOf, instantOf, timeOfDay } from './temporal.ts'

/** An Arrow type and the way of a column's values into its buffers. */
export interface ArrowColumn {
  readonly type: arrow.DataType
  encode(values: readonly SqlValue[]): arrow.Data
}

/**
 * The Arrow form of a column. HUGEINT is decimal(38,0), as DuckDB exports it; UUID, INTERVAL, ENUM, BIT and times with a
 * zone are text. Rejects `schema/unsupported-type`.
 */
export function arrowColumn(type: ParsedType): ArrowColumn {
  switch (type.kind) {
    case 'scalar':
      return scalarColumn(type.name)
    case 'decimal':
      return decimalColumn(type.precision, type.scale)
    case 'list':
      return listColumn(arrowColumn(type.element))
    case 'struct':
      return structColumn(type.fields.map((field) => ({ name: field.name, column: arrowColumn(field.type) })))
    case 'map':
      return mapColumn(arrowColumn(type.key), arrowColumn(type.value))
  }
}

function scalarColumn(name: string): ArrowColumn {
  switch (name) {
    case 'BOOLEAN':
      return { type: new arrow.Bool(), encode: encodeBooleans }
    case 'TINYINT':
      return numbers(new arrow.Int8(), (length) => new Int8Array(length))
    case 'SMALLINT':
      return numbers(new arrow.Int16(), (length) => new Int16Array(length))
    case 'INTEGER':
      return numbers(new arrow.Int32(), (length) => new Int32Array(length))
    case 'UTINYINT':
      return numbers(new arrow.Uint8(), (length) => new Uint8Array(length))
    case 'USMALLINT':
      return numbers(new arrow.Uint16(), (length) => new Uint16Array(length))
    case 'UINTEGER':
      return numbers(new arrow.Uint32(), (length) => new Uint32Array(length))
    case 'FLOAT':
      return numbers(new arrow.Float32(), (length) => new Float32Array(length))
    case 'DOUBLE':
      return numbers(new arrow.Float64(), (length) => new Float64Array(length))
    case 'BIGINT':
      return longs(new arrow.Int64(), asBigint)
    case 'UBIGINT':
      return longs(new arrow.Uint64(), asBigint)
    case 'HUGEINT':
    case 'UHUGEINT':
      return decimalColumn(38, 0)
    case 'DATE':
      return numbers(
        new arrow.DateDay(),
        (length) => new Int32Array(length),
        (value) => daysOf(textOf(value)),
      )
    case 'TIME':
      return longs(new arrow.TimeMicrosecond(), (value) => timeOfDay(textOf(value), 6))
    case 'TIME_NS':
      return longs(new arrow.TimeNanosecond(), (value) => timeOfDay(textOf(value), 9))
    case 'TIMESTAMP':
      return longs(new arrow.TimestampMicrosecond(), (value) => instantOf(textOf(value), 6))
    case 'TIMESTAMP WITH TIME ZONE':
      return longs(new arrow.TimestampMicrosecond('UTC'), (value) => instantOf(textOf(value), 6))
    case 'TIMESTAMP_S':
      return longs(new arrow.TimestampSecond(), (value) => instantOf(textOf(value), 0))
    case 'TIMESTAMP_MS':
      return longs(new arrow.TimestampMillisecond(), (value) => instantOf(textOf(value), 3))
    case 'TIMESTAMP_NS':
      return longs(new arrow.TimestampNanosecond(), (value) => instantOf(textOf(value), 9))
    case 'BLOB':
    case 'GEOMETRY':
      return bytes(new arrow.Binary(), (value) => (value instanceof Uint8Array ? value : Buffer.from(textOf(value))))
    case '"NULL"':
      return {
        type: new arrow.Null(),
        encode: (values) => new arrow.Data(new arrow.Null(), 0, values.length, values.length),
      }
    case 'VARCHAR':
    case 'ENUM':
    case 'UUID':
    case 'JSON':
    case 'INTERVAL':
    case 'BIT':
    case 'BIGNUM':
    case 'TIME WITH TIME ZONE':
      return bytes(new arrow.Utf8(), (value) => Buffer.from(textOf(value)))
    default:
      throw new IceboxError('schema/unsupported-type', {
        message: `a column of type ${name} has no Arrow form`,
        remedy: 'cast it in the statement, for example CAST(column AS VARCHAR)',
        context: { type: name },
      })
  }
}

/** One bit a value, set where there is one; undefined where no value is null. */
function validity(values: readonly SqlValue[]): { nulls: number; bits: Uint8Array | undefined } {
  let nulls = 0
  for (const value of values) if (value === null) nulls++
  if (nulls === 0) return { nulls, bits: undefined }
  const bits = new Uint8Array(Math.ceil(values.length / 8))
  for (const [at, value] of values.entries()) if (value !== null) setBit(bits, at)
  return { nulls, bits }
}

function setBit(bits: Uint8Array, at: number): void {
  bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7))
}

interface RawBuffers {
  readonly data?: ArrayBufferView
  readonly offsets?: Int32Array
  readonly children?: arrow.Data[]
}

/** Arrow's own buffers from ours. */
function dataOf(
  type: arrow.DataType,
  values: readonly SqlValue[],
  { data, offsets, children }: RawBuffers,
): arrow.Data {
  const { nulls, bits } = validity(values)
  const buffers: ConstructorParameters<typeof arrow.Data<arrow.DataType>>[4] = {
    ...(offsets === undefined ? {} : { [arrow.BufferType.OFFSET]: offsets }),
    ...(data === undefined ? {} : { [arrow.BufferType.DATA]: data }),
    ...(bits === undefined ? {} : { [arrow.BufferType.VALIDITY]: bits }),
  }
  return new arrow.Data(type, 0, values.length, nulls, buffers, children)
}

function encodeBooleans(values: readonly SqlValue[]): arrow.Data {
  const data = new Uint8Array(Math.ceil(values.length / 8))
  for (const [at, value] of values.entries()) if (value === true) setBit(data, at)
  return dataOf(new arrow.Bool(), values, { data })
}

type NumberArray =
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Float32Array
  | Float64Array

function numbers(
  type: arrow.DataType,
  make: (length: number) => NumberArray,
  convert: (value: SqlValue) => number = Number,
): ArrowColumn {
  return {
    type,
    encode(values) {
      const data = make(values.length)
      for (const [at, value] of values.entries()) if (value !== null) data[at] = convert(value)
      return dataOf(type, values, { data })
    },
  }
}

function longs(type: arrow.DataType, convert: (value: SqlValue) => bigint): ArrowColumn {
  return {
    type,
    encode(values) {
      const data = new BigInt64Array(values.length)
      for (const [at, value] of values.entries()) if (value !== null) data[at] = convert(value)
      return dataOf(type, values, { data })
    },
  }
}

function asBigint(value: SqlValue): bigint {
  return typeof value === 'bigint' ? value : BigInt(textOf(value))
}

function textOf(value: SqlValue): string {
  return value !== null && typeof value === 'object' ? jsonText(value) : String(value)
}

function decimalColumn(precision: number, scale: number): ArrowColumn {
  const type = new arrow.Decimal(scale, precision, 128)
  const limit = 10n ** BigInt(precision)
  return {
    type,
    encode(values) {
      const data = new BigInt64Array(values.length * 2)
      for (const [at, value] of values.entries()) {
        if (value === null) continue
        const unscaled = unscaledOf(textOf(value), scale)
        if (unscaled >= limit || unscaled <= -limit) {
          throw new IceboxError('sql/type', {
            message: `${textOf(value)} does not fit Arrow's decimal(${precision},${scale})`,
            remedy: 'cast the column to VARCHAR in the statement',
            context: { value: textOf(value) },
          })
        }
        data[at * 2] = BigInt.asIntN(64, unscaled)
        data[at * 2 + 1] = unscaled >> 64n
      }
      return dataOf(type, values, { data: new Uint32Array(data.buffer) })
    },
  }
}

/** `-12.5` at scale 2 is -1250. */
function unscaledOf(text: string, scale: number): bigint {
  const [whole = '', decimals = ''] = text.split('.')
  return BigInt(whole + decimals.slice(0, scale).padEnd(scale, '0'))
}

function bytes(type: arrow.DataType, convert: (value: SqlValue) => Uint8Array): ArrowColumn {
  return {
    type,
    encode(values) {
      const pieces = values.map((value) => (value === null ? undefined : convert(value)))
      const offsets = offsetsOf(pieces.map((piece) => piece?.byteLength ?? 0))
      const data = new Uint8Array(offsets[values.length] ?? 0)
      for (const [at, piece] of pieces.entries()) if (piece !== undefined) data.set(piece, offsets[at] ?? 0)
      return dataOf(type, values, { data, offsets })
    },
  }
}

function offsetsOf(lengths: readonly number[]): Int32Array {
  const offsets = new Int32Array(lengths.length + 1)
  let end = 0
  for (const [at, length] of lengths.entries()) {
    end += length
    if (end > 2_147_483_647) {
      throw new IceboxError('sql/value-too-large', {
        message: 'the values of one column in one batch pass 2 GiB, the most that an Arrow column holds',
        remedy: 'select fewer or smaller values',
      })
    }
    offsets[at + 1] = end
  }
  return offsets
}

function itemsOf(value: SqlValue): readonly SqlValue[] {
  return value !== null && typeof value === 'object' && !(value instanceof Uint8Array) && isList(value) ? value : []
}

function fieldOf(value: SqlValue, name: string): SqlValue {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array || isList(value)) return null
  return value[name] ?? null
}

function listColumn(element: ArrowColumn): ArrowColumn {
  const type = new arrow.List(new arrow.Field('item', element.type, true))
  return {
    type,
    encode(values) {
      const lists = values.map(itemsOf)
      const offsets = offsetsOf(lists.map((list) => list.length))
      return dataOf(type, values, { offsets, children: [element.encode(lists.flat(1))] })
    },
  }
}

function structColumn(fields: readonly { name: string; column: ArrowColumn }[]): ArrowColumn {
  const type = new arrow.Struct(fields.map((field) => new arrow.Field(field.name, field.column.type, true)))
  return {
    type,
    encode(values) {
      const children = fields.map((field) => field.column.encode(values.map((value) => fieldOf(value, field.name))))
      return dataOf(type, values, { children })
    },
  }
}

function mapColumn(key: ArrowColumn, value: ArrowColumn): ArrowColumn {
  const entries = new arrow.Struct<{ key: arrow.DataType; value: arrow.DataType }>([
    new arrow.Field('key', key.type, false),
    new arrow.Field('value', value.type, true),
  ])
  const type = new arrow.Map_(new arrow.Field('entries', entries, false), false)
  return {
    type,
    encode(values) {
      const maps = values.map(itemsOf)
      const pairs = maps.flat(1)
      const keys = key.encode(pairs.map((pair) => itemsOf(pair)[0] ?? null))
      const inner = value.encode(pairs.map((pair) => itemsOf(pair)[1] ?? null))
      const child = new arrow.Data<arrow.DataType>(entries, 0, pairs.length, 0, {}, [keys, inner])
      return dataOf(type, values, { offsets: offsetsOf(maps.map((map) => map.length)), children: [child] })
    },
  }
}
