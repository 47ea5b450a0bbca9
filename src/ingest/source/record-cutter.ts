const NEW_LINE = 10
const RETURN = 13

/** Finds where records end in a text that comes in chunks. */
export interface RecordCutter {
  /** Takes the next chunk; gives the offset after the last record that ends in it, 0 where none does. */
  push(chunk: Buffer): number
}

/** Of NDJSON: a record a line, since JSON has no line end inside a string. */
export class LineCutter implements RecordCutter {
  push(chunk: Buffer): number {
    return chunk.lastIndexOf(NEW_LINE) + 1
  }
}

/** Bytes of a CSV dialect, all below 128. */
export interface CsvBytes {
  readonly delimiter: number
  /** Undefined: there are no quotes. */
  readonly quote: number | undefined
  readonly escape: number | undefined
}

/** More quotes than one in so many bytes, and looking at every byte is cheaper than searching for them. */
const DENSE_BYTES = 24

/**
 * Of CSV, where quoted fields hold line ends. As DuckDB's strict mode reads: a quote opens a field only as its first
 * byte, anywhere else in an unquoted field it stands for itself; inside, a doubled or escaped quote does not close.
 */
export class CsvCutter implements RecordCutter {
  readonly #delimiter: number
  readonly #quote: number
  readonly #escape: number
  #isQuoted = false
  /** The last byte was a quote that closed, or the first half of a doubled one. */
  #hasJustClosed = false
  /** An escape that is not the quote stands before the next byte. */
  #isEscaped = false
  #last = NEW_LINE
  #isDense = false

  constructor({ delimiter, quote, escape }: CsvBytes) {
    this.#delimiter = delimiter
    this.#quote = quote ?? -1
    this.#escape = escape ?? this.#quote
  }

  push(chunk: Buffer): number {
    if (chunk.length === 0) return 0
    const first = this.#quote < 0 ? -1 : chunk.indexOf(this.#quote)
    if (first < 0 && !this.#isQuoted) {
      this.#hasJustClosed = false
      this.#last = chunk[chunk.length - 1] ?? NEW_LINE
      return chunk.lastIndexOf(NEW_LINE) + 1
    }
    return this.#isDense || this.#escape !== this.#quote ? this.#byByte(chunk) : this.#byQuote(chunk, first)
  }

  /** From quote to quote: for few of them. */
  #byQuote(chunk: Buffer, first: number): number {
    const quote = this.#quote
    /** Where unquoted text begins and ends, in turn. */
    const spans: number[] = []
    let from = 0
    let count = 0
    for (let at = first; at >= 0; at = chunk.indexOf(quote, at + 1)) {
      count++
      if (this.#isQuoted) {
        this.#isQuoted = false
        this.#hasJustClosed = true
      } else {
        const isSecond = at === from && this.#hasJustClosed
        this.#isQuoted = isSecond || this.#startsField(at === 0 ? this.#last : (chunk[at - 1] ?? NEW_LINE))
        this.#hasJustClosed = false
        spans.push(from, at)
      }
      from = at + 1
    }
    if (!this.#isQuoted && from < chunk.length) {
      this.#hasJustClosed = false
      spans.push(from, chunk.length)
    }
    this.#last = chunk[chunk.length - 1] ?? NEW_LINE
    this.#isDense = count * DENSE_BYTES > chunk.length
    return lastLineEnd(chunk, spans)
  }

  #byByte(chunk: Buffer): number {
    const quote = this.#quote
    const escape = this.#escape
    const doubles = escape === quote
    let isQuoted = this.#isQuoted
    let hasJustClosed = this.#hasJustClosed
    let isEscaped = this.#isEscaped
    let last = this.#last
    let end = 0
    let count = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      if (isQuoted) {
        if (isEscaped) isEscaped = false
        else if (byte === quote) {
          count++
          isQuoted = false
          hasJustClosed = true
        } else if (byte === escape) isEscaped = true
      } else if (byte === quote) {
        count++
        if ((hasJustClosed && doubles) || this.#startsField(last)) isQuoted = true
        hasJustClosed = false
      } else {
        hasJustClosed = false
        if (byte === NEW_LINE) end = at + 1
      }
      last = byte
    }
    this.#isQuoted = isQuoted
    this.#hasJustClosed = hasJustClosed
    this.#isEscaped = isEscaped
    this.#last = last
    this.#isDense = count * DENSE_BYTES > chunk.length
    return end
  }

  #startsField(before: number): boolean {
    return before === this.#delimiter || before === NEW_LINE || before === RETURN
  }
}

/** The offset after the last line end in any of the spans, or 0. */
function lastLineEnd(chunk: Buffer, spans: readonly number[]): number {
  for (let index = spans.length - 2; index >= 0; index -= 2) {
    const from = spans[index] ?? 0
    const at = chunk.subarray(from, spans[index + 1]).lastIndexOf(NEW_LINE)
    if (at >= 0) return from + at + 1
  }
  return 0
}
