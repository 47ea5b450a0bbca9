import { IceboxError } from '../base/index.ts'
import { type Binding, TYPE, type Vector } from './binding.ts'
import { decodeBytes, decodeTexts } from './decode-strings.ts'
import type { SqlValue } from './port.ts'
import {
  bignumValue,
  bitText,
  dateText,
  decimalText,
  intervalText,
  timestampText,
  timeText,
  timeTzText,
  uuidText,
} from './text.ts'
import { type EngineType, hasNames } from './types.ts'
import { isValid, readValidity, type Validity } from './validity.ts'

/**
 * The values of a vector's first `count` rows. Everything is copied: nothing returned points into native memory.
 * Rows that are null are never looked at, since what lies there is not initialised.
 */
export function decodeVector(binding: Binding, vector: Vector, type: EngineType, count: number): SqlValue[] {
  if (count === 0) return []
  if (type.id === TYPE.SQLNULL) return Array.from({ length: count }, () => null)
  const validity = readValidity(binding, vector, count)
  switch (type.kind) {
    case 'plain':
      return hasText(type.id)
        ? decodeText(binding, vector, type.id, count, validity)
        : decodeFixed((byteCount) => binding.vector_get_data(vector, byteCount), type.id, count, validity)
    case 'decimal':
      return decodeDecimals((byteCount) => binding.vector_get_data(vector, byteCount), type, count, validity)
    case 'enum': {
      const { members } = type
      const data: ColumnBytes = (byteCount) => binding.vector_get_data(vector, byteCount)
      const codes =
        type.storage === TYPE.UTINYINT
          ? data(count)
          : type.storage === TYPE.USMALLINT
            ? uint16(data, count)
            : uint32(data, count)
      return each(count, validity, (row) => members[codes[row] ?? 0] ?? null)
    }
    case 'list':
      return decodeLists(binding, vector, count, validity, (child, size) =>
        decodeVector(binding, child, type.element, size),
      )
    case 'map':
      return decodeLists(binding, vector, count, validity, (child, size) => {
        const keys = decodeVector(binding, binding.struct_vector_get_child(child, 0), type.key, size)
        const values = decodeVector(binding, binding.struct_vector_get_child(child, 1), type.value, size)
        return keys.map((key, at) => [key, values[at] ?? null])
      })
    case 'array': {
      const { length } = type
      const items = decodeVector(binding, binding.array_vector_get_child(vector), type.element, count * length)
      return each(count, validity, (row) => items.slice(row * length, (row + 1) * length))
    }
    case 'struct': {
      const columns = type.fields.map((field, at) => ({
        name: field.name,
        values: decodeVector(binding, binding.struct_vector_get_child(vector, at), field.type, count),
      }))
      return structs(columns, count, validity)
    }
    case 'union': {
      const tags = binding.vector_get_data(binding.struct_vector_get_child(vector, 0), count)
      const members = type.fields.map((field, at) =>
        decodeVector(binding, binding.struct_vector_get_child(vector, at + 1), field.type, count),
      )
      return each(count, validity, (row) => members[tags[row] ?? 0]?.[row] ?? null)
    }
  }
}

/** Objects by the names of the fields; where those have none arrays, in which no field takes another's place. */
export function structs(
  fields: readonly { readonly name: string; readonly values: readonly SqlValue[] }[],
  count: number,
  validity: Validity,
): SqlValue[] {
  return hasNames(fields)
    ? each(count, validity, (row) => Object.fromEntries(fields.map(({ name, values }) => [name, values[row] ?? null])))
    : each(count, validity, (row) => fields.map(({ values }) => values[row] ?? null))
}

/** Values of a DECIMAL, kept in 2, 4, 8 or 16 bytes. */
export function decodeDecimals(
  data: ColumnBytes,
  { scale, storage }: { readonly scale: number; readonly storage: number },
  count: number,
  validity: Validity,
): SqlValue[] {
  if (storage === TYPE.SMALLINT || storage === TYPE.INTEGER) {
    const values = storage === TYPE.SMALLINT ? int16(data, count) : int32(data, count)
    return each(count, validity, (row) => decimalText(values[row] ?? 0, scale))
  }
  if (storage === TYPE.BIGINT) {
    const wide = new WideIntegers(data(count * 8))
    return each(count, validity, (row) => decimalText(wide.at(row), scale))
  }
  const words = int64(data, count * 2)
  return each(count, validity, (row) => decimalText(hugeint(words, row), scale))
}

function hasText(id: number): boolean {
  return id === TYPE.VARCHAR || id === TYPE.BLOB || id === TYPE.GEOMETRY || id === TYPE.BIT || id === TYPE.BIGNUM
}

function decodeText(binding: Binding, vector: Vector, id: number, count: number, validity: Validity): SqlValue[] {
  const hasValue = (row: number) => isValid(validity, row)
  switch (id) {
    case TYPE.VARCHAR:
      return decodeTexts(binding, vector, count, hasValue)
    case TYPE.BIT:
      return decodeBytes(binding, vector, count, hasValue, bitText)
    case TYPE.BIGNUM:
      return decodeBytes(binding, vector, count, hasValue, bignumValue)
    default:
      return decodeBytes(binding, vector, count, hasValue, (bytes) => new Uint8Array(bytes))
  }
}

/** Bytes of a column from its first row on, so many. */
export type ColumnBytes = (byteCount: number) => Uint8Array

/** Values of a type whose values have one width, from bytes as DuckDB lays them out; Arrow lays most out the same way. */
export function decodeFixed(data: ColumnBytes, id: number, count: number, validity: Validity): SqlValue[] {
  switch (id) {
    case TYPE.BOOLEAN: {
      const bytes = data(count)
      return each(count, validity, (row) => bytes[row] !== 0)
    }
    case TYPE.TINYINT: {
      const bytes = data(count)
      return each(count, validity, (row) => ((bytes[row] ?? 0) << 24) >> 24)
    }
    case TYPE.UTINYINT:
      return numbers(data(count), count, validity)
    case TYPE.SMALLINT:
      return numbers(int16(data, count), count, validity)
    case TYPE.USMALLINT:
      return numbers(uint16(data, count), count, validity)
    case TYPE.INTEGER:
      return numbers(int32(data, count), count, validity)
    case TYPE.UINTEGER:
      return numbers(uint32(data, count), count, validity)
    case TYPE.FLOAT: {
      const bytes = data(count * 4)
      return numbers(new Float32Array(bytes.buffer, bytes.byteOffset, count), count, validity)
    }
    case TYPE.DOUBLE: {
      const bytes = data(count * 8)
      return numbers(new Float64Array(bytes.buffer, bytes.byteOffset, count), count, validity)
    }
    case TYPE.BIGINT: {
      const values = int64(data, count)
      return each(count, validity, (row) => values[row] ?? 0n)
    }
    case TYPE.UBIGINT: {
      const bytes = data(count * 8)
      const values = new BigUint64Array(bytes.buffer, bytes.byteOffset, count)
      return each(count, validity, (row) => values[row] ?? 0n)
    }
    case TYPE.HUGEINT: {
      const words = int64(data, count * 2)
      return each(count, validity, (row) => hugeint(words, row))
    }
    case TYPE.UHUGEINT: {
      const words = int64(data, count * 2)
      return each(count, validity, (row) => BigInt.asUintN(128, hugeint(words, row)))
    }
    case TYPE.UUID: {
      const words = int64(data, count * 2)
      return each(count, validity, (row) => uuidText(words[row * 2] ?? 0n, words[row * 2 + 1] ?? 0n))
    }
    case TYPE.DATE: {
      const values = int32(data, count)
      // Days repeat much within a chunk, and their texts can be shared.
      const texts = new Map<number, string>()
      return each(count, validity, (row) => {
        const day = values[row] ?? 0
        let text = texts.get(day)
        if (text === undefined) {
          text = dateText(day)
          texts.set(day, text)
        }
        return text
      })
    }
    case TYPE.TIME: {
      const wide = new WideIntegers(data(count * 8))
      return each(count, validity, (row) => timeText(Number(wide.at(row))))
    }
    case TYPE.TIME_NS: {
      const values = int64(data, count)
      return each(count, validity, (row) => nanosOfDayText(values[row] ?? 0n))
    }
    case TYPE.TIME_TZ: {
      const values = int64(data, count)
      return each(count, validity, (row) => timeTzText(values[row] ?? 0n))
    }
    case TYPE.TIMESTAMP:
      return timestamps(data, count, validity, 1_000_000, '')
    case TYPE.TIMESTAMP_TZ:
      return timestamps(data, count, validity, 1_000_000, 'Z')
    case TYPE.TIMESTAMP_S:
      return timestamps(data, count, validity, 1, '')
    case TYPE.TIMESTAMP_MS:
      return timestamps(data, count, validity, 1_000, '')
    case TYPE.TIMESTAMP_NS:
      return timestamps(data, count, validity, 1_000_000_000, '')
    case TYPE.INTERVAL: {
      const bytes = data(count * 16)
      const view = new DataView(bytes.buffer, bytes.byteOffset, count * 16)
      return each(count, validity, (row) =>
        intervalText(
          view.getInt32(row * 16, true),
          view.getInt32(row * 16 + 4, true),
          view.getBigInt64(row * 16 + 8, true),
        ),
      )
    }
    default:
      throw unreadableType(id)
  }
}

/** Types of the C API that no values are read of here. */
const UNREADABLE_TYPES: Readonly<Record<number, string>> = { 40: 'GEOMETRY', 41: 'VARIANT' }

export function unreadableType(id: number): IceboxError {
  const type = UNREADABLE_TYPES[id] ?? `number ${id} of DuckDB`
  return new IceboxError('sql/unsupported', {
    message: `a result column of the type ${type} cannot be read`,
    remedy: 'cast it to VARCHAR or JSON in the statement',
    context: { typeId: id },
  })
}

export function each(count: number, validity: Validity, value: (row: number) => SqlValue): SqlValue[] {
  const values: SqlValue[] = []
  if (validity === null) for (let row = 0; row < count; row++) values.push(value(row))
  else for (let row = 0; row < count; row++) values.push(isValid(validity, row) ? value(row) : null)
  return values
}

function numbers(data: ArrayLike<number>, count: number, validity: Validity): SqlValue[] {
  if (validity === null) return Array.from(data)
  return each(count, validity, (row) => data[row] ?? 0)
}

function int16(data: ColumnBytes, count: number): Int16Array {
  const bytes = data(count * 2)
  return new Int16Array(bytes.buffer, bytes.byteOffset, count)
}

function uint16(data: ColumnBytes, count: number): Uint16Array {
  const bytes = data(count * 2)
  return new Uint16Array(bytes.buffer, bytes.byteOffset, count)
}

function int32(data: ColumnBytes, count: number): Int32Array {
  const bytes = data(count * 4)
  return new Int32Array(bytes.buffer, bytes.byteOffset, count)
}

function uint32(data: ColumnBytes, count: number): Uint32Array {
  const bytes = data(count * 4)
  return new Uint32Array(bytes.buffer, bytes.byteOffset, count)
}

function int64(data: ColumnBytes, count: number): BigInt64Array {
  const bytes = data(count * 8)
  return new BigInt64Array(bytes.buffer, bytes.byteOffset, count)
}

function hugeint(words: BigInt64Array, row: number): bigint {
  return ((words[row * 2 + 1] ?? 0n) << 64n) | BigInt.asUintN(64, words[row * 2] ?? 0n)
}

/** 64-bit integers of which most fit a double: those come out as numbers, which is several times faster than bigint. */
class WideIntegers {
  readonly #low: Uint32Array
  readonly #high: Int32Array

  constructor(bytes: Uint8Array) {
    this.#low = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
    this.#high = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  }

  at(row: number): number | bigint {
    const high = this.#high[row * 2 + 1] ?? 0
    const low = this.#low[row * 2] ?? 0
    if (high >= -0x20_0000 && high < 0x20_0000) return high * 0x1_0000_0000 + low
    return (BigInt(high) << 32n) | BigInt(low)
  }
}

const INFINITE = 9_223_372_036_854_775_807n

function timestamps(
  data: ColumnBytes,
  count: number,
  validity: Validity,
  perSecond: number,
  suffix: string,
): SqlValue[] {
  const wide = new WideIntegers(data(count * 8))
  const nanosPerUnit = 1_000_000_000 / perSecond
  return each(count, validity, (row) => {
    const value = wide.at(row)
    if (typeof value === 'number') {
      const seconds = Math.floor(value / perSecond)
      return timestampText(seconds, (value - seconds * perSecond) * nanosPerUnit) + suffix
    }
    if (value === INFINITE) return 'infinity'
    if (value === -INFINITE) return '-infinity'
    const within = ((value % BigInt(perSecond)) + BigInt(perSecond)) % BigInt(perSecond)
    return timestampText(Number((value - within) / BigInt(perSecond)), Number(within) * nanosPerUnit) + suffix
  })
}

function nanosOfDayText(nanos: bigint): string {
  return timestampText(Number(nanos / 1_000_000_000n), Number(nanos % 1_000_000_000n)).slice(11)
}

function decodeLists(
  binding: Binding,
  vector: Vector,
  count: number,
  validity: Validity,
  decodeChild: (child: Vector, size: number) => SqlValue[],
): SqlValue[] {
  // Pairs of (offset, length) into the child vector, 64 bits each; both are far below 2^53.
  const entries = new WideIntegers(binding.vector_get_data(vector, count * 16))
  const items = decodeChild(binding.list_vector_get_child(vector), binding.list_vector_get_size(vector))
  return each(count, validity, (row) => {
    const offset = Number(entries.at(row * 2))
    return items.slice(offset, offset + Number(entries.at(row * 2 + 1)))
  })
}
