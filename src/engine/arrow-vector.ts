import { IceboxError } from '../base/index.ts'
import { type Binding, TYPE, type Vector } from './binding.ts'
import type { EngineType } from './types.ts'

/**
 * What is read of an apache-arrow `Data`: the buffers of one column of a record batch. Named here, so that the engine
 * does not load apache-arrow: whoever has batches has loaded it.
 */
export interface ArrowData {
  readonly type: ArrowType
  readonly typeId: number
  readonly length: number
  /** Of bits in `nullBitmap`, and in `values` of booleans; the other buffers begin at the first row. */
  readonly offset: number
  readonly nullCount: number
  readonly stride: number
  readonly values: unknown
  readonly valueOffsets: unknown
  readonly nullBitmap: unknown
  readonly children: readonly ArrowData[]
  readonly dictionary?: { readonly data: readonly ArrowData[]; get(index: number): unknown } | undefined
  slice(offset: number, length: number): ArrowData
}

export interface ArrowType {
  readonly typeId: number
  readonly bitWidth?: number
  readonly isSigned?: boolean
  readonly precision?: number
  readonly scale?: number
  readonly unit?: number
  readonly listSize?: number
  readonly byteWidth?: number
  readonly timezone?: string | null
  readonly dictionary?: ArrowType
  readonly children?: readonly { readonly name: string; readonly type: ArrowType }[] | null
}

/** `Type` of apache-arrow. */
export const ARROW = {
  NULL: 1,
  INT: 2,
  FLOAT: 3,
  BINARY: 4,
  UTF8: 5,
  BOOL: 6,
  DECIMAL: 7,
  DATE: 8,
  TIME: 9,
  TIMESTAMP: 10,
  LIST: 12,
  STRUCT: 13,
  FIXED_SIZE_BINARY: 15,
  FIXED_SIZE_LIST: 16,
  MAP: 17,
  LARGE_BINARY: 19,
  LARGE_UTF8: 20,
} as const

/** Bytes of a value of DuckDB's types that Arrow stores the same way. */
const WIDTHS: Readonly<Record<number, number>> = {
  [TYPE.TINYINT]: 1,
  [TYPE.UTINYINT]: 1,
  [TYPE.SMALLINT]: 2,
  [TYPE.USMALLINT]: 2,
  [TYPE.INTEGER]: 4,
  [TYPE.UINTEGER]: 4,
  [TYPE.FLOAT]: 4,
  [TYPE.DATE]: 4,
  [TYPE.BIGINT]: 8,
  [TYPE.UBIGINT]: 8,
  [TYPE.DOUBLE]: 8,
  [TYPE.TIMESTAMP]: 8,
  [TYPE.TIMESTAMP_S]: 8,
  [TYPE.TIMESTAMP_MS]: 8,
  [TYPE.TIMESTAMP_NS]: 8,
  [TYPE.TIMESTAMP_TZ]: 8,
  [TYPE.TIME]: 8,
  [TYPE.TIME_NS]: 8,
}

/** Writes the rows of an Arrow column (already cut to at most a vector's length) into an empty vector from row 0. */
export function writeArrow(binding: Binding, vector: Vector, type: EngineType, data: ArrowData): void {
  writeValidity(binding, vector, data)
  switch (type.kind) {
    case 'plain':
      return writePlain(binding, vector, type.id, data)
    case 'decimal':
      return writeDecimal(binding, vector, type.storage, data)
    case 'list':
      return writeList(binding, vector, data, (child, items) => writeArrow(binding, child, type.element, items))
    case 'map':
      return writeList(binding, vector, data, (child, entries) => {
        const [keys, values] = entries.children
        if (keys === undefined || values === undefined) throw mismatch('a map without entries')
        writeArrow(binding, binding.struct_vector_get_child(child, 0), type.key, keys)
        writeArrow(binding, binding.struct_vector_get_child(child, 1), type.value, values)
      })
    case 'array': {
      const [items] = data.children
      if (items === undefined) throw mismatch('a fixed-size list without items')
      return writeArrow(binding, binding.array_vector_get_child(vector), type.element, items)
    }
    case 'struct':
      return type.fields.forEach((field, at) => {
        const child = data.children[at]
        if (child === undefined) throw mismatch(`a struct without its field ${field.name}`)
        writeArrow(binding, binding.struct_vector_get_child(vector, at), field.type, child)
      })
    case 'enum':
    case 'union':
      throw mismatch(`Arrow data into ${type.kind.toUpperCase()}`)
  }
}

function writePlain(binding: Binding, vector: Vector, id: number, data: ArrowData): void {
  if (data.typeId === ARROW.NULL) return
  if (id === TYPE.BOOLEAN) return copyBytes(binding, vector, booleans(data))
  if (id === TYPE.VARCHAR || id === TYPE.BLOB) return writeStrings(binding, vector, data)
  const width = WIDTHS[id]
  if (width === undefined) throw mismatch(`Arrow type ${data.typeId} into DuckDB's type ${id}`)
  if (data.typeId === ARROW.DATE && data.type.unit === 1) return copyBytes(binding, vector, daysOfMilliseconds(data))
  if (data.typeId === ARROW.TIME && width === 8) return copyBytes(binding, vector, timesOfDay(data, id))
  const bytes = bytesOf(data.values)
  if (bytes.byteLength < data.length * width) {
    throw mismatch(`Arrow type ${data.typeId} of ${bytes.byteLength / Math.max(1, data.length)} bytes into ${width}`)
  }
  copyBytes(binding, vector, bytes.subarray(0, data.length * width))
}

/** One byte a value from one bit a value. */
function booleans(data: ArrowData): Uint8Array {
  const bits = bytesOf(data.values)
  return Uint8Array.from({ length: data.length }, (_, row) => bitAt(bits, data.offset + row))
}

const MS_PER_DAY = 86_400_000

/** Arrow's Date64 counts milliseconds of whole days. */
function daysOfMilliseconds(data: ArrowData): Uint8Array {
  const bytes = bytesOf(data.values)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return bytesOf(
    Int32Array.from({ length: data.length }, (_, row) =>
      Math.floor(Number(view.getBigInt64(row * 8, true)) / MS_PER_DAY),
    ),
  )
}

/** Units of Arrow's times in nanoseconds: seconds, milliseconds, microseconds, nanoseconds. */
const NANOS_PER_UNIT = [1_000_000_000n, 1_000_000n, 1_000n, 1n] as const

/** Times of day in Arrow's 32 bits (s, ms) or 64 bits (us, ns) as DuckDB's microseconds or nanoseconds. */
function timesOfDay(data: ArrowData, id: number): Uint8Array {
  const bytes = bytesOf(data.values)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isNarrow = data.type.bitWidth === 32
  const nanosPerUnit = NANOS_PER_UNIT[data.type.unit ?? 2] ?? 1_000n
  const nanosPerStep = id === TYPE.TIME_NS ? 1n : 1_000n
  return bytesOf(
    BigInt64Array.from({ length: data.length }, (_, row) => {
      const value = isNarrow ? BigInt(view.getInt32(row * 4, true)) : view.getBigInt64(row * 8, true)
      return (value * nanosPerUnit) / nanosPerStep
    }),
  )
}

/** Arrow's 128-bit decimals in the width that DuckDB keeps this precision in; the low bytes are the value. */
function writeDecimal(binding: Binding, vector: Vector, storage: number, data: ArrowData): void {
  if (data.typeId === ARROW.NULL) return
  if (data.typeId !== ARROW.DECIMAL || data.type.bitWidth !== 128)
    throw mismatch(`Arrow type ${data.typeId} into DECIMAL`)
  const source = bytesOf(data.values)
  const width = storage === TYPE.SMALLINT ? 2 : storage === TYPE.INTEGER ? 4 : storage === TYPE.BIGINT ? 8 : 16
  const target = new Uint8Array(data.length * width)
  for (let row = 0; row < data.length; row++) target.set(source.subarray(row * 16, row * 16 + width), row * width)
  copyBytes(binding, vector, target)
}

function writeStrings(binding: Binding, vector: Vector, data: ArrowData): void {
  const { dictionary } = data
  if (dictionary !== undefined) return writeDictionary(binding, vector, data, dictionary)
  const values = bytesOf(data.values)
  const bits = data.nullCount === 0 ? undefined : nullBitmap(data)
  const write = (row: number, from: number, to: number) => {
    if (bits !== undefined && bitAt(bits, data.offset + row) === 0) return
    binding.vector_assign_string_element_len(vector, row, values.subarray(from, to))
  }
  if (data.typeId === ARROW.FIXED_SIZE_BINARY) {
    for (let row = 0; row < data.length; row++) write(row, row * data.stride, (row + 1) * data.stride)
    return
  }
  const offsets = offsetsOf(data)
  for (let row = 0; row < data.length; row++) write(row, Number(offsets[row] ?? 0), Number(offsets[row + 1] ?? 0))
}

function writeDictionary(
  binding: Binding,
  vector: Vector,
  data: ArrowData,
  dictionary: { get(index: number): unknown },
): void {
  const codes = codesOf(data.values)
  const bits = data.nullCount === 0 ? undefined : nullBitmap(data)
  for (let row = 0; row < data.length; row++) {
    if (bits !== undefined && bitAt(bits, data.offset + row) === 0) continue
    const value = dictionary.get(Number(codes[row] ?? 0))
    if (typeof value === 'string') binding.vector_assign_string_element(vector, row, value)
    else if (value instanceof Uint8Array) binding.vector_assign_string_element_len(vector, row, value)
    else throw mismatch('a dictionary of values that are not text or bytes')
  }
}

/** A dictionary's codes: Arrow allows every integer type. */
function codesOf(values: unknown): ArrayLike<number | bigint> {
  if (values instanceof Int32Array || values instanceof Int16Array || values instanceof Int8Array) return values
  if (values instanceof Uint32Array || values instanceof Uint16Array || values instanceof Uint8Array) return values
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) return values
  throw mismatch('a dictionary without codes')
}

function writeList(
  binding: Binding,
  vector: Vector,
  data: ArrowData,
  writeItems: (child: Vector, items: ArrowData) => void,
): void {
  if (data.typeId === ARROW.NULL) return
  const [items] = data.children
  if (items === undefined) throw mismatch(`Arrow type ${data.typeId} into a list`)
  const offsets = offsetsOf(data)
  const first = Number(offsets[0] ?? 0)
  const count = Number(offsets[data.length] ?? 0) - first
  const entries = new BigUint64Array(data.length * 2)
  for (let row = 0; row < data.length; row++) {
    const from = Number(offsets[row] ?? 0)
    entries[row * 2] = BigInt(from - first)
    entries[row * 2 + 1] = BigInt(Number(offsets[row + 1] ?? 0) - from)
  }
  binding.list_vector_reserve(vector, count)
  binding.list_vector_set_size(vector, count)
  copyBytes(binding, vector, bytesOf(entries))
  if (count > 0) writeItems(binding.list_vector_get_child(vector), items.slice(first, count))
}

function offsetsOf(data: ArrowData): Int32Array | BigInt64Array {
  const { valueOffsets } = data
  if (valueOffsets instanceof Int32Array || valueOffsets instanceof BigInt64Array) return valueOffsets
  throw mismatch(`Arrow type ${data.typeId} has no offsets`)
}

/** Arrow's validity bits have DuckDB's order; only a slice that begins within a byte must be shifted. */
function writeValidity(binding: Binding, vector: Vector, data: ArrowData): void {
  if (data.length === 0 || (data.nullCount === 0 && data.typeId !== ARROW.NULL)) return
  const bits = new Uint8Array(Math.ceil(data.length / 64) * 8)
  if (data.typeId !== ARROW.NULL) {
    const source = nullBitmap(data)
    for (let row = 0; row < data.length; row++) {
      if (bitAt(source, data.offset + row) === 1) bits[row >> 3] = (bits[row >> 3] ?? 0) | (1 << (row & 7))
    }
  }
  binding.vector_ensure_validity_writable(vector)
  binding.copy_data_to_vector_validity(vector, 0, bits.buffer, 0, bits.byteLength)
}

function nullBitmap(data: ArrowData): Uint8Array {
  return bytesOf(data.nullBitmap)
}

function bitAt(bits: Uint8Array, at: number): number {
  return ((bits[at >> 3] ?? 0) >> (at & 7)) & 1
}

function bytesOf(values: unknown): Uint8Array {
  if (ArrayBuffer.isView(values)) return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  throw mismatch('an Arrow column without values')
}

function copyBytes(binding: Binding, vector: Vector, bytes: Uint8Array): void {
  if (bytes.byteLength === 0) return
  const { buffer } = bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice()
  if (!(buffer instanceof ArrayBuffer)) throw mismatch('an Arrow column in shared memory')
  binding.copy_data_to_vector(vector, 0, buffer, bytes.buffer === buffer ? bytes.byteOffset : 0, bytes.byteLength)
}

function mismatch(what: string): IceboxError {
  return new IceboxError('schema/unsupported-type', {
    message: `${what} cannot be appended`,
    remedy: 'write the column with another type (as the table has it), or as Parquet',
  })
}
