import type { Style } from '../style.ts'
import { COLUMN_GAP, type ColumnFit, fitColumns } from './column-widths.ts'
import { padText, textWidth, truncateText, visibleText } from './text-width.ts'

export interface TableColumn {
  readonly name: string
  /** A second line of the heading (the type); no such line where no column has one. */
  readonly type?: string
  readonly align: 'left' | 'right'
  /** Cells are shown whole or, where the column does not fit, not at all: numbers and times, of which a piece misleads. */
  readonly isWhole?: boolean
}

/** Cells wider than this are cut even where the output has no width (a pipe). */
const MAX_CELL_WIDTH_UNBOUNDED = 200

/** A longer type does not widen its column. */
const MAX_TYPE_WIDTH = 24

export interface TableLayout {
  readonly columns: readonly TableColumn[]
  readonly fit: ColumnFit
}

/** Decides the widths of a table from its headings and the rows seen so far. */
export function layOutTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
): TableLayout {
  const demands = columns.map((column, index) => {
    let widest = Math.max(textWidth(column.name), Math.min(textWidth(column.type ?? ''), MAX_TYPE_WIDTH), 1)
    for (const row of rows) widest = Math.max(widest, textWidth(row[index] ?? ''))
    const isWhole = column.isWhole ?? column.align === 'right'
    return {
      width: width === undefined && !isWhole ? Math.min(widest, MAX_CELL_WIDTH_UNBOUNDED) : widest,
      canShrink: !isWhole,
    }
  })
  return { columns, fit: fitColumns(demands, width ?? Number.MAX_SAFE_INTEGER) }
}

/** Name line, type line where there are types, and a rule. */
export function headingLines(layout: TableLayout, style: Style): string[] {
  const lines = [
    tableLine(
      layout,
      layout.columns.map((column) => column.name),
      style,
      style.bold,
    ),
  ]
  if (layout.columns.some((column) => column.type !== undefined)) {
    lines.push(
      tableLine(
        layout,
        layout.columns.map((column) => column.type ?? ''),
        style,
        style.dim,
      ),
    )
  }
  const rules = layout.fit.widths.map((width) => '─'.repeat(width))
  lines.push(style.dim(withHiddenMark(layout.fit, rules, '─').join(' '.repeat(COLUMN_GAP))))
  return lines
}

/** One row; cells that do not fit end with `…`, numbers are never cut. */
export function tableLine(
  layout: TableLayout,
  row: readonly string[],
  style: Style,
  paint?: (text: string) => string,
): string {
  const cells = layout.fit.shown.map((index, at) => {
    const width = layout.fit.widths[at] ?? 0
    const column = layout.columns[index]
    const align = column?.align ?? 'left'
    const text = row[index] ?? ''
    const isLast = at === layout.fit.shown.length - 1 && align === 'left'
    const cut = (column?.isWhole ?? align === 'right') && paint === undefined ? text : truncateText(text, width)
    const padded = isLast ? cut : padText(cut, width, align)
    if (paint !== undefined) return paint(padded)
    return text === 'NULL' ? style.dim(padded) : padded
  })
  return withHiddenMark(layout.fit, cells, '…').join(' '.repeat(COLUMN_GAP)).trimEnd()
}

function withHiddenMark(fit: ColumnFit, cells: readonly string[], mark: string): string[] {
  return fit.hidden === 0
    ? [...cells]
    : [...cells.slice(0, fit.hiddenAfter + 1), mark, ...cells.slice(fit.hiddenAfter + 1)]
}

/** A whole small table (lists of commands, not results of queries); control characters in its cells are made visible. */
export function smallTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
  style: Style,
): string {
  const shown = rows.map((row) => row.map(visibleText))
  const layout = layOutTable(columns, shown, width)
  const lines = [...headingLines(layout, style), ...shown.map((row) => tableLine(layout, row, style))]
  if (layout.fit.hidden > 0) lines.push(style.dim(`${hiddenColumnsNote(layout)}; a wider one, or --json, shows all`))
  return `${lines.join('\n')}\n`
}

export function hiddenColumnsNote(layout: TableLayout): string {
  return `… ${layout.fit.shown.length} of ${layout.columns.length} columns fit the terminal`
}
