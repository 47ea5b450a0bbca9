import { detectDialect, type GivenDialect } from '../inspect/dialect.ts'
import type { SourceFormat } from './format.ts'
import type { PipeShape } from './pipe.ts'
import { CsvCutter, LineCutter } from './record-cutter.ts'

const NEW_LINE = 10
const RETURN = 13

/**
 * How a text can be cut into segments of whole records, told from its first bytes; undefined where it cannot, or not for
 * sure: JSON documents, binary formats, UTF-16, delimiters of several bytes, a header that does not end.
 */
export function shapeOf(
  head: Buffer,
  isWhole: boolean,
  format: SourceFormat,
  given: GivenDialect,
): PipeShape | undefined {
  if (format === 'ndjson') return { cutter: new LineCutter(), header: new Uint8Array() }
  const isWide = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)
  if (format !== 'csv' || isWide) return undefined
  // As the inspection of the first segment finds it: the same text, the same answer.
  const { delimiter, quote, escape, hasHeader } = detectDialect(new TextDecoder().decode(head), isWhole, given, '')
  const bytes = { delimiter: byteOf(delimiter), quote: byteOf(quote), escape: byteOf(escape) }
  if (bytes.delimiter === undefined || (quote !== '' && (bytes.quote === undefined || bytes.escape === undefined)))
    return undefined
  const dialect = { ...bytes, delimiter: bytes.delimiter }
  const cutter = new CsvCutter(dialect)
  if (!hasHeader) return { cutter, header: new Uint8Array() }
  const end = firstRecordEnd(head, () => new CsvCutter(dialect))
  return end === undefined ? undefined : { cutter, header: head.subarray(0, end) }
}

/** Undefined for a text that is not one byte of ASCII. */
function byteOf(text: string): number | undefined {
  const code = text.charCodeAt(0)
  return text.length === 1 && code < 128 ? code : undefined
}

/** Undefined where the first record is blank or has no end. */
function firstRecordEnd(head: Buffer, cutter: () => CsvCutter): number | undefined {
  const start = head[0] === 0xef ? 3 : 0
  if (head[start] === NEW_LINE || head[start] === RETURN) return undefined
  for (let at = head.indexOf(NEW_LINE); at >= 0; at = head.indexOf(NEW_LINE, at + 1)) {
    if (cutter().push(head.subarray(start, at + 1)) + start === at + 1) return at + 1
  }
  return undefined
}
