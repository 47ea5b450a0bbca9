import { isIceboxError } from '../../base/index.ts'
import type { Catalog, TableIdentifier } from '../../catalog/index.ts'
import { type LoadedTable, schemaOf } from '../../iceberg/index.ts'
import { RowEncoder } from './encode-rows.ts'
import { findTable, type StreamTable } from './find-table.ts'

interface Parts {
  readonly catalog: Catalog
  /** A longer row is refused. */
  readonly mostRowBytes: number
}

/**
 * The table of a stream as it was last seen: its name, its metadata, its columns. Columns, names and the table itself may be
 * changed by anyone between two appends.
 */
export class TableInView {
  readonly #parts: Parts
  readonly #sought: StreamTable
  readonly #onSeen: (table: LoadedTable) => void
  #identifier: TableIdentifier
  #metadataLocation: string
  #encoder: RowEncoder
  #reading: Promise<void> | undefined

  /** `onSeen` is called with each newer state of the table. */
  constructor(sought: StreamTable, table: LoadedTable, parts: Parts, onSeen: (table: LoadedTable) => void) {
    this.#parts = parts
    this.#sought = sought
    this.#onSeen = onSeen
    this.#identifier = sought.identifier
    this.#metadataLocation = table.metadataLocation
    this.#encoder = new RowEncoder(schemaOf(table.metadata), parts.mostRowBytes)
  }

  /** Reads it. Rejects `table/gone`. */
  async find(): Promise<LoadedTable> {
    const { identifier, table } = await findTable(this.#parts.catalog, {
      ...this.#sought,
      identifier: this.#identifier,
    })
    this.#identifier = identifier
    return table
  }

  /**
   * For the table's columns as they are when it is called, or later: one lookup in the catalog, and a reading where it names
   * other metadata than the last one, for all appends that wait. A row that was made for columns of before would lie in
   * others that have their names now. Rejects `table/gone`.
   */
  async encoderOfNow(): Promise<RowEncoder> {
    const location = await this.#parts.catalog.metadataLocation(this.#identifier).catch((error: unknown) => {
      if (isIceboxError(error, 'table/not-found') || isIceboxError(error, 'namespace/not-found')) return undefined
      throw error
    })
    const isKnown = (): boolean => location !== undefined && location === this.#metadataLocation
    if (isKnown()) return this.#encoder
    // One that began before the lookup may have seen less.
    await this.#reading?.catch(() => undefined)
    if (isKnown()) return this.#encoder
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    await this.#reading
    return this.#encoder
  }

  async #read(): Promise<void> {
    for (;;) {
      const before = this.#metadataLocation
      const table = await this.find()
      // A commit of the stream may have brought in what is newer meanwhile.
      if (this.#metadataLocation !== before) continue
      this.refresh(table)
      return
    }
  }

  /** Takes what somebody else read or wrote for the newest. */
  refresh(table: LoadedTable): void {
    this.#metadataLocation = table.metadataLocation
    const schema = schemaOf(table.metadata)
    if (schema.schemaId !== this.#encoder.schema.schemaId) {
      this.#encoder = new RowEncoder(schema, this.#parts.mostRowBytes)
    }
    this.#onSeen(table)
  }
}
