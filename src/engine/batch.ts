import { distinctNames, setOwn } from '../base/index.ts'
import type { ColumnarBatch, ResultColumn, SqlValue } from './port.ts'

/** Rows whose columns are decoded when first asked for. */
export class DecodedBatch implements ColumnarBatch {
  readonly columns: readonly ResultColumn[]
  readonly rowCount: number
  readonly #decode: (index: number) => readonly SqlValue[]
  readonly #decoded = new Map<number, readonly SqlValue[]>()

  constructor(columns: readonly ResultColumn[], rowCount: number, decode: (index: number) => readonly SqlValue[]) {
    this.columns = columns
    this.rowCount = rowCount
    this.#decode = decode
  }

  column(index: number): readonly SqlValue[] {
    const known = this.#decoded.get(index)
    if (known !== undefined) return known
    if (this.columns[index] === undefined) throw new RangeError(`column ${index} of ${this.columns.length}`)
    const values = this.#decode(index)
    this.#decoded.set(index, values)
    return values
  }

  toArrays(): SqlValue[][] {
    const columns = this.columns.map((_, index) => this.column(index))
    const rows: SqlValue[][] = []
    for (let row = 0; row < this.rowCount; row++) rows.push(columns.map((values) => values[row] ?? null))
    return rows
  }

  rows(): Record<string, SqlValue>[] {
    const columns = distinctNames(this.columns).map((name, index) => ({ name, values: this.column(index) }))
    const rows: Record<string, SqlValue>[] = []
    for (let at = 0; at < this.rowCount; at++) {
      const row: Record<string, SqlValue> = {}
      for (const { name, values } of columns) setOwn(row, name, values[at] ?? null)
      rows.push(row)
    }
    return rows
  }
}
