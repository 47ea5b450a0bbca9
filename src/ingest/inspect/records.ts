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
  #line = 1

  constructor(dialect: Pick<CsvDialect, 'delimiter' | 'quote' | 'escape'>) {
    this.#dialect = dialect
  }

  /** Records that are complete with this text; the last one only with `isLast`. */
  *push(text: string, isLast: boolean): Generator<CsvRecord> {
    const all = this.#rest + text
    let start = 0
    for (;;) {
      const end = this.#recordEnd(all, start)
      if (end < 0) break
      const raw = all.slice(start, end)
      yield* this.#record(raw)
      this.#line += 1
      start = end + 1
    }
    this.#rest = all.slice(start)
    if (isLast && this.#rest !== '') {
      yield* this.#record(this.#rest)
      this.#rest = ''
    }
  }

  *#record(text: string): Generator<CsvRecord> {
    const raw = text.endsWith('\r') ? text.slice(0, -1) : text
    const line = this.#line
    this.#line += countLineEnds(raw)
    if (raw !== '') yield { fields: this.#fields(raw), line, raw }
  }

  /** Place of the line end that ends the record, or -1 where it is not in the text. */
  #recordEnd(text: string, start: number): number {
    const { quote } = this.#dialect
    let at = start
    for (;;) {
      const end = text.indexOf('\n', at)
      if (end < 0 || quote === '') return end
      // Line ends inside quotes: an odd number of quotes lies before.
      if (this.#quotesBalance(text, start, end)) return end
      at = end + 1
    }
  }

  #quotesBalance(text: string, start: number, end: number): boolean {
    const { quote, escape } = this.#dialect
    let isQuoted = false
    for (let at = text.indexOf(quote, start); at >= 0 && at < end; at = text.indexOf(quote, at + 1)) {
      if (isQuoted && escape !== quote && text[at - 1] === escape) continue
      isQuoted = !isQuoted
    }
    return !isQuoted
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
