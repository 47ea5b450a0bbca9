import type { ByteSink } from '../../../src/cli/output/writer.ts'
import type { ColumnarBatch, ResultColumn, SqlValue } from '../../../src/lakehouse/api.ts'

/** A batch over plain rows. */
export function batchOf(columns: readonly ResultColumn[], rows: readonly (readonly SqlValue[])[]): ColumnarBatch {
  return {
    columns,
    rowCount: rows.length,
    column: (index) => rows.map((row) => row[index] ?? null),
    toArrays: () => rows.map((row) => [...row]),
    rows: () =>
      rows.map((row) => Object.fromEntries(columns.map((column, index) => [column.name, row[index] ?? null]))),
  }
}

/** A sink that keeps what it was given. */
export class TextSink implements ByteSink {
  readonly chunks: Uint8Array[] = []

  get text(): string {
    return Buffer.concat(this.chunks).toString('utf8')
  }

  write(chunk: string | Uint8Array): Promise<void> {
    this.chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : Uint8Array.from(chunk))
    return Promise.resolve()
  }
}
