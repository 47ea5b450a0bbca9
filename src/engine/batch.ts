import type { Binding, DataChunk } from './binding.ts'
import { decodeVector } from './decode.ts'
import type { ColumnarBatch, ResultColumn, SqlValue } from './port.ts'
import type { EngineType } from './types.ts'

/** A chunk of DuckDB's result whose columns are decoded when first asked for. */
export class ChunkBatch implements ColumnarBatch {
  readonly columns: readonly ResultColumn[]
  readonly rowCount: number
  readonly #binding: Binding
  readonly #types: readonly EngineType[]
  readonly #chunk: DataChunk
  readonly #decoded = new Map<number, readonly SqlValue[]>()

  constructor(binding: Binding, chunk: DataChunk, columns: readonly ResultColumn[], types: readonly EngineType[]) {
    this.#binding = binding
    this.#chunk = chunk
    this.#types = types
    this.columns = columns
    this.rowCount = binding.data_chunk_get_size(chunk)
  }

  column(index: number): readonly SqlValue[] {
    const known = this.#decoded.get(index)
    if (known !== undefined) return known
    const type = this.#types[index]
    if (type === undefined) throw new RangeError(`column ${index} of ${this.columns.length}`)
    const vector = this.#binding.data_chunk_get_vector(this.#chunk, index)
    const values = decodeVector(this.#binding, vector, type, this.rowCount)
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
    const columns = this.columns.map((column, index) => ({ name: column.name, values: this.column(index) }))
    const rows: Record<string, SqlValue>[] = []
    for (let at = 0; at < this.rowCount; at++) {
      const row: Record<string, SqlValue> = {}
      for (const { name, values } of columns) row[name] = values[at] ?? null
      rows.push(row)
    }
    return rows
  }
}
