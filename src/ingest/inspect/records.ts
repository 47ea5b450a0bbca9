import { IceboxError } from '../../base/index.ts'

/** More than any line may have: a quote was not closed. */
const MAX_RECORD_CHARACTERS = 128_000_000

/** How a CSV file is written. */
export interface CsvDialect {
  readonly delimiter: string
  readonly quote: string
  readonly escape: string
  readonly hasHeader: boolean
}

/** Where a record of a CSV text starts, and its text as far as it is kept. */
export interface RecordText {
  /** Number of its first line, from 1. */
  readonly line: number
  /** What the engine calls its line: it counts records and blank lines, not the line ends inside of quotes. */
  readonly number: number
  readonly raw: string
}

/** A record of a CSV text with its fields. */
export interface CsvRecord extends RecordText {
  readonly fields: readonly string[]
}

/**
 * Splits CSV text into records, as RFC 4180 and DuckDB do: quoted fields may hold delimiters and line ends, blank lines
 * are no records. For heads of files and for naming lines in errors; the data itself never comes this way. Of a record
 * the first `keptCharacters` are held, however long it is.
 */
export class RecordSplitter {
  readonly #dialect: Pick<CsvDialect, 'quote' | 'escape'>
  readonly #keptCharacters: number
  /** Of the record that has begun: its beginning, its length, its line ends, whether a quote is open. */
  #raw = ''
  #length = 0
  #lineEnds = 0
  #isQuoted = false
  /** Escapes that stood at the end of the text before. */
  #escapes = 0
  #line = 1
  #number = 0

  constructor(dialect: Pick<CsvDialect, 'quote' | 'escape'>, keptCharacters = Number.POSITIVE_INFINITY) {
    this.#dialect = dialect
    this.#keptCharacters = keptCharacters
  }

  /** Records that are complete with this text; the last one only with `isLast`. */
  *push(text: string, isLast: boolean): Generator<RecordText> {
    const { quote } = this.#dialect
    let start = 0
    let at = 0
    let lineEnd = text.indexOf('\n')
    let mark = quote === '' ? -1 : text.indexOf(quote)
    for (;;) {
      if (lineEnd >= 0 && lineEnd < at) lineEnd = text.indexOf('\n', at)
      if (mark >= 0 && mark < at) mark = text.indexOf(quote, at)
      if (mark >= 0 && (this.#isQuoted || lineEnd < 0 || mark < lineEnd)) {
        if (!this.#isQuoted || !this.#isEscaped(text, mark)) this.#isQuoted = !this.#isQuoted
        at = mark + 1
      } else if (lineEnd < 0 || this.#isQuoted) {
        break
      } else {
        this.#take(text.slice(start, lineEnd))
        yield* this.#end()
        this.#line += 1
        start = lineEnd + 1
        at = start
      }
    }
    this.#take(text.slice(start))
    this.#escapes =
      trailing(text, text.length, this.#dialect.escape) + (isOnly(text, this.#dialect.escape) ? this.#escapes : 0)
    if (this.#length > MAX_RECORD_CHARACTERS) {
      throw new IceboxError('source/line-too-long', {
        message: `the record that begins in line ${this.#line} has no end`,
        remedy: 'check that its quotes are closed',
        context: { line: this.#line, limitBytes: MAX_RECORD_CHARACTERS },
      })
    }
    if (isLast) yield* this.#end()
  }

  /** An odd number of escapes stands before the place; a doubled quote needs no care, it opens again at once. */
  #isEscaped(text: string, at: number): boolean {
    const { quote, escape } = this.#dialect
    if (escape === quote) return false
    const count = trailing(text, at, escape)
    return (count === at ? count + this.#escapes : count) % 2 === 1
  }

  #take(part: string): void {
    const room = this.#keptCharacters - this.#raw.length
    if (room > 0) this.#raw += room >= part.length ? part : part.slice(0, room)
    this.#length += part.length
    for (let at = part.indexOf('\n'); at >= 0; at = part.indexOf('\n', at + 1)) this.#lineEnds++
  }

  *#end(): Generator<RecordText> {
    const raw = this.#raw.endsWith('\r') && this.#raw.length === this.#length ? this.#raw.slice(0, -1) : this.#raw
    const line = this.#line
    const number = ++this.#number
    this.#line += this.#lineEnds
    this.#raw = ''
    this.#length = 0
    this.#lineEnds = 0
    if (raw !== '') yield { line, number, raw }
  }
}

/** How often a character stands right before a place. */
function trailing(text: string, at: number, character: string): number {
  let count = 0
  while (count < at && text[at - 1 - count] === character) count++
  return count
}

function isOnly(text: string, character: string): boolean {
  return trailing(text, text.length, character) === text.length
}

/** The fields of a record, without their quotes. */
export function fieldsOf(raw: string, dialect: Pick<CsvDialect, 'delimiter' | 'quote' | 'escape'>): string[] {
  const { delimiter, quote, escape } = dialect
  const fields: string[] = []
  let at = 0
  for (;;) {
    if (quote !== '' && raw[at] === quote) {
      let value = ''
      at++
      for (; at < raw.length; at++) {
        const character = raw[at] ?? ''
        if (character === escape && (raw[at + 1] === quote || (escape !== quote && raw[at + 1] === escape))) {
          value += raw[at + 1]
          at++
        } else if (character === quote) {
          at++
          break
        } else value += character
      }
      const end = raw.indexOf(delimiter, at)
      fields.push(value + raw.slice(at, end < 0 ? raw.length : end))
      if (end < 0) return fields
      at = end + delimiter.length
    } else {
      const end = raw.indexOf(delimiter, at)
      fields.push(raw.slice(at, end < 0 ? raw.length : end))
      if (end < 0) return fields
      at = end + delimiter.length
    }
  }
}

/** Whether every quoted field of a record ends with its quote, right before a delimiter or the end. */
export function isWellQuoted(raw: string, dialect: Pick<CsvDialect, 'delimiter' | 'quote' | 'escape'>): boolean {
  const { delimiter, quote } = dialect
  for (let at = 0; ; ) {
    if (quote !== '' && raw[at] === quote) {
      at = quoteEnd(raw, at + 1, dialect) + 1
      if (at === 0) return false
      if (at === raw.length) return true
      if (!raw.startsWith(delimiter, at)) return false
      at += delimiter.length
    } else {
      const end = raw.indexOf(delimiter, at)
      if (end < 0) return true
      at = end + delimiter.length
    }
  }
}

/** The place of the quote that closes what began before `start`; -1 where none does. */
function quoteEnd(raw: string, start: number, { quote, escape }: Pick<CsvDialect, 'quote' | 'escape'>): number {
  for (let at = start; at < raw.length; at++) {
    const isDoubled = escape === quote && raw[at] === quote && raw[at + 1] === quote
    if (isDoubled || (escape !== quote && raw[at] === escape)) at++
    else if (raw[at] === quote) return at
  }
  return -1
}
