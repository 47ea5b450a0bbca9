import {
  arrowOfTexts,
  type ArrowBatch,
  type ArrowOptions,
  type ArrowStream,
  type ColumnarBatch,
  type ResultColumn,
  type ResultStream,
  type SqlValue,
} from '../../engine/index.ts'
import { distinctNames, IceboxError } from '../../base/index.ts'
import type { Meter, StatementResult, StatementSummary, TableScanReport } from '../port.ts'

/** What a statement changed; figures of its summary that the meter does not know. */
export interface ChangeFigures {
  readonly rows?: number
  readonly bytesRead?: number
  readonly bytesWritten?: number
  readonly files?: number
  readonly snapshotId?: bigint | undefined
}

/** A small table of our own making, as a batch. */
export class RowBatch implements ColumnarBatch {
  readonly columns: readonly ResultColumn[]
  readonly #rows: readonly (readonly SqlValue[])[]

  constructor(columns: readonly ResultColumn[], rows: readonly (readonly SqlValue[])[]) {
    this.columns = columns
    this.#rows = rows
  }

  get rowCount(): number {
    return this.#rows.length
  }

  column(index: number): readonly SqlValue[] {
    return this.#rows.map((row) => row[index] ?? null)
  }

  toArrays(): SqlValue[][] {
    return this.#rows.map((row) => [...row])
  }

  rows(): Record<string, SqlValue>[] {
    const names = distinctNames(this.columns)
    return this.#rows.map((row) => Object.fromEntries(names.map((name, at) => [name, row[at] ?? null])))
  }
}

/** The result of a statement that was done when it is returned. */
export function doneResult(
  kind: string,
  message: string,
  meter: Meter,
  figures: ChangeFigures = {},
  table?: { readonly columns: readonly ResultColumn[]; readonly rows: readonly (readonly SqlValue[])[] },
  scans: readonly TableScanReport[] = [],
): StatementResult {
  meter.stop()
  const columns = table?.columns ?? []
  const rows = table?.rows ?? []
  return {
    kind,
    message,
    columns,
    scans,
    batches: once(rows.length === 0 ? [] : [new RowBatch(columns, rows)]),
    arrow: () => arrowOfTexts(columns, rows),
    summary: () => ({
      ...meter.figures(),
      rows: figures.rows ?? rows.length,
      bytesRead: figures.bytesRead ?? 0,
      bytesWritten: figures.bytesWritten ?? 0,
      files: figures.files ?? 0,
      snapshotId: figures.snapshotId === undefined ? null : String(figures.snapshotId),
    }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

async function* once<T>(items: readonly T[]): AsyncGenerator<T, void, undefined> {
  yield* items
}

export interface StreamParts {
  readonly kind: string
  readonly stream: ResultStream
  readonly scans: readonly TableScanReport[]
  /** What an Arrow batch holds unless the reader says otherwise. */
  readonly arrow: ArrowOptions
  readonly meter: Meter
  /** Words for an error that comes while rows are read. */
  readonly explain: (error: unknown) => Promise<unknown>
  /** Gives back the session and the views; called once, when the stream is over. */
  readonly release: () => Promise<void>
}

/** The result of a query: rows are computed as they are read. */
export function streamResult(parts: StreamParts): StatementResult {
  const { stream, scans, meter } = parts
  let rows = 0
  let isRead = false
  let isClosed = false
  const close = async (): Promise<void> => {
    if (isClosed) return
    isClosed = true
    try {
      await stream[Symbol.asyncDispose]()
    } finally {
      meter.stop()
      await parts.release()
    }
  }
  async function* read<Batch extends { readonly rowCount: number }>(
    source: AsyncIterable<Batch>,
  ): AsyncGenerator<Batch, void, undefined> {
    if (isRead) throw new IceboxError('usage/invalid', { message: 'the rows of a result can be read once' })
    isRead = true
    try {
      for await (const batch of source) {
        rows += batch.rowCount
        yield batch
      }
    } catch (error) {
      throw await parts.explain(error)
    } finally {
      await close()
    }
  }
  const arrow = async (options: ArrowOptions = {}): Promise<ArrowStream> => {
    const source = await stream.arrow({ ...parts.arrow, ...options })
    return {
      schema: source.schema,
      begin: () => source.begin(),
      end: () => source.end(),
      [Symbol.asyncIterator]: () => read<ArrowBatch>(source),
    }
  }
  const sum = (of: (scan: TableScanReport) => number): number => scans.reduce((total, scan) => total + of(scan), 0)
  const summary = (): StatementSummary => ({
    ...meter.figures(),
    rows,
    bytesRead: sum((scan) => scan.dataBytes + scan.manifestBytes),
    bytesWritten: 0,
    files: sum((scan) => scan.filesRead),
    snapshotId: scans.length === 1 ? (scans[0]?.snapshotId ?? null) : null,
  })
  return {
    kind: parts.kind,
    message: '',
    columns: stream.columns,
    scans,
    batches: { [Symbol.asyncIterator]: () => read<ColumnarBatch>(stream) },
    arrow,
    summary,
    [Symbol.asyncDispose]: close,
  }
}
