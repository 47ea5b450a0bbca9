import { open, readFile, stat } from 'node:fs/promises'
import { Field, RecordBatch, Schema, Struct, makeData } from 'apache-arrow'
import { inferSchema, initParser } from 'udsv'
import { ARROW_TYPES, type Column, type ColumnStatistics, decodeColumn, inferColumns, noStatistics } from './columns.ts'

/** A whole file in memory, as Arrow. */
export interface DecodedFile {
  readonly columns: readonly Column[]
  readonly schema: Schema
  readonly batches: readonly RecordBatch[]
  readonly statistics: readonly ColumnStatistics[]
  readonly rows: number
}

/** Text is parsed in pieces of so many bytes, since a string of V8 holds 512 MB at most. */
const PIECE_BYTES = 16 << 20
const SAMPLE_ROWS = 20_480

/** Reads a CSV file with a header whole, and decodes all of it into Arrow columns. */
export async function decodeFile(path: string): Promise<DecodedFile> {
  const bytes = await readWhole(path)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let columns: readonly Column[] | undefined
  let schema = new Schema([])
  let statistics: ColumnStatistics[] = []
  const batches: RecordBatch[] = []
  let parser: ReturnType<typeof initParser> | undefined
  let pending: string[][] = []
  let rows = 0
  const take = () => {
    if (pending.length === 0 || parser === undefined) return
    if (columns === undefined) {
      columns = inferColumns(
        parser.schema.cols.map((column) => column.name),
        pending.slice(0, SAMPLE_ROWS),
      )
      schema = arrowSchema(columns)
      statistics = columns.map(noStatistics)
    }
    const children = columns.map((column, at) => decodeColumn(column, at, pending, statistics[at] ?? noStatistics()))
    batches.push(
      new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: pending.length, children })),
    )
    rows += pending.length
    pending = []
  }
  for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES) {
    const isLast = offset + PIECE_BYTES >= bytes.length
    const text = decoder.decode(bytes.subarray(offset, offset + PIECE_BYTES), { stream: !isLast })
    parser ??= initParser(inferSchema(text))
    parser.chunk<string[]>(text, parser.stringArrs, (row) => {
      pending.push(row)
    })
    take()
  }
  parser?.end()
  take()
  if (columns === undefined) throw new Error(`${path} holds no rows`)
  return { columns, schema, batches, statistics, rows }
}

/** In pieces, since one read of Node takes 2 GiB at most. */
async function readWhole(path: string): Promise<Uint8Array> {
  const { size } = await stat(path)
  if (size < 2 ** 31 - 1) return await readFile(path)
  const whole = Buffer.allocUnsafe(size)
  const handle = await open(path)
  try {
    for (let at = 0; at < size; ) {
      const { bytesRead } = await handle.read(whole, at, Math.min(2 ** 30, size - at), at)
      if (bytesRead === 0) throw new Error(`${path} became shorter while it was read`)
      at += bytesRead
    }
  } finally {
    await handle.close()
  }
  return whole
}

/** Field ids from 1, in the key that the Parquet writer of Arrow takes them from. */
function arrowSchema(columns: readonly Column[]): Schema {
  return new Schema(
    columns.map(
      ({ name, kind }, at) => new Field(name, ARROW_TYPES[kind], true, new Map([['PARQUET:field_id', String(at + 1)]])),
    ),
  )
}
