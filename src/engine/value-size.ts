import { formatBytes, IceboxError } from '../base/index.ts'
import { type Binding, type DataChunk, TYPE, type Vector } from './binding.ts'
import type { ResultColumn } from './port.ts'
import type { EngineType } from './types.ts'
import { isValid, readValidity } from './validity.ts'

/** What a value of a type without text or lists takes in a vector, more or less. */
const FIXED_BYTES = 8
/** `duckdb_string_t` and a list's pair of offset and length. */
const ENTRY_BYTES = 16

/** What texts, lists and the like of a chunk take. */
export interface ChunkValueSizes {
  readonly totalBytes: number
  /** Of the largest row, or a little more. */
  readonly rowBytes: number
  /** What the values inside lists, maps and structs of such a row take as values of JavaScript, and as text once. */
  readonly rowObjectBytes: number
}

/** A bigint or number in an array, and its text: 115 bytes measured for lists of 2M numbers as JSON. */
const NUMBER_OBJECT_BYTES = 120
/** A short text in an array, quoted and joined: 230 to 370 measured for lists of 700,000 as JSON and CSV. */
const TEXT_OBJECT_BYTES = 300
/** Lists and structs of fewer bytes are not looked into: what is made of them is little. */
const LARGE_LIST_BYTES = 500_000

/**
 * Refuses a chunk with a value larger than `maxBytes` before any of it is copied out of native memory: lengths stand in
 * the vectors. A list, struct or map is as large as what is in it. Rejects `sql/value-too-large` with column and row.
 */
export function checkValueSizes(
  binding: Binding,
  chunk: DataChunk,
  result: { readonly columns: readonly ResultColumn[]; readonly types: readonly EngineType[] },
  rowsBefore: number,
  maxBytes: number,
): ChunkValueSizes {
  const count = binding.data_chunk_get_size(chunk)
  let totalBytes = 0
  let rowBytes = 0
  let rowObjectBytes = 0
  result.types.forEach((type, index) => {
    if (!mayBeLarge(type)) return
    const vector = binding.data_chunk_get_vector(chunk, index)
    if (type.kind === 'plain') {
      const short = shortTexts(binding, vector, count, maxBytes)
      if (short !== undefined) {
        totalBytes += short.totalBytes
        rowBytes += short.rowBytes
        return
      }
    }
    const sizes = valueSizes(binding, vector, type, count)
    let largestBytes = 0
    for (const bytes of sizes) {
      totalBytes += bytes
      largestBytes = Math.max(largestBytes, bytes)
    }
    rowBytes += largestBytes
    if (type.kind !== 'plain' && largestBytes >= LARGE_LIST_BYTES) {
      rowObjectBytes += objectSizes(binding, vector, type, count).reduce((most, bytes) => Math.max(most, bytes), 0)
    }
    const row = sizes.findIndex((size) => size > maxBytes)
    if (row === -1) return
    const column = result.columns[index]?.name ?? String(index + 1)
    const sizeBytes = sizes[row] ?? 0
    throw new IceboxError('sql/value-too-large', {
      message: `a value of ${formatBytes(sizeBytes)} in column '${column}', row ${rowsBefore + row + 1} of the result, is larger than query.max_value_size (${formatBytes(maxBytes)})`,
      remedy: `select a part of it, such as substring(…, 1, 1000) or length(…), or raise query.max_value_size`,
      context: { column, row: rowsBefore + row + 1, sizeBytes, maxBytes },
    })
  })
  return { totalBytes, rowBytes, rowObjectBytes }
}

/** More texts than this in one column of a chunk are counted exactly. */
const MANY_BYTES = 1_000_000

/** Lengths together, where they are few: those of nulls are among them, which say nothing. Most chunks end here. */
function shortTexts(
  binding: Binding,
  vector: Vector,
  count: number,
  maxBytes: number,
): Pick<ChunkValueSizes, 'totalBytes' | 'rowBytes'> | undefined {
  const words = words32(binding, vector, count)
  let totalBytes = 0
  let rowBytes = 0
  for (let at = 0; at < words.length; at += 4) {
    const bytes = words[at] ?? 0
    totalBytes += bytes
    if (bytes > rowBytes) rowBytes = bytes
  }
  return totalBytes > Math.min(MANY_BYTES, maxBytes) ? undefined : { totalBytes, rowBytes }
}

/** False for types whose values are of a few bytes always. */
function mayBeLarge(type: EngineType): boolean {
  switch (type.kind) {
    case 'plain':
      return hasLength(type.id)
    case 'list':
    case 'map':
    case 'array':
      return true
    case 'struct':
    case 'union':
      return type.fields.some((field) => mayBeLarge(field.type))
    default:
      return false
  }
}

function hasLength(id: number): boolean {
  return id === TYPE.VARCHAR || id === TYPE.BLOB || id === TYPE.BIT || id === TYPE.BIGNUM || id === TYPE.GEOMETRY
}

/** Of each of the first `count` values, what it is as a value of JavaScript ({@link ChunkValueSizes.rowObjectBytes}). */
function objectSizes(binding: Binding, vector: Vector, type: EngineType, count: number): Float64Array {
  const sizes = new Float64Array(count)
  switch (type.kind) {
    case 'list':
    case 'map': {
      const words = words32(binding, vector, count)
      const child = binding.list_vector_get_child(vector)
      const elements = binding.list_vector_get_size(vector)
      const fields = type.kind === 'list' ? undefined : [type.key, type.value]
      const each =
        fields === undefined && type.kind === 'list'
          ? objectSizes(binding, child, type.element, elements)
          : structSizes(binding, child, fields ?? [], elements)
      const totals = runningTotals(each)
      for (let row = 0; row < count; row++) {
        const offset = words[row * 4] ?? 0
        const length = words[row * 4 + 2] ?? 0
        sizes[row] = NUMBER_OBJECT_BYTES + (totals[offset + length] ?? 0) - (totals[offset] ?? 0)
      }
      return sizes
    }
    case 'array': {
      const totals = runningTotals(
        objectSizes(binding, binding.array_vector_get_child(vector), type.element, count * type.length),
      )
      for (let row = 0; row < count; row++)
        sizes[row] = NUMBER_OBJECT_BYTES + (totals[(row + 1) * type.length] ?? 0) - (totals[row * type.length] ?? 0)
      return sizes
    }
    case 'struct':
      return structSizes(
        binding,
        vector,
        type.fields.map((field) => field.type),
        count,
      )
    case 'union':
      return sizes.fill(TEXT_OBJECT_BYTES)
    default:
      return sizes.fill(mayBeLarge(type) ? TEXT_OBJECT_BYTES : NUMBER_OBJECT_BYTES)
  }
}

function structSizes(binding: Binding, vector: Vector, types: readonly EngineType[], count: number): Float64Array {
  const sizes = new Float64Array(count).fill(NUMBER_OBJECT_BYTES)
  types.forEach((type, at) => {
    const parts = objectSizes(binding, binding.struct_vector_get_child(vector, at), type, count)
    for (let row = 0; row < count; row++) sizes[row] = (sizes[row] ?? 0) + (parts[row] ?? 0)
  })
  return sizes
}

/** Bytes of each of the first `count` values. Rows that are null are never looked at. */
function valueSizes(binding: Binding, vector: Vector, type: EngineType, count: number): Float64Array {
  const sizes = new Float64Array(count)
  if (count === 0) return sizes
  if (!mayBeLarge(type)) return sizes.fill(FIXED_BYTES)
  const validity = readValidity(binding, vector, count)
  switch (type.kind) {
    case 'list':
    case 'map': {
      const words = words32(binding, vector, count)
      const child = binding.list_vector_get_child(vector)
      const totals = runningTotals(elementSizes(binding, child, type, binding.list_vector_get_size(vector)))
      for (let row = 0; row < count; row++) {
        if (!isValid(validity, row)) continue
        // 64 bits each; both are far below 2^32 in a chunk.
        const offset = words[row * 4] ?? 0
        sizes[row] = (totals[offset + (words[row * 4 + 2] ?? 0)] ?? 0) - (totals[offset] ?? 0)
      }
      return sizes
    }
    case 'array': {
      const child = binding.array_vector_get_child(vector)
      const totals = runningTotals(valueSizes(binding, child, type.element, count * type.length))
      for (let row = 0; row < count; row++) {
        if (isValid(validity, row))
          sizes[row] = (totals[(row + 1) * type.length] ?? 0) - (totals[row * type.length] ?? 0)
      }
      return sizes
    }
    case 'struct':
    case 'union': {
      const first = type.kind === 'union' ? 1 : 0
      type.fields.forEach((field, at) => {
        const parts = valueSizes(binding, binding.struct_vector_get_child(vector, first + at), field.type, count)
        for (let row = 0; row < count; row++)
          if (isValid(validity, row)) sizes[row] = (sizes[row] ?? 0) + (parts[row] ?? 0)
      })
      return sizes
    }
    default: {
      const words = words32(binding, vector, count)
      for (let row = 0; row < count; row++) if (isValid(validity, row)) sizes[row] = words[row * 4] ?? 0
      return sizes
    }
  }
}

function elementSizes(
  binding: Binding,
  child: Vector,
  type: Extract<EngineType, { kind: 'list' | 'map' }>,
  count: number,
): Float64Array {
  if (type.kind === 'list') return valueSizes(binding, child, type.element, count)
  const keys = valueSizes(binding, binding.struct_vector_get_child(child, 0), type.key, count)
  const values = valueSizes(binding, binding.struct_vector_get_child(child, 1), type.value, count)
  return keys.map((size, at) => size + (values[at] ?? 0))
}

/** `totals[n]`: the sum of the first n. */
function runningTotals(sizes: Float64Array): Float64Array {
  const totals = new Float64Array(sizes.length + 1)
  for (let at = 0; at < sizes.length; at++) totals[at + 1] = (totals[at] ?? 0) + (sizes[at] ?? 0)
  return totals
}

function words32(binding: Binding, vector: Vector, count: number): Uint32Array {
  const data = binding.vector_get_data(vector, count * ENTRY_BYTES)
  return new Uint32Array(data.buffer, data.byteOffset, count * 4)
}
