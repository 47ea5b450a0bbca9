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
import type { EngineType } from './types.ts'
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
      return decodePlain(binding, vector, type.id, count, validity)
    case 'decimal': {
      const { scale } = type
      if (type.storage === TYPE.SMALLINT) {
        const data = int16(binding, vector, count)
        return each(count, validity, (row) => decimalText(data[row] ?? 0, scale))
      }
      if (type.storage === TYPE.INTEGER) {
        const data = int32(binding, vector, count)
        return each(count, validity, (row) => decimalText(data[row] ?? 0, scale))
      }
      if (type.storage === TYPE.BIGINT) {
        const wide = new WideIntegers(bytesOf(binding, vector, count * 8))
        return each(count, validity, (row) => decimalText(wide.at(row), scale))
      }
      const words = int64(binding, vector, count * 2)
      return each(count, validity, (row) => decimalText(hugeint(words, row), scale))
    }
    case 'enum': {
      const { members } = type
      const codes =
        type.storage === TYPE.UTINYINT
          ? bytesOf(binding, vector, count)
          : type.storage === TYPE.USMALLINT
            ? uint16(binding, vector, count)
            : uint32(binding, vector, count)
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
      return each(count, validity, (row) =>
        Object.fromEntries(columns.map((column) => [column.name, column.values[row] ?? null])),
      )
    }
    case 'union': {
      const tags = bytesOf(binding, binding.struct_vector_get_child(vector, 0), count)
      const members = type.fields.map((field, at) =>
        decodeVector(binding, binding.struct_vector_get_child(vector, at + 1), field.type, count),
      )
      return each(count, validity, (row) => members[tags[row] ?? 0]?.[row] ?? null)
    }
  }
}

function decodePlain(binding: Binding, vector: Vector, id: number, count: number, validity: Validity): SqlValue[] {
  switch (id) {
    case TYPE.BOOLEAN: {
      const data = bytesOf(binding, vector, count)
      return each(count, validity, (row) => data[row] !== 0)
    }
    case TYPE.TINYINT: {
      const data = bytesOf(binding, vector, count)
      return each(count, validity, (row) => ((data[row] ?? 0) << 24) >> 24)
    }
    case TYPE.UTINYINT:
      return numbers(bytesOf(binding, vector, count), count, validity)
    case TYPE.SMALLINT:
      return numbers(int16(binding, vector, count), count, validity)
    case TYPE.USMALLINT:
      return numbers(uint16(binding, vector, count), count, validity)
    case TYPE.INTEGER:
      return numbers(int32(binding, vector, count), count, validity)
    case TYPE.UINTEGER:
      return numbers(uint32(binding, vector, count), count, validity)
    case TYPE.FLOAT: {
      const bytes = bytesOf(binding, vector, count * 4)
      return numbers(new Float32Array(bytes.buffer, bytes.byteOffset, count), count, validity)
    }
    case TYPE.DOUBLE: {
      const bytes = bytesOf(binding, vector, count * 8)
      return numbers(new Float64Array(bytes.buffer, bytes.byteOffset, count), count, validity)
    }
    case TYPE.BIGINT: {
      const data = int64(binding, vector, count)
      return each(count, validity, (row) => data[row] ?? 0n)
    }
    case TYPE.UBIGINT: {
      const bytes = bytesOf(binding, vector, count * 8)
      const data = new BigUint64Array(bytes.buffer, bytes.byteOffset, count)
      return each(count, validity, (row) => data[row] ?? 0n)
    }
    case TYPE.HUGEINT: {
      const words = int64(binding, vector, count * 2)
      return each(count, validity, (row) => hugeint(words, row))
    }
    case TYPE.UHUGEINT: {
      const words = int64(binding, vector, count * 2)
      return each(count, validity, (row) => BigInt.asUintN(128, hugeint(words, row)))
    }
    case TYPE.UUID: {
      const words = int64(binding, vector, count * 2)
      return each(count, validity, (row) => uuidText(words[row * 2] ?? 0n, words[row * 2 + 1] ?? 0n))
    }
    case TYPE.DATE: {
      const data = int32(binding, vector, count)
      // Days repeat much within a chunk, and their texts can be shared.
      const texts = new Map<number, string>()
      return each(count, validity, (row) => {
        const day = data[row] ?? 0
        let text = texts.get(day)
        if (text === undefined) {
          text = dateText(day)
          texts.set(day, text)
        }
        return text
      })
    }
    case TYPE.TIME: {
      const wide = new WideIntegers(bytesOf(binding, vector, count * 8))
      return each(count, validity, (row) => timeText(Number(wide.at(row))))
    }
    case TYPE.TIME_NS: {
      const data = int64(binding, vector, count)
      return each(count, validity, (row) => nanosOfDayText(data[row] ?? 0n))
    }
    case TYPE.TIME_TZ: {
      const data = int64(binding, vector, count)
      return each(count, validity, (row) => timeTzText(data[row] ?? 0n))
    }
    case TYPE.TIMESTAMP:
      return timestamps(binding, vector, count, validity, 1_000_000, '')
    case TYPE.TIMESTAMP_TZ:
      return timestamps(binding, vector, count, validity, 1_000_000, 'Z')
    case TYPE.TIMESTAMP_S:
      return timestamps(binding, vector, count, validity, 1, '')
    case TYPE.TIMESTAMP_MS:
      return timestamps(binding, vector, count, validity, 1_000, '')
    case TYPE.TIMESTAMP_NS:
      return timestamps(binding, vector, count, validity, 1_000_000_000, '')
    case TYPE.INTERVAL: {
      const bytes = bytesOf(binding, vector, count * 16)
      const view = new DataView(bytes.buffer, bytes.byteOffset, count * 16)
      return each(count, validity, (row) =>
        intervalText(
          view.getInt32(row * 16, true),
          view.getInt32(row * 16 + 4, true),
          view.getBigInt64(row * 16 + 8, true),
        ),
      )
    }
    case TYPE.VARCHAR:
      return decodeTexts(binding, vector, count, (row) => isValid(validity, row))
    case TYPE.BLOB:
    case TYPE.GEOMETRY:
      return decodeBytes(
        binding,
        vector,
        count,
        (row) => isValid(validity, row),
        (bytes) => new Uint8Array(bytes),
      )
    case TYPE.BIT:
      return decodeBytes(binding, vector, count, (row) => isValid(validity, row), bitText)
    case TYPE.BIGNUM:
      return decodeBytes(binding, vector, count, (row) => isValid(validity, row), bignumValue)
    default:
      throw new IceboxError('sql/unsupported', {
        message: `a result column of DuckDB's type number ${id} cannot be read`,
        remedy: 'cast it to VARCHAR or JSON in the statement',
        context: { typeId: id },
      })
  }
}

function each(count: number, validity: Validity, value: (row: number) => SqlValue): SqlValue[] {
  const values: SqlValue[] = []
  if (validity === null) for (let row = 0; row < count; row++) values.push(value(row))
  else for (let row = 0; row < count; row++) values.push(isValid(validity, row) ? value(row) : null)
  return values
}

function numbers(data: ArrayLike<number>, count: number, validity: Validity): SqlValue[] {
  if (validity === null) return Array.from(data)
  return each(count, validity, (row) => data[row] ?? 0)
}

function bytesOf(binding: Binding, vector: Vector, byteCount: number): Uint8Array {
  return binding.vector_get_data(vector, byteCount)
}

function int16(binding: Binding, vector: Vector, count: number): Int16Array {
  const bytes = bytesOf(binding, vector, count * 2)
  return new Int16Array(bytes.buffer, bytes.byteOffset, count)
}

function uint16(binding: Binding, vector: Vector, count: number): Uint16Array {
  const bytes = bytesOf(binding, vector, count * 2)
  return new Uint16Array(bytes.buffer, bytes.byteOffset, count)
}

function int32(binding: Binding, vector: Vector, count: number): Int32Array {
  const bytes = bytesOf(binding, vector, count * 4)
  return new Int32Array(bytes.buffer, bytes.byteOffset, count)
}

function uint32(binding: Binding, vector: Vector, count: number): Uint32Array {
  const bytes = bytesOf(binding, vector, count * 4)
  return new Uint32Array(bytes.buffer, bytes.byteOffset, count)
}

function int64(binding: Binding, vector: Vector, count: number): BigInt64Array {
  const bytes = bytesOf(binding, vector, count * 8)
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
  binding: Binding,
  vector: Vector,
  count: number,
  validity: Validity,
  perSecond: number,
  suffix: string,
): SqlValue[] {
  const wide = new WideIntegers(bytesOf(binding, vector, count * 8))
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
  const entries = new WideIntegers(bytesOf(binding, vector, count * 16))
  const items = decodeChild(binding.list_vector_get_child(vector), binding.list_vector_get_size(vector))
  return each(count, validity, (row) => {
    const offset = Number(entries.at(row * 2))
    return items.slice(offset, offset + Number(entries.at(row * 2 + 1)))
  })
}
