import { IceboxError } from '../../base/index.ts'
import type { Binding, Vector } from '../binding.ts'
import { isValid, readValidity, type Validity } from '../validity.ts'
import { setBit } from './bits.ts'
import { type ArrowColumn, type ColumnChunk, Rows } from './column.ts'
import type { LayoutBuilder } from './layout.ts'

/** Rows of a vector; `data` is undefined where all are null because a parent is. */
interface Segment {
  readonly data: Uint8Array | undefined
  readonly validity: Validity
  readonly from: number
  readonly count: number
}

/** How values of fixed width get from a vector into a buffer. */
export interface FixedForm {
  /** Bytes of a value in DuckDB's vector. */
  readonly sourceBytes: number
  /** Bytes that `rows` values take in Arrow's buffer. */
  targetBytes(rows: number): number
  /** Writes `count` values from row `from` of a vector as rows `at` on of the buffer, whose bytes may be anything. */
  write(target: Uint8Array<ArrayBuffer>, at: number, source: Uint8Array, segment: Range): void
}

export interface Range {
  readonly validity: Validity
  readonly from: number
  readonly count: number
}

/** A column of values of fixed width. Under a null lie zeros: DuckDB leaves there what was in memory before. */
export class FixedColumn implements ArrowColumn {
  readonly #binding: Binding
  readonly #form: FixedForm
  readonly #rows = new Rows()
  #segments: Segment[] = []
  #offset = 0
  #bytes = 0

  constructor(binding: Binding, form: FixedForm) {
    this.#binding = binding
    this.#form = form
  }

  read(vector: Vector, count: number): ColumnChunk {
    const validity = readValidity(this.#binding, vector, count)
    const data = this.#binding.vector_get_data(vector, count * this.#form.sourceBytes)
    return {
      measure: (_from, rows) => this.#form.targetBytes(rows),
      add: (from, rows) => {
        this.#rows.add(validity, from, rows)
        this.#segments.push({ data, validity, from, count: rows })
      },
    }
  }

  addNulls(count: number): void {
    this.#rows.addNulls(count)
    this.#segments.push({ data: undefined, validity: null, from: 0, count })
  }

  place(layout: LayoutBuilder): void {
    this.#bytes = this.#form.targetBytes(this.#rows.count)
    this.#rows.place(layout)
    this.#offset = layout.buffer(this.#bytes)
  }

  write(body: Uint8Array<ArrayBuffer>): void {
    const target = body.subarray(this.#offset, this.#offset + this.#bytes)
    let at = 0
    for (const { data, validity, from, count } of this.#segments) {
      if (data === undefined) this.#clear(target, at, count)
      else this.#form.write(target, at, data, { validity, from, count })
      at += count
    }
    this.#segments = []
    this.#rows.write(body)
  }

  #clear(target: Uint8Array<ArrayBuffer>, at: number, count: number): void {
    const zeros = new Uint8Array(count * this.#form.sourceBytes)
    this.#form.write(target, at, zeros, { validity: null, from: 0, count })
  }
}

/** Values that Arrow stores as DuckDB does: integers, floats, dates, times, timestamps. */
export function sameBytes(width: number): FixedForm {
  return {
    sourceBytes: width,
    targetBytes: (rows) => rows * width,
    write(target, at, source, { validity, from, count }) {
      target.set(source.subarray(from * width, (from + count) * width), at * width)
      if (validity === null) return
      for (let row = 0; row < count; row++)
        if (!isValid(validity, from + row)) target.fill(0, (at + row) * width, (at + row + 1) * width)
    },
  }
}

/** DuckDB's byte a value as Arrow's bit. */
export const BOOLEANS: FixedForm = {
  sourceBytes: 1,
  targetBytes: (rows) => Math.ceil(rows / 8),
  write(target, at, source, { validity, from, count }) {
    // The byte that this segment shares with the one before holds bits of that; the rest may be anything.
    target.fill(0, (at + 7) >> 3, (at + count + 7) >> 3)
    for (let row = 0; row < count; row++)
      if (source[from + row] === 1 && isValid(validity, from + row)) setBit(target, at + row)
  },
}

/** Decimals that DuckDB keeps in 2, 4 or 8 bytes as Arrow's 16, sign extended. */
export function widened(width: 2 | 4 | 8): FixedForm {
  return {
    sourceBytes: width,
    targetBytes: (rows) => rows * 16,
    write(target, at, source, { validity, from, count }) {
      const words = new Int32Array(target.buffer, target.byteOffset + at * 16, count * 4)
      const narrow = width === 2 ? new Int16Array(source.buffer, source.byteOffset, source.byteLength / 2) : undefined
      const values = narrow ?? new Int32Array(source.buffer, source.byteOffset, source.byteLength / 4)
      const step = width === 8 ? 2 : 1
      for (let row = 0; row < count; row++) {
        const to = row * 4
        const known = isValid(validity, from + row)
        const low = known ? (values[(from + row) * step] ?? 0) : 0
        const high = width === 8 && known ? (values[(from + row) * 2 + 1] ?? 0) : low >> 31
        words[to] = low
        words[to + 1] = high
        words[to + 2] = high >> 31
        words[to + 3] = high >> 31
      }
    },
  }
}

/** 10^38 is the first integer that Arrow's decimal(38,0) does not hold; its highest 32 bits of 128. */
const LIMIT = 10n ** 38n
const LIMIT_TOP = Number(LIMIT >> 96n)

/** HUGEINT and UHUGEINT as decimal(38,0). Rejects `sql/type` for what has more digits. */
export function hugeIntegers(isSigned: boolean): FixedForm {
  const plain = sameBytes(16)
  return {
    ...plain,
    write(target, at, source, range) {
      plain.write(target, at, source, range)
      const words = new Int32Array(target.buffer, target.byteOffset + at * 16, range.count * 4)
      for (let row = 0; row < range.count; row++) {
        const top = words[row * 4 + 3] ?? 0
        const size = isSigned ? (top < 0 ? ~top : top) : top >>> 0
        if (size < LIMIT_TOP) continue
        const value = hugeAt(words, row, isSigned)
        if (value < LIMIT && value > -LIMIT) continue
        throw new IceboxError('sql/type', {
          message: `${value} does not fit Arrow's decimal(38,0)`,
          remedy: 'cast the column to VARCHAR in the statement',
          context: { value: String(value) },
        })
      }
    },
  }
}

function hugeAt(words: Int32Array, row: number, isSigned: boolean): bigint {
  let value = 0n
  for (let word = 3; word >= 0; word--) value = (value << 32n) | BigInt((words[row * 4 + word] ?? 0) >>> 0)
  return isSigned ? BigInt.asIntN(128, value) : value
}
