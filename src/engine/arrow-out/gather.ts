import { aCount, checkOptions, type OptionRules } from '../../base/index.ts'
import type { ArrowOptions } from '../port.ts'
import type { BufferAllocator } from '../../memory/index.ts'
import type { Binding, DataChunk } from '../binding.ts'
import type { EngineType } from '../types.ts'
import type { ArrowColumn, ColumnChunk } from './column.ts'
import { ArrowBody } from './body.ts'
import { type BodyForm, makeColumn } from './make-column.ts'

/** What one record batch may hold: whichever is reached first. A row is never divided, however large it is. */
export interface BatchLimits {
  readonly rows: number
  readonly bytes: number
}

/** `performance.streaming.chunk_size` and `buffer_size` where nobody says otherwise. */
const BATCH_ROWS = 10_000
const BATCH_BYTES = 1_048_576

/** A chunk with more than this is not kept for its last rows, and its values are decoded in parts. */
export const WIDE_CHUNK_BYTES = 4 * 1024 * 1024

const ARROW_OPTIONS: OptionRules<ArrowOptions> = { batchRows: aCount, batchBytes: aCount }

/** Throws `usage/invalid` for what is no count: no rows would be empty batches without an end. */
export function batchLimits(options: ArrowOptions): BatchLimits {
  checkOptions('arrow()', options, ARROW_OPTIONS)
  return { rows: options.batchRows ?? BATCH_ROWS, bytes: options.batchBytes ?? BATCH_BYTES }
}

export interface GatherOptions {
  readonly form: BodyForm
  readonly limits: BatchLimits
  readonly buffers: BufferAllocator
  /** Who is billed for the buffers. */
  readonly consumer: string
}

/** Gathers DuckDB's chunks of at most 2,048 rows into record batches, each written once, into a buffer of its own. */
export class Gatherer {
  readonly #binding: Binding
  readonly #columns: readonly ArrowColumn[]
  readonly #limits: BatchLimits
  readonly #options: GatherOptions
  /** Chunks whose memory is still to be read; none is collected before that. */
  #chunks: DataChunk[] = []
  #rows = 0
  #bytes = 0

  /** Rejects (throws) `schema/unsupported-type` for a column without an Arrow form, by name. */
  constructor(binding: Binding, types: readonly EngineType[], options: GatherOptions) {
    this.#binding = binding
    this.#columns = types.map((type) => makeColumn(binding, type, options.form))
    this.#limits = options.limits
    this.#options = options
  }

  /** The batches that this chunk fills; what is left waits for the next one. */
  *take(chunk: DataChunk): Generator<ArrowBody, void, undefined> {
    const count = this.#binding.data_chunk_get_size(chunk)
    const parts = this.#columns.map((column, at) => column.read(this.#binding.data_chunk_get_vector(chunk, at), count))
    let taken = 0
    for (let from = 0; from < count; ) {
      const size = this.#fitting(parts, from, count - from)
      if (size === undefined) {
        yield this.#write()
        continue
      }
      for (const part of parts) part.add(from, size.rows)
      this.#rows += size.rows
      this.#bytes += size.bytes
      taken += size.bytes
      this.#chunks.push(chunk)
      from += size.rows
      if (this.#rows >= this.#limits.rows || this.#bytes >= this.#limits.bytes) yield this.#write()
    }
    if (taken <= WIDE_CHUNK_BYTES) return
    // A large chunk does not wait for the next one with a few rows left, nor for the garbage collector: to that, a handle of
    // 2,048 texts of 20 kB does not look like 40 MB. Small ones are left alone: a reset gives a chunk new buffers, and 20M
    // narrow rows came to 995 MB by it. Nothing may look at the chunk afterwards.
    if (this.#rows > 0) yield this.#write()
    this.#binding.data_chunk_reset(chunk)
  }

  /** The last batch, if rows are left. */
  finish(): ArrowBody | undefined {
    return this.#rows === 0 ? undefined : this.#write()
  }

  /**
   * How many of `count` rows go into the batch: all that the chunk has, if they fit; else the batch is closed first, and
   * a chunk too large for a batch of its own is halved until it is not.
   */
  #fitting(
    parts: readonly ColumnChunk[],
    from: number,
    count: number,
  ): { readonly rows: number; readonly bytes: number } | undefined {
    const bytesOf = (rows: number) => parts.reduce((sum, part) => sum + part.measure(from, rows), 0)
    const isEmpty = this.#rows === 0
    let rows = Math.min(count, this.#limits.rows - this.#rows)
    if (!isEmpty && rows < count) return undefined
    let bytes = bytesOf(rows)
    if (!isEmpty && this.#bytes + bytes > this.#limits.bytes) return undefined
    while (rows > 1 && bytes > this.#limits.bytes) {
      rows = Math.ceil(rows / 2)
      bytes = bytesOf(rows)
    }
    return { rows, bytes }
  }

  #write(): ArrowBody {
    const body = ArrowBody.write(this.#columns, this.#rows, this.#options.buffers, this.#options.consumer)
    this.#chunks = []
    this.#rows = 0
    this.#bytes = 0
    return body
  }
}
