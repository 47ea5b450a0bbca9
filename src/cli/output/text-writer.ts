import type { ResultColumn } from '../../lakehouse/api.ts'
import { visibleLines } from './text-width.ts'
import { type ByteSink, type ResultWriter, TextBuffer } from './writer.ts'

/** Columns whose values are texts of many lines, made for people: a plan, a CREATE statement. */
const TEXT_COLUMNS = ['explain_value', 'create_statement']

/** True for results that a table would make unreadable. */
export function isTextResult(columns: readonly ResultColumn[]): boolean {
  return TEXT_COLUMNS.includes(columns.at(-1)?.name ?? '')
}

/** The last column of each row as it is, line ends and all. */
export function textWriter(sink: ByteSink): ResultWriter {
  const buffer = new TextBuffer(sink)
  return {
    begin: () => Promise.resolve(),
    async batch(batch) {
      for (const value of batch.column(batch.columns.length - 1)) {
        if (typeof value === 'string') buffer.add(`${visibleLines(value).trimEnd()}\n`)
      }
      if (buffer.isFull) await buffer.flush()
    },
    end: () => buffer.flush(),
  }
}
