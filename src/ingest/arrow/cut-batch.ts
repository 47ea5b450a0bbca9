import { type ArrowLayout, clearPadding, countZeros, LayoutBuilder, writeValidity } from '../../engine/index.ts'
import type { BatchMetadata, Column, Offsets, Region } from './column-tree.ts'

/** Reads bytes of the body of a record batch. */
export type ReadBody = (target: Uint8Array, offset: number) => Promise<void>

/** Some rows of a record batch as one of their own. */
export interface CutBatch {
  readonly layout: ArrowLayout
  /** Writes the body into memory of at least `layout.bodyBytes`. */
  readonly fill: (body: Uint8Array) => Promise<void>
}

/** A record batch as it is. */
export function wholeBatch(metadata: BatchMetadata, bodyBytes: number, read: ReadBody): CutBatch {
  const { length: rowCount, nodes, buffers } = metadata
  return { layout: { rowCount, nodes, buffers, bodyBytes }, fill: (body) => read(body.subarray(0, bodyBytes), 0) }
}

/** Cuts begin at a multiple of it, so that the masks of top-level columns begin with a byte. */
const ROWS_STEP = 64

/**
 * The rows of a record batch in batches of about `mostBytes`, in order; one with very long values may have more, and then has
 * 64 rows at most. Only masks and offsets are read before `fill`.
 */
export async function* cutBatch(
  columns: readonly Column[],
  rows: number,
  bodyBytes: number,
  mostBytes: number,
  read: ReadBody,
): AsyncGenerator<CutBatch, void, undefined> {
  const perStep = Math.max(1, Math.floor(((mostBytes / Math.max(1, bodyBytes)) * rows) / ROWS_STEP))
  for (let from = 0; from < rows; ) {
    let count = Math.min(perStep * ROWS_STEP, rows - from)
    let cut = await cutRows(columns, from, count, read)
    // Values may be longer here than in the mean.
    while (cut.layout.bodyBytes > 2 * mostBytes && count > ROWS_STEP) {
      count = Math.ceil(count / 2 / ROWS_STEP) * ROWS_STEP
      cut = await cutRows(columns, from, count, read)
    }
    yield cut
    from += count
  }
}

async function cutRows(columns: readonly Column[], from: number, count: number, read: ReadBody): Promise<CutBatch> {
  const cut = new Cut(read)
  for (const column of columns) await cut.column(column, from, count)
  return cut.finish(count)
}

class Cut {
  readonly #read: ReadBody
  readonly #layout = new LayoutBuilder()
  readonly #fills: ((body: Uint8Array) => Promise<void>)[] = []

  constructor(read: ReadBody) {
    this.#read = read
  }

  finish(rows: number): CutBatch {
    const layout = this.#layout.finish(rows)
    return {
      layout,
      fill: async (body) => {
        clearPadding(body, layout)
        for (const fill of this.#fills) await fill(body)
      },
    }
  }

  /** Rows `from` to `from + count` of a column. */
  async column(column: Column, from: number, count: number): Promise<void> {
    if (column.kind === 'null') {
      this.#layout.node(count, count)
      return
    }
    await this.#validity(column, from, count)
    switch (column.kind) {
      case 'bits':
        this.#known(await this.#bits(column.values, from, count))
        break
      case 'fixed':
        this.#range(column.values, from * column.width, count * column.width)
        break
      case 'bytes': {
        const [first, end] = await this.#offsets(column.offsets, from, count)
        this.#range(column.values, first, end - first)
        break
      }
      case 'list': {
        const [first, end] = await this.#offsets(column.offsets, from, count)
        await this.column(column.items, first, end - first)
        break
      }
      case 'array':
        await this.column(column.items, from * column.size, count * column.size)
        break
      case 'struct':
        for (const field of column.fields) await this.column(field, from, count)
        break
    }
  }

  async #validity({ nullCount, validity }: Column, from: number, count: number): Promise<void> {
    // A mask may be left out where nothing is null.
    if (nullCount === 0 || validity.length === 0) {
      this.#layout.node(count, 0)
      this.#layout.buffer(0)
      return
    }
    const bits = await this.#bits(validity, from, count)
    const nulls = countZeros(bits, 0, count)
    this.#layout.node(count, nulls)
    if (nulls === 0) this.#layout.buffer(0)
    else this.#known(bits)
  }

  /** Bits from number `from` on, moved to the first. */
  async #bits(region: Region, from: number, count: number): Promise<Uint8Array> {
    const first = from >> 3
    const source = new Uint8Array(Math.ceil((from + count) / 8) - first)
    await this.#read(source, region.offset + first)
    if ((from & 7) === 0) return source
    const target = new Uint8Array(Math.ceil(count / 8))
    writeValidity(target, [{ bits: source, from: from & 7, count }])
    return target
  }

  /** Offsets that begin with 0 become the next buffer. Answers with where their values began and ended. */
  async #offsets(offsets: Offsets, from: number, count: number): Promise<readonly [number, number]> {
    // Of a column without rows they may be left out.
    if (count === 0 && offsets.length === 0) {
      this.#layout.buffer(0)
      return [0, 0]
    }
    const bytes = new Uint8Array((count + 1) * offsets.width)
    await this.#read(bytes, offsets.offset + from * offsets.width)
    if (offsets.width === 4) {
      const values = new Int32Array(bytes.buffer)
      const [first = 0] = values
      for (let row = 0; row <= count; row++) values[row] = (values[row] ?? 0) - first
      this.#known(bytes)
      return [first, first + (values[count] ?? 0)]
    }
    const values = new BigInt64Array(bytes.buffer)
    const [first = 0n] = values
    for (let row = 0; row <= count; row++) values[row] = (values[row] ?? 0n) - first
    this.#known(bytes)
    return [Number(first), Number(first + (values[count] ?? 0n))]
  }

  #known(bytes: Uint8Array): void {
    const at = this.#layout.buffer(bytes.byteLength)
    this.#fills.push((body) => {
      body.set(bytes, at)
      return Promise.resolve()
    })
  }

  #range(region: Region, from: number, length: number): void {
    const at = this.#layout.buffer(length)
    if (length > 0) this.#fills.push((body) => this.#read(body.subarray(at, at + length), region.offset + from))
  }
}
