import type { BufferAllocator, Lease } from '../../memory/index.ts'
import type { ArrowColumn } from './column.ts'
import { type ArrowLayout, clearPadding, LayoutBuilder } from './layout.ts'

/** The body of a record batch in a leased buffer, and where what lies in it. Owned by whoever has it, until disposed. */
export class ArrowBody implements Disposable {
  readonly layout: ArrowLayout
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly #lease: Lease

  /** Takes over the lease. */
  constructor(layout: ArrowLayout, lease: Lease) {
    this.layout = layout
    this.#lease = lease
    // The views that are handed out must stay where they are.
    this.bytes = lease.pin()
  }

  /** Writes what the columns have gathered. Rejects (throws) `memory/refused`, `sql/type`. */
  static write(
    columns: readonly ArrowColumn[],
    rowCount: number,
    buffers: BufferAllocator,
    consumer: string,
  ): ArrowBody {
    const builder = new LayoutBuilder()
    for (const column of columns) column.place(builder)
    const layout = builder.finish(rowCount)
    const body = new ArrowBody(layout, buffers.lease(layout.bodyBytes, consumer))
    try {
      for (const column of columns) column.write(body.bytes)
      clearPadding(body.bytes, layout)
      return body
    } catch (error) {
      body[Symbol.dispose]()
      throw error
    }
  }

  [Symbol.dispose](): void {
    this.#lease.unpin()
    this.#lease.release()
  }
}
