import { formatBytes, IceboxError } from '../../base/index.ts'

/** The longest statement that is taken. */
export const MAX_STATEMENT_CHARS = 16 * 1024 * 1024

/** A statement of a longer text, without `;`. */
export interface PlacedStatement {
  readonly text: string
  /** Line of its first character, from 1. */
  readonly line: number
  /** What stands before it in that line. */
  readonly before: string
}

type Place =
  | { readonly in: 'code' }
  | { readonly in: 'string'; readonly escapes: boolean }
  | { readonly in: 'name' }
  | { readonly in: 'dollar'; readonly tag: string }
  | { readonly in: 'comment'; readonly depth: number }

const CODE: Place = { in: 'code' }

/**
 * Cuts text into statements at each `;` that stands in code: not in strings ('…', E'…', $tag$…$tag$), quoted names or
 * comments (`--`, nested block comments), by the lexical rules of PostgreSQL that DuckDB follows. Text may come line by
 * line; what is not ended yet is kept.
 */
export class StatementSplitter {
  /** The open statement in the pieces it came in: joined only when it ends, so a long one costs its length once. */
  #pieces: string[] = []
  #length = 0
  #place: Place = CODE
  #hasCode = false
  /** Where the open statement begins; undefined while there are only spaces. */
  #begin: Omit<PlacedStatement, 'text'> | undefined
  /** Line at which `push` is, and where that line begins in its text. */
  #line = 1
  #lineStart = 0

  /** Takes whole lines with their line ends (or the last piece of a text); returns the statements that ended. */
  push(text: string): PlacedStatement[] {
    const done: PlacedStatement[] = []
    let start = 0
    this.#lineStart = 0
    for (let end = this.#scan(text, start); end >= 0; end = this.#scan(text, start)) {
      this.#keep(text, start, end)
      const statement = this.rest()
      if (statement !== undefined) done.push(statement)
      start = end + 1
    }
    this.#keep(text, start, text.length)
    return done
  }

  /** Counts a line that is no SQL: a command of the shell. */
  skipLine(): void {
    this.#line++
  }

  /** Ends the open statement, whose `;` is missing; undefined when only spaces and comments are left. */
  rest(): PlacedStatement | undefined {
    const { line = this.#line, before = '' } = this.#begin ?? {}
    const statement = this.#hasCode ? { text: this.#pieces.join('').trim(), line, before } : undefined
    this.clear()
    return statement
  }

  /** True when a statement was begun: a string, name or comment is open or there is code. */
  get isOpen(): boolean {
    return this.#hasCode || this.#place.in !== 'code'
  }

  /** The statement so far. */
  get pending(): string {
    return this.#pieces.join('')
  }

  clear(): void {
    this.#pieces = []
    this.#length = 0
    this.#place = CODE
    this.#hasCode = false
    this.#begin = undefined
  }

  #keep(text: string, start: number, end: number): void {
    const piece = text.slice(start, end)
    const first = this.#begin === undefined ? piece.search(/\S/) : -1
    if (first >= 0) {
      this.#countLines(text, start, start + first)
      this.#begin = { line: this.#line, before: text.slice(this.#lineStart, start + first) }
      this.#countLines(text, start + first, end)
    } else this.#countLines(text, start, end)
    this.#length += piece.length
    if (this.#length > MAX_STATEMENT_CHARS) {
      throw new IceboxError('usage/invalid', {
        message: `a statement is longer than ${formatBytes(MAX_STATEMENT_CHARS)}`,
        remedy: 'end statements with ;, and load large data with icebox import',
      })
    }
    if (piece !== '') this.#pieces.push(piece)
  }

  #countLines(text: string, start: number, end: number): void {
    for (let at = text.indexOf('\n', start); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) {
      this.#line++
      this.#lineStart = at + 1
    }
  }

  /** Position of the next `;` in code, or -1 after everything was looked at. */
  #scan(text: string, from: number): number {
    let at = from
    while (at < text.length) {
      if (this.#place.in !== 'code') {
        at = this.#skip(text, at, this.#place)
        continue
      }
      const character = text.charAt(at)
      if (character === ';') return at
      at = this.#code(text, at, character)
    }
    return -1
  }

  /** One step in code; returns where to go on. */
  #code(text: string, at: number, character: string): number {
    const next = text.charAt(at + 1)
    if (character === '-' && next === '-') {
      const end = text.indexOf('\n', at)
      return end < 0 ? text.length : end + 1
    }
    if (character === '/' && next === '*') {
      this.#place = { in: 'comment', depth: 1 }
      return at + 2
    }
    if (character.trim() === '') return at + 1
    this.#hasCode = true
    if (character === "'") this.#place = { in: 'string', escapes: isEscapePrefix(text, at) }
    else if (character === '"') this.#place = { in: 'name' }
    else if (character === '$') {
      const tag = dollarTag(text, at)
      if (tag !== undefined) {
        this.#place = { in: 'dollar', tag }
        return at + tag.length
      }
    }
    return at + 1
  }

  /** Goes through a string, name or comment up to its end or the end of the text. */
  #skip(text: string, from: number, place: Exclude<Place, { in: 'code' }>): number {
    switch (place.in) {
      case 'string':
        return this.#quoted(text, from, "'", place.escapes)
      case 'name':
        return this.#quoted(text, from, '"', false)
      case 'dollar': {
        const end = text.indexOf(place.tag, from)
        if (end < 0) return text.length
        this.#place = CODE
        return end + place.tag.length
      }
      case 'comment':
        return this.#comment(text, from, place.depth)
    }
  }

  /** A doubled quote closes and opens again, which comes to the same. */
  #quoted(text: string, from: number, quote: string, escapes: boolean): number {
    for (let at = from; at < text.length; at++) {
      const character = text.charAt(at)
      if (escapes && character === '\\') at++
      else if (character === quote) {
        if (escapes && text.charAt(at + 1) === quote) at++
        else {
          this.#place = CODE
          return at + 1
        }
      }
    }
    return text.length
  }

  #comment(text: string, from: number, startDepth: number): number {
    let depth = startDepth
    for (let at = from; at < text.length; at++) {
      const pair = text.slice(at, at + 2)
      if (pair === '/*') depth++
      else if (pair === '*/') depth--
      else continue
      at++
      if (depth === 0) {
        this.#place = CODE
        return at + 1
      }
    }
    this.#place = { in: 'comment', depth }
    return text.length
  }
}

/** True for E'…' where the E is a word of its own. */
function isEscapePrefix(text: string, at: number): boolean {
  const before = text.charAt(at - 1)
  return (before === 'e' || before === 'E') && !/[\w$]/.test(text.charAt(at - 2))
}

/** `$$` or `$tag$` that opens a string; a parameter (`$1`) and a dollar inside a word do not. */
function dollarTag(text: string, at: number): string | undefined {
  if (/[\w$]/.test(text.charAt(at - 1))) return undefined
  return /^\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/.exec(text.slice(at, at + 130))?.[0]
}

/** The statements of a whole text. */
export function splitStatements(text: string): string[] {
  const splitter = new StatementSplitter()
  const done = splitter.push(text)
  const rest = splitter.rest()
  return (rest === undefined ? done : [...done, rest]).map((statement) => statement.text)
}
