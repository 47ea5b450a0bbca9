import type { Binding, Vector } from '../binding.ts'
import { isValid, readValidity, type Validity } from '../validity.ts'
import { type ArrowColumn, type ColumnChunk, eachRun, Rows } from './column.ts'
import type { LayoutBuilder } from './layout.ts'
import { checkedSize } from './string-column.ts'

/** LIST, and MAP as Arrow has it: a list of entries. */
export class ListColumn implements ArrowColumn {
  readonly #binding: Binding
  readonly #items: ArrowColumn
  readonly #rows = new Rows()
  /** Items of each row that was gathered. */
  #lengths: number[] = []
  #itemCount = 0
  #offsetsAt = 0

  constructor(binding: Binding, items: ArrowColumn) {
    this.#binding = binding
    this.#items = items
  }

  read(vector: Vector, count: number): ColumnChunk {
    const validity = readValidity(this.#binding, vector, count)
    const data = this.#binding.vector_get_data(vector, count * 16)
    // Pairs of offset and length, 64 bits each; both are far below 2^32 in a chunk.
    const words = new Uint32Array(data.buffer, data.byteOffset, count * 4)
    const itemCount = this.#binding.list_vector_get_size(vector)
    const items = this.#items.read(this.#binding.list_vector_get_child(vector), itemCount)
    return {
      measure: (from, rows) => {
        let bytes = rows * 4
        eachStretch(words, validity, from, rows, (first, length) => (bytes += items.measure(first, length)))
        return bytes
      },
      add: (from, rows) => {
        this.#rows.add(validity, from, rows)
        for (let row = from; row < from + rows; row++) {
          const length = isValid(validity, row) ? (words[row * 4 + 2] ?? 0) : 0
          this.#lengths.push(length)
          this.#itemCount = checkedSize(this.#itemCount + length)
        }
        eachStretch(words, validity, from, rows, (first, length) => items.add(first, length))
      },
    }
  }

  addNulls(count: number): void {
    this.#rows.addNulls(count)
    for (let row = 0; row < count; row++) this.#lengths.push(0)
  }

  place(layout: LayoutBuilder): void {
    this.#rows.place(layout)
    this.#offsetsAt = layout.buffer((this.#lengths.length + 1) * 4)
    this.#items.place(layout)
  }

  write(body: Uint8Array<ArrayBuffer>): void {
    const offsets = new Int32Array(body.buffer, body.byteOffset + this.#offsetsAt, this.#lengths.length + 1)
    let end = 0
    offsets[0] = 0
    for (let row = 0; row < this.#lengths.length; row++) {
      end += this.#lengths[row] ?? 0
      offsets[row + 1] = end
    }
    this.#lengths = []
    this.#itemCount = 0
    this.#rows.write(body)
    this.#items.write(body)
  }
}

/** Stretches of the child vector that rows name, those that lie back to back as one. */
function eachStretch(
  words: Uint32Array,
  validity: Validity,
  from: number,
  count: number,
  see: (first: number, length: number) => void,
): void {
  let first = 0
  let length = 0
  for (let row = from; row < from + count; row++) {
    if (!isValid(validity, row)) continue
    const rowLength = words[row * 4 + 2] ?? 0
    if (rowLength === 0) continue
    const offset = words[row * 4] ?? 0
    if (offset === first + length && length > 0) {
      length += rowLength
      continue
    }
    if (length > 0) see(first, length)
    first = offset
    length = rowLength
  }
  if (length > 0) see(first, length)
}

/** STRUCT, the entries of a MAP (whose keys and values are a struct without nulls of its own), and ARRAY: `perRow` items of one child. */
export class ChildrenColumn implements ArrowColumn {
  readonly #binding: Binding
  readonly #children: readonly ArrowColumn[]
  readonly #childOf: (vector: Vector, at: number) => Vector
  readonly #perRow: number
  readonly #rows = new Rows()

  constructor(
    binding: Binding,
    children: readonly ArrowColumn[],
    childOf: (vector: Vector, at: number) => Vector,
    perRow = 1,
  ) {
    this.#binding = binding
    this.#children = children
    this.#childOf = childOf
    this.#perRow = perRow
  }

  read(vector: Vector, count: number): ColumnChunk {
    const validity = readValidity(this.#binding, vector, count)
    const perRow = this.#perRow
    const parts = this.#children.map((child, at) => child.read(this.#childOf(vector, at), count * perRow))
    return {
      measure: (from, rows) => parts.reduce((sum, part) => sum + part.measure(from * perRow, rows * perRow), rows / 8),
      add: (from, rows) => {
        this.#rows.add(validity, from, rows)
        eachRun(validity, from, rows, (isPresent, first, length) => {
          if (isPresent) for (const part of parts) part.add(first * perRow, length * perRow)
          else for (const child of this.#children) child.addNulls(length * perRow)
        })
      },
    }
  }

  addNulls(count: number): void {
    this.#rows.addNulls(count)
    for (const child of this.#children) child.addNulls(count * this.#perRow)
  }

  place(layout: LayoutBuilder): void {
    this.#rows.place(layout)
    for (const child of this.#children) child.place(layout)
  }

  write(body: Uint8Array<ArrayBuffer>): void {
    this.#rows.write(body)
    for (const child of this.#children) child.write(body)
  }
}

/**
 * UNION as a sparse union: DuckDB has a tag and, in every row, a value of each member, of which all but one are null.
 * A union in Arrow has no mask of its own: a row that is null is its first member, null.
 */
export class UnionColumn implements ArrowColumn {
  readonly #binding: Binding
  readonly #members: readonly ArrowColumn[]
  #tags: number[] = []
  #tagsAt = 0

  constructor(binding: Binding, members: readonly ArrowColumn[]) {
    this.#binding = binding
    this.#members = members
  }

  read(vector: Vector, count: number): ColumnChunk {
    const validity = readValidity(this.#binding, vector, count)
    const tags = this.#binding.vector_get_data(this.#binding.struct_vector_get_child(vector, 0), count)
    const parts = this.#members.map((member, at) =>
      member.read(this.#binding.struct_vector_get_child(vector, at + 1), count),
    )
    return {
      measure: (from, rows) => parts.reduce((sum, part) => sum + part.measure(from, rows), rows),
      add: (from, rows) => {
        for (let row = from; row < from + rows; row++) this.#tags.push(isValid(validity, row) ? (tags[row] ?? 0) : 0)
        eachRun(validity, from, rows, (isPresent, first, length) => {
          if (isPresent) for (const part of parts) part.add(first, length)
          else for (const member of this.#members) member.addNulls(length)
        })
      },
    }
  }

  addNulls(count: number): void {
    for (let row = 0; row < count; row++) this.#tags.push(0)
    for (const member of this.#members) member.addNulls(count)
  }

  place(layout: LayoutBuilder): void {
    layout.node(this.#tags.length, 0)
    this.#tagsAt = layout.buffer(this.#tags.length)
    for (const member of this.#members) member.place(layout)
  }

  write(body: Uint8Array<ArrayBuffer>): void {
    body.set(this.#tags, this.#tagsAt)
    this.#tags = []
    for (const member of this.#members) member.write(body)
  }
}
