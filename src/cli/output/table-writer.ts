import { formatCount } from '../../base/index.ts'
import type { ColumnarBatch } from '../../lakehouse/api.ts'
import type { Style } from '../style.ts'
import { displayer, displayText } from './display-value.ts'
import { headingLines, hiddenColumnsNote, layOutTable, type TableColumn, type TableLayout, tableLine } from './table.ts'
import { type ByteSink, isNumericType, isTemporalType, type ResultWriter, TextBuffer } from './writer.ts'

export interface TableWriterOptions {
  /** Columns of the terminal; undefined for a pipe or a file: nothing is hidden then. */
  readonly width: number | undefined
  /** Rows shown; the rest is counted. Infinity shows all. */
  readonly maxRows: number
  readonly style: Style
  /** What shows all rows, as a person types it (default: the flag). */
  readonly allRowsBy?: string
}

/** Rows that are looked at before the widths are decided. */
const SIZING_ROWS = 1_000
/** No cell is built longer than this. */
const MAX_CELL_CHARS = 1_000

/**
 * A table for people. Memory is bounded: widths come from the first 1,000 rows (of at most 1,000 characters a cell), later
 * rows are written as they come. Rows past `maxRows` are counted without being decoded.
 */
export function tableWriter(sink: ByteSink, options: TableWriterOptions): ResultWriter {
  const buffer = new TextBuffer(sink)
  let columns: TableColumn[] = []
  let waiting: string[][] = []
  let layout: TableLayout | undefined
  let taken = 0
  let total = 0

  const write = async (row: readonly string[]) => {
    if (layout !== undefined) buffer.add(`${tableLine(layout, row, options.style)}\n`)
    if (buffer.isFull) await buffer.flush()
  }
  const decide = async () => {
    layout = layOutTable(columns, waiting, options.width)
    buffer.add(`${headingLines(layout, options.style).join('\n')}\n`)
    for (const row of waiting) await write(row)
    waiting = []
  }

  return {
    async begin(resultColumns) {
      columns = resultColumns.map((column) => ({
        name: displayText(column.name, MAX_CELL_CHARS),
        type: displayText(column.type.toLowerCase(), MAX_CELL_CHARS),
        align: isNumericType(column.type) ? 'right' : 'left',
        isWhole: isNumericType(column.type) || isTemporalType(column.type),
      }))
    },
    async batch(batch) {
      total += batch.rowCount
      const rows = Math.min(batch.rowCount, options.maxRows - taken)
      if (rows <= 0) return
      taken += rows
      for (const row of firstRows(batch, rows)) {
        if (layout === undefined) waiting.push(row)
        else await write(row)
        if (layout === undefined && waiting.length >= SIZING_ROWS) await decide()
      }
    },
    async end() {
      if (layout === undefined) await decide()
      const hidden = total - taken
      if (hidden > 0) {
        buffer.add(
          `${options.style.dim(`… ${formatCount(hidden)} more row${hidden === 1 ? '' : 's'} (${formatCount(total)} in all); ${options.allRowsBy ?? '--max-rows all'} shows them`)}\n`,
        )
      }
      if (layout !== undefined && layout.fit.hidden > 0)
        buffer.add(
          `${options.style.dim(`${hiddenColumnsNote(layout)}; name fewer columns, or use another --format`)}\n`,
        )
      await buffer.flush()
    },
  }
}

function firstRows(batch: ColumnarBatch, count: number): string[][] {
  const columns = batch.columns.map(({ type }, index) => {
    const show = displayer(type)
    return batch
      .column(index)
      .slice(0, count)
      .map((value) => show(value, MAX_CELL_CHARS))
  })
  return Array.from({ length: count }, (_, row) => columns.map((column) => column[row] ?? ''))
}
