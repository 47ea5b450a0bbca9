import { distinctNames, IceboxError, nearestNames, setOwn, shownValue } from '../base/index.ts'
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
    if (this.columns[index] === undefined) throw noColumn(index, this.columns)
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

/** Programs without types give a name, as other libraries take one. */
function noColumn(index: unknown, columns: readonly ResultColumn[]): IceboxError {
  const names = distinctNames(columns)
  const near = typeof index === 'string' ? nearestNames(index, names, 1)[0] : undefined
  const known = names.slice(0, 10).map((name, at) => `${at} ${name}`)
  return new IceboxError('usage/invalid', {
    message: `column() takes the place of a column, from 0, and was given ${shownValue(index)}; there are ${columns.length}`,
    remedy:
      near === undefined
        ? `give one of: ${known.join(', ')}${names.length > known.length ? ', …' : ''}`
        : `did you mean column(${names.indexOf(near)}), which is ${near}?`,
    context: { column: shownValue(index), columns: columns.length },
  })
}
