import { formatBytes, IceboxError } from '../../base/index.ts'

/** The longest statement that is taken. */
export const MAX_STATEMENT_CHARS = 16 * 1024 * 1024

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

  /** Takes whole lines with their line ends (or the last piece of a text); returns the statements that ended, without `;`. */
  push(text: string): string[] {
    const done: string[] = []
    let start = 0
    for (let end = this.#scan(text, start); end >= 0; end = this.#scan(text, start)) {
      this.#keep(text.slice(start, end))
      const statement = this.rest()
      if (statement !== undefined) done.push(statement)
      start = end + 1
    }
    this.#keep(text.slice(start))
    return done
  }

  /** Ends the open statement, whose `;` is missing; undefined when only spaces and comments are left. */
  rest(): string | undefined {
    const text = this.#hasCode ? this.#pieces.join('').trim() : undefined
    this.clear()
    return text
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
  }

  #keep(piece: string): void {
    this.#length += piece.length
    if (this.#length > MAX_STATEMENT_CHARS) {
      throw new IceboxError('usage/invalid', {
        message: `a statement is longer than ${formatBytes(MAX_STATEMENT_CHARS)}`,
        remedy: 'end statements with ;, and load large data with icebox import',
      })
    }
    if (piece !== '') this.#pieces.push(piece)
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
  return rest === undefined ? done : [...done, rest]
}
