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

/** A record of a CSV text and where it starts. */
export interface CsvRecord {
  readonly fields: readonly string[]
  /** Number of its first line, from 1. */
  readonly line: number
  readonly raw: string
}

/**
 * Splits CSV text into records, as RFC 4180 and DuckDB do: quoted fields may hold delimiters and line ends, blank lines
 * are no records. For heads of files and for naming lines in errors; the data itself never comes this way.
 */
export class RecordSplitter {
  readonly #dialect: Pick<CsvDialect, 'delimiter' | 'quote' | 'escape'>
  #rest = ''
  #isQuoted = false
  #line = 1

  constructor(dialect: Pick<CsvDialect, 'delimiter' | 'quote' | 'escape'>) {
    this.#dialect = dialect
  }

  /** Records that are complete with this text; the last one only with `isLast`. */
  *push(text: string, isLast: boolean): Generator<CsvRecord> {
    const all = this.#rest + text
    const { quote } = this.#dialect
    let start = 0
    let at = this.#rest.length
    let lineEnd = -1
    for (;;) {
      if (lineEnd < at) lineEnd = all.indexOf('\n', at)
      const mark = quote === '' ? -1 : all.indexOf(quote, at)
      if (mark >= 0 && (this.#isQuoted || lineEnd < 0 || mark < lineEnd)) {
        if (!this.#isQuoted || !this.#isEscaped(all, mark)) this.#isQuoted = !this.#isQuoted
        at = mark + 1
      } else if (lineEnd < 0 || this.#isQuoted) {
        break
      } else {
        yield* this.#record(all.slice(start, lineEnd))
        this.#line += 1
        start = lineEnd + 1
        at = start
      }
    }
    this.#rest = all.slice(start)
    if (this.#rest.length > MAX_RECORD_CHARACTERS) {
      throw new IceboxError('source/line-too-long', {
        message: `the record that begins in line ${this.#line} has no end`,
        remedy: 'check that its quotes are closed',
        context: { line: this.#line, limitBytes: MAX_RECORD_CHARACTERS },
      })
    }
    if (isLast && this.#rest !== '') {
      yield* this.#record(this.#rest)
      this.#rest = ''
    }
  }

  /** An odd number of escapes stands before the place; a doubled quote needs no care, it opens again at once. */
  #isEscaped(text: string, at: number): boolean {
    const { quote, escape } = this.#dialect
    if (escape === quote) return false
    let count = 0
    while (text[at - 1 - count] === escape) count++
    return count % 2 === 1
  }

  *#record(text: string): Generator<CsvRecord> {
    const raw = text.endsWith('\r') ? text.slice(0, -1) : text
    const line = this.#line
    this.#line += countLineEnds(raw)
    if (raw !== '') yield { fields: this.#fields(raw), line, raw }
  }

  #fields(raw: string): string[] {
    const { delimiter, quote, escape } = this.#dialect
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
}

function countLineEnds(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++
  return count
}
