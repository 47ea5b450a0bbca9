import { isUtf8 } from 'node:buffer'
import { IceboxError } from '../base/index.ts'
import { ARROW, type ArrowData, type RowFilter } from './arrow-data.ts'
import { daysFor, timesFor } from './arrow-times.ts'
import { SAME_WIDTHS } from './arrow-types.ts'
import { type Binding, TYPE, type Vector } from './binding.ts'
import type { EngineType } from './types.ts'

/**
 * Writes the rows of an Arrow column (already cut to at most a vector's length) into an empty vector from row 0. Below a
 * struct that is NULL, `isInParent` says so: Arrow may have a value there, and DuckDB's Parquet writer would write it, in
 * the place of the next row's.
 */
export function writeArrow(
  binding: Binding,
  vector: Vector,
  type: EngineType,
  data: ArrowData,
  isInParent?: RowFilter,
): void {
  const isValid = rowsOf(data, isInParent)
  if (isValid !== undefined) writeValidity(binding, vector, data.length, isValid)
  if (data.typeId === ARROW.NULL) return
  switch (type.kind) {
    case 'plain':
      return writePlain(binding, vector, type.id, data, isValid)
    case 'decimal':
      return writeDecimal(binding, vector, type.storage, data)
    case 'list':
      return writeList(binding, vector, data, isValid, (child, items) =>
        writeArrow(binding, child, type.element, items),
      )
    case 'map':
      return writeList(binding, vector, data, isValid, (child, entries) => {
        const [keys, values] = entries.children
        if (keys === undefined || values === undefined) throw mismatch('a map without entries')
        writeArrow(binding, binding.struct_vector_get_child(child, 0), type.key, keys)
        writeArrow(binding, binding.struct_vector_get_child(child, 1), type.value, values)
      })
    case 'array': {
      const [items] = data.children
      if (items === undefined) throw mismatch('a fixed-size list without items')
      const isInRow = isValid === undefined ? undefined : (item: number) => isValid(Math.floor(item / type.length))
      return writeArrow(binding, binding.array_vector_get_child(vector), type.element, items, isInRow)
    }
    case 'struct':
      return type.fields.forEach((field, at) => {
        const child = data.children[at]
        if (child === undefined) throw mismatch(`a struct without its field ${field.name}`)
        writeArrow(binding, binding.struct_vector_get_child(vector, at), field.type, child, isValid)
      })
    case 'enum':
    case 'union':
      throw mismatch(`Arrow data into ${type.kind.toUpperCase()}`)
  }
}

function writePlain(
  binding: Binding,
  vector: Vector,
  id: number,
  data: ArrowData,
  isValid: RowFilter | undefined,
): void {
  if (id === TYPE.BOOLEAN) return copyBytes(binding, vector, booleans(data))
  if (id === TYPE.VARCHAR || id === TYPE.BLOB) return writeStrings(binding, vector, data, isValid)
  const width = SAME_WIDTHS[id]
  if (width === undefined) throw mismatch(`Arrow type ${data.typeId} into DuckDB's type ${id}`)
  const hasValue = isValid ?? (() => true)
  if (data.typeId === ARROW.DATE && data.type.unit === 1) {
    return copyBytes(binding, vector, bytesOf(daysFor(data, hasValue)))
  }
  if (data.typeId === ARROW.TIME || data.typeId === ARROW.TIMESTAMP) {
    const times = timesFor(id, data, hasValue)
    if (times !== undefined) return copyBytes(binding, vector, bytesOf(times))
  }
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

/** Arrow's 128-bit decimals in the width that DuckDB keeps this precision in; the low bytes are the value. */
function writeDecimal(binding: Binding, vector: Vector, storage: number, data: ArrowData): void {
  if (data.typeId !== ARROW.DECIMAL || data.type.bitWidth !== 128)
    throw mismatch(`Arrow type ${data.typeId} into DECIMAL`)
  const source = bytesOf(data.values)
  const width = storage === TYPE.SMALLINT ? 2 : storage === TYPE.INTEGER ? 4 : storage === TYPE.BIGINT ? 8 : 16
  const target = new Uint8Array(data.length * width)
  for (let row = 0; row < data.length; row++) target.set(source.subarray(row * 16, row * 16 + width), row * width)
  copyBytes(binding, vector, target)
}

function writeStrings(binding: Binding, vector: Vector, data: ArrowData, isValid: RowFilter | undefined): void {
  const { dictionary } = data
  if (dictionary !== undefined) return writeDictionary(binding, vector, data, dictionary, isValid)
  const values = bytesOf(data.values)
  const write = (row: number, from: number, to: number) => {
    if (isValid?.(row) === false) return
    binding.vector_assign_string_element_len(vector, row, values.subarray(from, to))
  }
  if (data.typeId === ARROW.FIXED_SIZE_BINARY) {
    for (let row = 0; row < data.length; row++) write(row, row * data.stride, (row + 1) * data.stride)
    return
  }
  const offsets = offsetsOf(data)
  if (data.typeId === ARROW.UTF8 || data.typeId === ARROW.LARGE_UTF8) checkText(values, offsets, data.length, isValid)
  for (let row = 0; row < data.length; row++) write(row, Number(offsets[row] ?? 0), Number(offsets[row + 1] ?? 0))
}

/** The engine takes any bytes as text. Below a NULL there may be any. Throws `source/encoding`. */
function checkText(values: Uint8Array, offsets: ArrayLike<number | bigint>, rows: number, isValid?: RowFilter): void {
  const isText = isUtf8(values.subarray(Number(offsets[0] ?? 0), Number(offsets[rows] ?? 0)))
  for (let row = 0; row < rows; row++) {
    const [from, to] = [Number(offsets[row] ?? 0), Number(offsets[row + 1] ?? 0)]
    // Of text that was cut within a character the second part begins with a byte that goes on.
    const isCut = from < to && ((values[from] ?? 0) & 0xc0) === 0x80
    if (!isCut && isText) continue
    const text = values.subarray(from, to)
    if ((isCut || !isUtf8(text)) && isValid?.(row) !== false) throw noText(text)
  }
}

function noText(bytes: Uint8Array): IceboxError {
  const hex = Buffer.from(bytes.subarray(0, 20)).toString('hex')
  return new IceboxError('source/encoding', {
    message: `a text is not UTF-8: its bytes are ${hex}${bytes.byteLength > 20 ? '…' : ''}`,
    remedy: 'write the column as UTF-8, or as bytes (binary)',
    context: { bytes: hex },
  })
}

function writeDictionary(
  binding: Binding,
  vector: Vector,
  data: ArrowData,
  dictionary: NonNullable<ArrowData['dictionary']>,
  isValid: RowFilter | undefined,
): void {
  const codes = codesOf(data.values)
  const nulls = new Set<number>()
  for (let row = 0; row < data.length; row++) {
    if (isValid?.(row) === false) continue
    const value = dictionary.get(Number(codes[row] ?? 0))
    if (value === null || value === undefined) nulls.add(row)
    else if (typeof value === 'string') {
      // What apache-arrow makes of other bytes.
      const other = value.includes('\ufffd')
        ? dictionary.data.find(({ values }) => !isUtf8(bytesOf(values)))
        : undefined
      if (other !== undefined) throw noText(bytesOf(other.values))
      binding.vector_assign_string_element(vector, row, value)
    } else if (value instanceof Uint8Array) binding.vector_assign_string_element_len(vector, row, value)
    else throw mismatch('a dictionary of values that are not text or bytes')
  }
  // A dictionary may have NULL among its values.
  if (nulls.size > 0) writeValidity(binding, vector, data.length, (row) => isValid?.(row) !== false && !nulls.has(row))
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
  isValid: RowFilter | undefined,
  writeItems: (child: Vector, items: ArrowData) => void,
): void {
  const [items] = data.children
  if (items === undefined) throw mismatch(`Arrow type ${data.typeId} into a list`)
  const offsets = offsetsOf(data)
  const first = Number(offsets[0] ?? 0)
  const count = Number(offsets[data.length] ?? 0) - first
  const entries = new BigUint64Array(data.length * 2)
  for (let row = 0; row < data.length; row++) {
    const from = Number(offsets[row] ?? 0)
    entries[row * 2] = BigInt(from - first)
    // A list that is NULL may have items in Arrow; nobody is to read them.
    entries[row * 2 + 1] = isValid?.(row) === false ? 0n : BigInt(Number(offsets[row + 1] ?? 0) - from)
  }
  binding.list_vector_reserve(vector, count)
  binding.list_vector_set_size(vector, count)
  copyBytes(binding, vector, bytesOf(entries))
  if (count > 0) writeItems(binding.list_vector_get_child(vector), items.slice(first, count))
}

function offsetsOf(data: ArrowData): Int32Array | BigInt64Array {
  const { valueOffsets, type } = data
  if (data.typeId === ARROW.FIXED_SIZE_LIST) {
    return Int32Array.from({ length: data.length + 1 }, (_, row) => row * (type.listSize ?? 0))
  }
  if (valueOffsets instanceof Int32Array || valueOffsets instanceof BigInt64Array) return valueOffsets
  throw mismatch(`Arrow type ${data.typeId} has no offsets`)
}

/** Undefined where every row has a value. */
function rowsOf(data: ArrowData, isInParent: RowFilter | undefined): RowFilter | undefined {
  if (data.typeId === ARROW.NULL) return () => false
  if (data.nullCount === 0) return isInParent
  const bits = nullBitmap(data)
  const isHere: RowFilter = (row) => bitAt(bits, data.offset + row) === 1
  return isInParent === undefined ? isHere : (row) => isInParent(row) && isHere(row)
}

/** A bit a row, in Arrow's and DuckDB's order, in words of 64. */
function writeValidity(binding: Binding, vector: Vector, rows: number, isValid: RowFilter): void {
  if (rows === 0) return
  const bits = new Uint8Array(Math.ceil(rows / 64) * 8)
  for (let row = 0; row < rows; row++) if (isValid(row)) bits[row >> 3] = (bits[row >> 3] ?? 0) | (1 << (row & 7))
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
