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
    const sizes = measured(binding, vector, type, count, CONTENT)
    let largestBytes = 0
    for (const bytes of sizes) {
      totalBytes += bytes
      largestBytes = Math.max(largestBytes, bytes)
    }
    rowBytes += largestBytes
    if (type.kind !== 'plain' && largestBytes >= LARGE_LIST_BYTES) {
      rowObjectBytes += measured(binding, vector, type, count, OBJECTS).reduce(
        (most, bytes) => Math.max(most, bytes),
        0,
      )
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

/** How values are measured. */
interface Measure {
  /** Of a list, map, array or struct itself, beside what is in it. */
  readonly ownBytes: number
  /** True for types that are not looked into. */
  isLeaf(type: EngineType): boolean
  leaves(binding: Binding, vector: Vector, type: EngineType, count: number): Float64Array
}

/** Bytes of what is in the values; rows that are null are never looked at. */
const CONTENT: Measure = {
  ownBytes: 0,
  isLeaf: (type) => !mayBeLarge(type) || type.kind === 'plain',
  leaves(binding, vector, type, count) {
    const sizes = new Float64Array(count)
    if (!mayBeLarge(type)) return sizes.fill(FIXED_BYTES)
    if (count === 0) return sizes
    const validity = readValidity(binding, vector, count)
    const words = words32(binding, vector, count)
    for (let row = 0; row < count; row++) if (isValid(validity, row)) sizes[row] = words[row * 4] ?? 0
    return sizes
  },
}

/** What they are as values of JavaScript ({@link ChunkValueSizes.rowObjectBytes}). */
const OBJECTS: Measure = {
  ownBytes: NUMBER_OBJECT_BYTES,
  isLeaf: (type) => !['list', 'map', 'array', 'struct'].includes(type.kind),
  leaves: (_binding, _vector, type, count) =>
    new Float64Array(count).fill(mayBeLarge(type) ? TEXT_OBJECT_BYTES : NUMBER_OBJECT_BYTES),
}

/** Of each of the first `count` values; of one that is null what is in it is never looked at. */
function measured(binding: Binding, vector: Vector, type: EngineType, count: number, by: Measure): Float64Array {
  if (by.isLeaf(type)) return by.leaves(binding, vector, type, count)
  const sizes = new Float64Array(count).fill(by.ownBytes)
  if (count === 0) return sizes
  const validity = readValidity(binding, vector, count)
  const add = (row: number, bytes: number): void => {
    if (isValid(validity, row)) sizes[row] = (sizes[row] ?? 0) + bytes
  }
  switch (type.kind) {
    case 'list':
    case 'map': {
      const words = words32(binding, vector, count)
      const child = binding.list_vector_get_child(vector)
      const totals = runningTotals(elementSizes(binding, child, type, binding.list_vector_get_size(vector), by))
      for (let row = 0; row < count; row++) {
        // 64 bits each; both are far below 2^32 in a chunk.
        const offset = words[row * 4] ?? 0
        add(row, (totals[offset + (words[row * 4 + 2] ?? 0)] ?? 0) - (totals[offset] ?? 0))
      }
      return sizes
    }
    case 'array': {
      const child = binding.array_vector_get_child(vector)
      const totals = runningTotals(measured(binding, child, type.element, count * type.length, by))
      for (let row = 0; row < count; row++)
        add(row, (totals[(row + 1) * type.length] ?? 0) - (totals[row * type.length] ?? 0))
      return sizes
    }
    case 'struct':
    case 'union': {
      const first = type.kind === 'union' ? 1 : 0
      type.fields.forEach((field, at) => {
        const parts = measured(binding, binding.struct_vector_get_child(vector, first + at), field.type, count, by)
        for (let row = 0; row < count; row++) add(row, parts[row] ?? 0)
      })
      return sizes
    }
    default:
      return by.leaves(binding, vector, type, count)
  }
}

function elementSizes(
  binding: Binding,
  child: Vector,
  type: Extract<EngineType, { kind: 'list' | 'map' }>,
  count: number,
  by: Measure,
): Float64Array {
  if (type.kind === 'list') return measured(binding, child, type.element, count, by)
  const keys = measured(binding, binding.struct_vector_get_child(child, 0), type.key, count, by)
  const values = measured(binding, binding.struct_vector_get_child(child, 1), type.value, count, by)
  return keys.map((size, at) => by.ownBytes + size + (values[at] ?? 0))
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
