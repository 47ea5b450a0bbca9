import { displayer, displayText } from './display-value.ts'
import { type ByteSink, isNumericType, type ResultWriter, TextBuffer } from './writer.ts'

/** Longest cell of a Markdown table; a longer one is cut with `…`. */
const MAX_CELL_CHARS = 10_000

/** A table of GitHub's Markdown; every row is written. */
export function markdownWriter(sink: ByteSink): ResultWriter {
  const buffer = new TextBuffer(sink)
  return {
    async begin(columns) {
      buffer.add(line(columns.map((column) => escaped(displayText(column.name, MAX_CELL_CHARS)))))
      buffer.add(line(columns.map((column) => (isNumericType(column.type) ? '---:' : '---'))))
    },
    async batch(batch) {
      const columns = batch.columns.map(({ type }, index) => {
        const show = displayer(type)
        return batch.column(index).map((value) => (value === null ? '' : escaped(show(value, MAX_CELL_CHARS))))
      })
      for (let row = 0; row < batch.rowCount; row++) {
        buffer.add(line(columns.map((column) => column[row] ?? '')))
        if (buffer.isFull) await buffer.flush()
      }
    },
    end: () => buffer.flush(),
  }
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |\n`
}

function escaped(text: string): string {
  return text.replace(/[\\|`*_<>[\]]/g, '\\$&')
}
