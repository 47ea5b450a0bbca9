import type { ColumnarBatch, ResultColumn, SqlValue } from '../../lakehouse/api.ts'
import { base64Text, jsonText } from './json-value.ts'
import { type ByteSink, type ResultWriter, TextBuffer } from './writer.ts'

/**
 * CSV as RFC 4180 has it, with line ends of `\n`: NULL is an empty field and an empty text is `""`, so that the two stay
 * apart. Lists, structs and maps are JSON, binary is base64.
 */
export function csvWriter(sink: ByteSink): ResultWriter {
  const buffer = new TextBuffer(sink)
  return {
    async begin(columns: readonly ResultColumn[]) {
      await buffer.add(`${columns.map((column) => quoted(column.name)).join(',')}\n`)
    },
    async batch(batch: ColumnarBatch) {
      const columns = batch.columns.map((_, index) => batch.column(index).map(csvField))
      for (let row = 0; row < batch.rowCount; row++) {
        await buffer.add(`${columns.map((column) => column[row] ?? '').join(',')}\n`)
      }
    },
    end: () => buffer.flush(),
  }
}

/** One field. */
export function csvField(value: SqlValue): string {
  if (value === null) return ''
  if (typeof value === 'string') return quoted(value)
  if (typeof value !== 'object') return String(value)
  return value instanceof Uint8Array ? base64Text(value) : quoted(jsonText(value))
}

const NEEDS_QUOTES = /[",\r\n]|^$|^\s|\s$/

function quoted(text: string): string {
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
