import { distinctNames } from '../../base/index.ts'
import type { ColumnarBatch, ResultColumn } from '../../lakehouse/api.ts'
import { jsonText } from './json-value.ts'
import { type ByteSink, type ResultWriter, TextBuffer } from './writer.ts'

/** An array of objects, one object a line. When a statement fails midway the array stays open: what was written is not JSON. */
export function jsonWriter(sink: ByteSink): ResultWriter {
  const buffer = new TextBuffer(sink)
  let keys: string[] = []
  let separator = '\n'
  return {
    async begin(columns) {
      keys = objectKeys(columns)
      buffer.add('[')
    },
    async batch(batch) {
      for (const object of objectTexts(batch, keys)) {
        buffer.add(`${separator}${object}`)
        separator = ',\n'
        if (buffer.isFull) await buffer.flush()
      }
    },
    async end() {
      buffer.add(separator === '\n' ? ']\n' : '\n]\n')
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
      for (const object of objectTexts(batch, keys)) {
        buffer.add(`${object}\n`)
        if (buffer.isFull) await buffer.flush()
      }
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
      const columns = batch.columns.map((_, index) => batch.column(index))
      for (let row = 0; row < batch.rowCount; row++) {
        buffer.add(`${separator}[${columns.map((column) => jsonText(column[row] ?? null)).join(',')}]`)
        separator = ','
        if (buffer.isFull) await buffer.flush()
      }
    },
    end: () => buffer.flush(),
  }
}

function objectKeys(columns: readonly ResultColumn[]): string[] {
  return distinctNames(columns).map((name) => `${JSON.stringify(name)}:`)
}

function* objectTexts(batch: ColumnarBatch, keys: readonly string[]): Iterable<string> {
  const columns = keys.map((_, index) => batch.column(index))
  for (let row = 0; row < batch.rowCount; row++) {
    let object = ''
    for (let index = 0; index < keys.length; index++) {
      object += `${index === 0 ? '{' : ','}${keys[index] ?? ''}${jsonText(columns[index]?.[row] ?? null)}`
    }
    yield `${object}}`
  }
}
