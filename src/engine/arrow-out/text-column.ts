import type { Vector } from '../binding.ts'
import { type ArrowColumn, type ColumnChunk, Rows } from './column.ts'
import type { LayoutBuilder } from './layout.ts'
import { checkedSize } from './string-column.ts'

/** Types that are text in Arrow and something else in DuckDB: UUID, INTERVAL, ENUM, BIT, BIGNUM, TIME WITH TIME ZONE. */
export class TextColumn implements ArrowColumn {
  readonly #decode: (vector: Vector, count: number) => readonly (string | null)[]
  readonly #rows = new Rows()
  #texts: string[] = []
  #lengths: number[] = []
  #dataBytes = 0
  #offsetsAt = 0
  #dataAt = 0

  constructor(decode: (vector: Vector, count: number) => readonly (string | null)[]) {
    this.#decode = decode
  }

  read(vector: Vector, count: number): ColumnChunk {
    const texts = this.#decode(vector, count)
    return {
      measure: (from, rows) => {
        let bytes = rows * 4
        for (let row = from; row < from + rows; row++) bytes += texts[row]?.length ?? 0
        return bytes
      },
      add: (from, rows) => this.addTexts(texts.slice(from, from + rows)),
    }
  }

  addTexts(texts: readonly (string | null)[]): void {
    for (const text of texts) {
      if (text === null) {
        this.addNulls(1)
        continue
      }
      const length = Buffer.byteLength(text)
      this.#rows.add(null, 0, 1)
      this.#texts.push(text)
      this.#lengths.push(length)
      this.#dataBytes = checkedSize(this.#dataBytes + length)
    }
  }

  addNulls(count: number): void {
    this.#rows.addNulls(count)
    for (let row = 0; row < count; row++) {
      this.#texts.push('')
      this.#lengths.push(0)
    }
  }

  place(layout: LayoutBuilder): void {
    this.#rows.place(layout)
    this.#offsetsAt = layout.buffer((this.#lengths.length + 1) * 4)
    this.#dataAt = layout.buffer(this.#dataBytes)
  }

  write(body: Uint8Array<ArrayBuffer>): void {
    const offsets = new Int32Array(body.buffer, body.byteOffset + this.#offsetsAt, this.#lengths.length + 1)
    const target = Buffer.from(body.buffer, body.byteOffset + this.#dataAt, this.#dataBytes)
    let end = 0
    offsets[0] = 0
    for (let row = 0; row < this.#texts.length; row++) {
      target.write(this.#texts[row] ?? '', end)
      end += this.#lengths[row] ?? 0
      offsets[row + 1] = end
    }
    this.#texts = []
    this.#lengths = []
    this.#dataBytes = 0
    this.#rows.write(body)
  }
}

/** A column without values: a node and no buffer. */
export class NullColumn implements ArrowColumn {
  #count = 0

  read(): ColumnChunk {
    return { measure: () => 0, add: (_from, count) => this.addNulls(count) }
  }

  addNulls(count: number): void {
    this.#count += count
  }

  place(layout: LayoutBuilder): void {
    layout.node(this.#count, this.#count)
  }

  write(): void {
    this.#count = 0
  }
}
