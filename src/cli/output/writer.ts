import type { ColumnarBatch, ResultColumn } from '../../lakehouse/api.ts'

/** Where a format writes: a stream or a file. Resolves when more can be taken; the bytes may then be used again. */
export interface ByteSink {
  write(chunk: string | Uint8Array): Promise<void>
}

/** One result in one format: `begin` once, `batch` for each batch of rows, `end` once. Memory is that of one batch. */
export interface ResultWriter {
  begin(columns: readonly ResultColumn[]): Promise<void>
  batch(batch: ColumnarBatch): Promise<void>
  end(): Promise<void>
}

export const OUTPUT_FORMATS = ['table', 'csv', 'json', 'ndjson', 'markdown', 'arrow', 'parquet'] as const
export type OutputFormat = (typeof OUTPUT_FORMATS)[number]

/** The format that a file's name asks for, or undefined. */
export function formatOfFile(path: string): OutputFormat | undefined {
  return FORMAT_OF_EXTENSION[/\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? '']
}

const FORMAT_OF_EXTENSION: Readonly<Record<string, OutputFormat>> = {
  csv: 'csv',
  json: 'json',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  md: 'markdown',
  markdown: 'markdown',
  arrow: 'arrow',
  arrows: 'arrow',
  parquet: 'parquet',
  txt: 'table',
}

const FLUSH_AT_CHARS = 65_536

/** A text of more characters is passed on in pieces of so many: encoded whole it would be in memory twice more. */
const LONGEST_PIECE_CHARS = 1_048_576

/** Gathers small pieces of text and passes them on in pieces of about 64k characters; long ones in several. */
export class TextBuffer {
  readonly #sink: ByteSink
  /** Before `#text`. */
  #pieces: string[] = []
  #text = ''

  constructor(sink: ByteSink) {
    this.#sink = sink
  }

  /** Adds without waiting: a promise a row would take longer than the row. Ask {@link isFull} after each. */
  add(text: string): void {
    if (text.length <= LONGEST_PIECE_CHARS) {
      this.#text += text
      return
    }
    // Not joined with what is around it, which would copy it.
    this.#pieces.push(this.#text, ...piecesOf(text))
    this.#text = ''
  }

  get isFull(): boolean {
    return this.#text.length >= FLUSH_AT_CHARS || this.#pieces.length > 0
  }

  async flush(): Promise<void> {
    const pieces = this.#pieces
    const text = this.#text
    this.#pieces = []
    this.#text = ''
    for (const piece of pieces) if (piece !== '') await this.#sink.write(piece)
    if (text !== '') await this.#sink.write(text)
  }
}

/** Views of a text, none of which ends between the two halves of a character. */
function piecesOf(text: string): string[] {
  const pieces: string[] = []
  for (let from = 0; from < text.length; ) {
    let to = Math.min(text.length, from + LONGEST_PIECE_CHARS)
    if (to < text.length && isHighSurrogate(text.charCodeAt(to - 1))) to--
    pieces.push(text.slice(from, to))
    from = to
  }
  return pieces
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00
}

const NUMERIC = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL(\(.*\))?)$/

/** True for types whose values are shown to the right. */
export function isNumericType(type: string): boolean {
  return NUMERIC.test(type)
}

const TEMPORAL = /^(DATE|TIME|TIMESTAMP)(_|$| WITH)/

/** True for dates, times and timestamps: their text has one length or nearly so. */
export function isTemporalType(type: string): boolean {
  return TEMPORAL.test(type)
}
