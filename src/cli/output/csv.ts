import { distinctNames } from '../../base/index.ts'
import type { ColumnarBatch, ResultColumn, SqlValue } from '../../lakehouse/api.ts'
import { base64Text, jsonText } from './json-value.ts'
import { doubleText, shortestFloat } from './number-text.ts'
import { type ByteSink, isNumericType, isTemporalType, type ResultWriter, TextBuffer } from './writer.ts'

/**
 * CSV as RFC 4180 has it, with line ends of `\n`: NULL is an empty field and an empty text is `""`, so that the two stay
 * apart. Lists, structs and maps are JSON, binary is base64.
 */
export function csvWriter(sink: ByteSink): ResultWriter {
  const buffer = new TextBuffer(sink)
  return {
    async begin(columns: readonly ResultColumn[]) {
      buffer.add(`${distinctNames(columns).map(quoted).join(',')}\n`)
    },
    async batch(batch: ColumnarBatch) {
      // Fields are made row by row: a second array for each column would double what the garbage collector has to keep.
      const columns = batch.columns.map(({ type }, index) => ({
        values: batch.column(index),
        field: type === 'FLOAT' ? floatField : isBareType(type) ? bareField : csvField,
      }))
      for (let row = 0; row < batch.rowCount; row++) {
        let separator = ''
        for (const { values, field } of columns) {
          buffer.add(separator)
          buffer.add(field(values[row] ?? null))
          separator = ','
        }
        buffer.add('\n')
        if (buffer.isFull) await buffer.flush()
      }
    },
    end: () => buffer.flush(),
  }
}

/** Types whose text never needs quotes. */
function isBareType(type: string): boolean {
  return isNumericType(type) || isTemporalType(type) || type === 'BOOLEAN' || type === 'UUID'
}

function bareField(value: SqlValue): string {
  return value === null ? '' : plainText(value)
}

function floatField(value: SqlValue): string {
  // A whole number is exact as it is; the shortest text of a large one is another whole number.
  if (typeof value !== 'number' || Number.isInteger(value)) return bareField(value)
  return doubleText(shortestFloat(value))
}

function plainText(value: Exclude<SqlValue, null>): string {
  if (typeof value === 'number') return doubleText(value)
  return typeof value === 'object' ? jsonText(value) : String(value)
}

/** One field. */
export function csvField(value: SqlValue): string {
  if (value === null) return ''
  if (typeof value === 'string') return quoted(value)
  if (typeof value !== 'object') return plainText(value)
  return quoted(value instanceof Uint8Array ? base64Text(value) : jsonText(value))
}

const NEEDS_QUOTES = /[",\r\n]|^$|^\s|\s$/

function quoted(text: string): string {
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
