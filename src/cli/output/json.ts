import type { ColumnarBatch, ResultColumn } from '../../lakehouse/api.ts'
import { jsonText } from './json-value.ts'
import { type ByteSink, distinctNames, type ResultWriter, TextBuffer } from './writer.ts'

/** An array of objects, one object a line. When a statement fails midway the array stays open: what was written is not JSON. */
export function jsonWriter(sink: ByteSink): ResultWriter {
  const buffer = new TextBuffer(sink)
  let keys: string[] = []
  let separator = '\n'
  return {
    async begin(columns) {
      keys = objectKeys(columns)
      await buffer.add('[')
    },
    async batch(batch) {
      for (const object of objectTexts(batch, keys)) {
        await buffer.add(`${separator}${object}`)
        separator = ',\n'
      }
    },
    async end() {
      await buffer.add(separator === '\n' ? ']\n' : '\n]\n')
      await buffer.flush()
    },
  }
}

/** An object a line. */
export function ndjsonWriter(sink: ByteSink): ResultWriter {
  const buffer = new TextBuffer(sink)
  let keys: string[] = []
  return {
    async begin(columns) {
      keys = objectKeys(columns)
    },
    async batch(batch) {
      for (const object of objectTexts(batch, keys)) await buffer.add(`${object}\n`)
    },
    end: () => buffer.flush(),
  }
}

/** Rows as JSON arrays, joined by commas: the inside of `rows` in the document of a statement. */
export function rowsWriter(sink: ByteSink): ResultWriter {
  const buffer = new TextBuffer(sink)
  let separator = ''
  return {
    async begin() {},
    async batch(batch) {
      const columns = batch.columns.map((_, index) => batch.column(index).map(jsonText))
      for (let row = 0; row < batch.rowCount; row++) {
        await buffer.add(`${separator}[${columns.map((column) => column[row] ?? 'null').join(',')}]`)
        separator = ','
      }
    },
    end: () => buffer.flush(),
  }
}

function objectKeys(columns: readonly ResultColumn[]): string[] {
  return distinctNames(columns).map((name) => `${JSON.stringify(name)}:`)
}

function* objectTexts(batch: ColumnarBatch, keys: readonly string[]): Iterable<string> {
  const columns = keys.map((_, index) => batch.column(index).map(jsonText))
  for (let row = 0; row < batch.rowCount; row++) {
    yield `{${keys.map((key, index) => key + (columns[index]?.[row] ?? 'null')).join(',')}}`
  }
}
