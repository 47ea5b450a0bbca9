import * as arrow from 'apache-arrow'
import type { ByteSink, ResultWriter } from '../writer.ts'
import { type ArrowColumn, arrowColumn } from './columns.ts'
import { parseDuckdbType } from './duckdb-type.ts'

/** Keeps what apache-arrow's writer gives out, so that it can be passed on with backpressure. */
class Outbox extends arrow.AsyncByteQueue {
  #pieces: Uint8Array[] = []

  override write(piece: Uint8Array): void {
    this.#pieces.push(piece)
  }

  take(): Uint8Array {
    const taken = Buffer.concat(this.#pieces)
    this.#pieces = []
    return taken
  }
}

/** Arrow IPC stream, a record batch for each batch of rows. */
export function arrowWriter(sink: ByteSink): ResultWriter {
  const outbox = new Outbox()
  const writer = new arrow.RecordBatchStreamWriter({ autoDestroy: false })
  let columns: ArrowColumn[] = []
  let schema = new arrow.Schema([])
  return {
    async begin(resultColumns) {
      columns = resultColumns.map((column) => arrowColumn(parseDuckdbType(column.type)))
      schema = new arrow.Schema(
        resultColumns.map((column, at) => new arrow.Field(column.name, columns[at]?.type ?? new arrow.Null(), true)),
      )
      writer.reset(outbox, schema)
      await sink.write(outbox.take())
    },
    async batch(batch) {
      const children = columns.map((column, at) => column.encode(batch.column(at)))
      const data = new arrow.Data(new arrow.Struct(schema.fields), 0, batch.rowCount, 0, {}, children)
      writer.write(new arrow.RecordBatch(schema, data))
      await sink.write(outbox.take())
    },
    async end() {
      writer.finish()
      await sink.write(outbox.take())
    },
  }
}
