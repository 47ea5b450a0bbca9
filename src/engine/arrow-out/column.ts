import type { Vector } from '../binding.ts'
import type { Validity } from '../validity.ts'
import { bitAt, countZeros, type ValidityRange, writeValidity } from './bits.ts'
import type { LayoutBuilder } from './layout.ts'

/** One column of a chunk as it lies in native memory. Rows that are null are never looked at. */
export interface ColumnChunk {
  /** Bytes that these rows take in a body, more or less. */
  measure(from: number, count: number): number
  /** Takes these rows into the batch that is gathered; the chunk must live until it is written. */
  add(from: number, count: number): void
}

/**
 * A column of record batches: gathers rows of chunks, then takes its place in a body, then is written there once. A
 * column with children has one of these for each.
 */
export interface ArrowColumn {
  read(vector: Vector, count: number): ColumnChunk
  /** Rows without a value, where a parent has none. */
  addNulls(count: number): void
  place(layout: LayoutBuilder): void
  /** Writes what was gathered, and forgets it. */
  write(body: Uint8Array<ArrayBuffer>): void
}

/** Rows and nulls of a column, and the mask that says which. */
export class Rows {
  #ranges: ValidityRange[] = []
  #count = 0
  #nulls = 0
  #offset = 0
  #bytes = 0

  get count(): number {
    return this.#count
  }

  add(validity: Validity, from: number, count: number): void {
    this.#count += count
    if (validity !== null) this.#nulls += countZeros(validity, from, count)
    this.#ranges.push({ bits: validity, from, count })
  }

  addNulls(count: number): void {
    this.#count += count
    this.#nulls += count
    this.#ranges.push({ bits: 'none', from: 0, count })
  }

  /** The node, and the mask: of no bytes where no row is null. */
  place(layout: LayoutBuilder): void {
    layout.node(this.#count, this.#nulls)
    this.#bytes = this.#nulls === 0 ? 0 : Math.ceil(this.#count / 8)
    this.#offset = layout.buffer(this.#bytes)
  }

  write(body: Uint8Array): void {
    if (this.#bytes > 0) writeValidity(body.subarray(this.#offset, this.#offset + this.#bytes), this.#ranges)
    this.reset()
  }

  reset(): void {
    this.#ranges = []
    this.#count = 0
    this.#nulls = 0
  }
}

/** Runs of rows that are valid, or not, in turn: `see(isValid, from, count)`. */
export function eachRun(
  validity: Validity,
  from: number,
  count: number,
  see: (isValid: boolean, from: number, count: number) => void,
): void {
  if (validity === null) {
    if (count > 0) see(true, from, count)
    return
  }
  const end = from + count
  for (let start = from; start < end; ) {
    const bit = bitAt(validity, start)
    let next = start + 1
    while (next < end && bitAt(validity, next) === bit) next++
    see(bit === 1, start, next - start)
    start = next
  }
}
