import { type CsvDialect, type CsvRecord, fieldsOf, RecordSplitter } from './records.ts'

/** What the caller says of the file; the rest is found out. */
export interface GivenDialect {
  readonly delimiter?: string | undefined
  readonly quote?: string | undefined
  readonly hasHeader?: boolean | undefined
}

export interface DetectedDialect extends CsvDialect {
  /** The first records of the head, the header among them. */
  readonly records: readonly CsvRecord[]
  readonly notes: readonly string[]
}

const DELIMITERS = [',', '\t', ';', '|']
const DELIMITER_NAMES: Readonly<Record<string, string>> = { ',': 'comma', '\t': 'tab', ';': 'semicolon', '|': 'bar' }
const RECORDS_LOOKED_AT = 200

/**
 * Delimiter, quote, escape and header of a CSV file from its first bytes. The first line rules: a row with another number
 * of fields later is an error of that row, never a reason to see the file as one column. `text` is the head, cut
 * anywhere unless `isWhole`.
 */
export function detectDialect(text: string, isWhole: boolean, given: GivenDialect, extension: string): DetectedDialect {
  const quote = given.quote ?? '"'
  const escape = quote === '"' && /[^\\]\\"/.test(text) && !text.includes('""') ? '\\' : quote
  const candidates =
    given.delimiter !== undefined ? [given.delimiter] : extension === 'tsv' || extension === 'tab' ? ['\t'] : DELIMITERS
  let best: { delimiter: string; records: CsvRecord[]; score: number } | undefined
  for (const delimiter of candidates) {
    const records = firstRecords(text, isWhole, { delimiter, quote, escape })
    const width = records[0]?.fields.length ?? 0
    const alike = records.filter((record) => record.fields.length === width).length / Math.max(1, records.length)
    const score = width <= 1 ? 0 : alike * 1000 + width
    if (best === undefined || score > best.score) best = { delimiter, records, score }
  }
  const delimiter = best?.delimiter ?? ','
  const records = best?.records ?? []
  const notes: string[] = []
  if (given.delimiter === undefined && best !== undefined && best.score > 0 && delimiter !== ',') {
    notes.push(`fields are separated by ${DELIMITER_NAMES[delimiter] ?? `'${delimiter}'`}`)
  }
  const hasHeader = given.hasHeader ?? looksLikeHeader(records)
  if (given.hasHeader === undefined) {
    if (!hasHeader)
      notes.push(
        `the first line holds values, not names: columns are called column0 to column${(records[0]?.fields.length ?? 1) - 1}`,
      )
    else if (
      records.length > 1 &&
      records.slice(1).every((record) => record.fields.every((field) => !looksLikeValue(field)))
    ) {
      notes.push('all columns hold text; the first line is taken as their names')
    }
  }
  return { delimiter, quote, escape, hasHeader, records, notes }
}

function firstRecords(
  text: string,
  isWhole: boolean,
  dialect: Pick<CsvDialect, 'delimiter' | 'quote' | 'escape'>,
): CsvRecord[] {
  const records: CsvRecord[] = []
  for (const record of new RecordSplitter(dialect).push(text, isWhole)) {
    records.push({ ...record, fields: fieldsOf(record.raw, dialect) })
    if (records.length >= RECORDS_LOOKED_AT) break
  }
  return records
}

/** A first line without numbers, dates and truth values is a line of names. */
function looksLikeHeader(records: readonly CsvRecord[]): boolean {
  const first = records[0]?.fields ?? []
  return first.some((field) => field.trim() !== '') && !first.some(looksLikeValue)
}

function looksLikeValue(field: string): boolean {
  const text = field.trim()
  return (
    /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ||
    /^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d\d.*)?$/.test(text) ||
    /^(true|false)$/i.test(text)
  )
}
