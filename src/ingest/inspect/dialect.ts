import { type CsvDialect, type CsvRecord, fieldsOf, isWellQuoted, RecordSplitter } from './records.ts'

/** What the caller says of the file; the rest is found out. */
export interface GivenDialect {
  readonly delimiter?: string | undefined
  readonly quote?: string | undefined
  readonly escape?: string | undefined
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
  const candidates =
    given.delimiter !== undefined ? [given.delimiter] : extension === 'tsv' || extension === 'tab' ? ['\t'] : DELIMITERS
  const notes: string[] = []
  const best = bestReading(text, isWhole, { quote, escape: given.escape ?? quote, candidates }, given, notes)
  const { delimiter, escape, records } = best
  if (given.delimiter === undefined && best.score > 0 && delimiter !== ',') {
    notes.push(`fields are separated by ${DELIMITER_NAMES[delimiter] ?? `'${delimiter}'`}`)
  }
  const hasHeader = given.hasHeader ?? looksLikeHeader(records)
  if (given.hasHeader === undefined) {
    if (!hasHeader) notes.push('the first line holds values, not names, and is a row')
    else if (
      records.length > 1 &&
      records.slice(1).every((record) => record.fields.every((field) => !looksLikeValue(field)))
    ) {
      notes.push('all columns hold text; the first line is taken as their names')
    }
  }
  return { delimiter, quote, escape, hasHeader, records, notes }
}

interface Candidates {
  readonly quote: string
  readonly escape: string
  /** Delimiters. */
  readonly candidates: readonly string[]
}

interface Reading {
  readonly delimiter: string
  readonly escape: string
  readonly records: readonly CsvRecord[]
  readonly score: number
}

/**
 * Quotes inside fields are doubled (RFC 4180) wherever the head reads so: a value may end in a backslash, "C:\\dir\\". Only
 * where it does not, and reads better with backslashes before quotes, they are escapes.
 */
function bestReading(
  text: string,
  isWhole: boolean,
  doubled: Candidates,
  given: GivenDialect,
  notes: string[],
): Reading {
  const plain = bestDelimiter(text, isWhole, doubled)
  if (given.escape !== undefined || doubled.quote === '' || !text.includes(`\\${doubled.quote}`)) return plain
  const escaped = bestDelimiter(text, isWhole, { ...doubled, escape: '\\' })
  const [asPlain, asEscaped] = [plain, escaped].map((reading) => soundness(text, isWhole, doubled.quote, reading))
  const isBetter = (asEscaped?.balance ?? 0) > (asPlain?.balance ?? 0)
  if (asPlain?.isConsistent !== true && isBetter) {
    notes.push(
      'a backslash before a quote is an escape: the file does not read otherwise (inside quotes it is dropped before any character)',
    )
    return escaped
  }
  if (asPlain?.isConsistent === true && asEscaped?.isConsistent === true)
    notes.push("a backslash before a quote is text; where it is meant as an escape, say so with --escape '\\'")
  return plain
}

function bestDelimiter(text: string, isWhole: boolean, { quote, escape, candidates }: Candidates): Reading {
  let best: Reading | undefined
  for (const delimiter of candidates) {
    const records = firstRecords(text, isWhole, { delimiter, quote, escape })
    const width = records[0]?.fields.length ?? 0
    const alike = records.filter((record) => record.fields.length === width).length / Math.max(1, records.length)
    const score = width <= 1 ? 0 : alike * 1000 + width
    if (best === undefined || score > best.score) best = { delimiter, escape, records, score }
  }
  return best ?? { delimiter: ',', escape, records: [], score: 0 }
}

/** More than this times the longest record behind the last one: a quote was opened that does not close. */
const LONG_REST = 4

/** Whether all records of the head have the fields of the first and quotes that close, and how many more have than have not. */
function soundness(
  text: string,
  isWhole: boolean,
  quote: string,
  { delimiter, escape, records }: Reading,
): { readonly isConsistent: boolean; readonly balance: number } {
  const dialect = { delimiter, quote, escape }
  const width = records[0]?.fields.length ?? 0
  let [balance, count, longest, length] = [0, 0, 0, 0]
  for (const { raw } of new RecordSplitter(dialect).push(text, isWhole)) {
    balance += isWellQuoted(raw, dialect) && fieldsOf(raw, dialect).length === width ? 1 : -1
    count++
    longest = Math.max(longest, raw.length)
    length += raw.length + 1
  }
  const isSwallowed = !isWhole && text.length - length > LONG_REST * longest
  return { isConsistent: balance === count && !isSwallowed, balance }
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
