/**
 * Tokens of DuckDB's dialect, as its own lexer sees them: enough to find names, keywords, brackets and ends of statements
 * without ever looking inside a string, a quoted name or a comment.
 */
export type TokenKind =
  | 'space'
  | 'comment'
  | 'word'
  | 'quoted'
  | 'string'
  | 'number'
  | 'parameter'
  | 'operator'
  /** A string, quoted name or comment without its end: everything up to the end of the text. */
  | 'unterminated'

export interface Token {
  readonly kind: TokenKind
  readonly text: string
  /** Offset in UTF-16 units of the tokenized text. */
  readonly start: number
  readonly end: number
  /** How many brackets are open around the token; a bracket itself stands at the depth outside it. */
  readonly depth: number
}

/** Asked before memory is taken, with what the tokens of a text will then take in all. Throws where that is too much. */
export type TokenRoom = (bytes: number) => void

const KINDS: readonly TokenKind[] = [
  'space',
  'comment',
  'word',
  'quoted',
  'string',
  'number',
  'parameter',
  'operator',
  'unterminated',
]
const KIND_BITS = 4
const KIND_MASK = 2 ** KIND_BITS - 1
/** Where a token ends, and its depth and kind. It begins where the one before it ends. */
const TOKEN_BYTES = 8

/**
 * The tokens of a text. Each is eight bytes, and becomes an object when it is asked for: with objects, copied for every part
 * of a statement, the 1.8M tokens of 300,000 tuples made the process some 440 MB larger.
 */
export class Tokens implements Iterable<Token> {
  readonly length: number
  readonly #text: string
  readonly #ends: Uint32Array
  readonly #shapes: Uint32Array
  /** Index of the first token in the arrays, which may be those of a larger text. */
  readonly #first: number
  /** Where the tokens' own text begins in that. */
  readonly #origin: number

  constructor(text: string, ends: Uint32Array, shapes: Uint32Array, first: number, length: number, origin: number) {
    this.#text = text
    this.#ends = ends
    this.#shapes = shapes
    this.#first = first
    this.length = length
    this.#origin = origin
  }

  at(index: number): Token | undefined {
    const kind = this.kindAt(index)
    if (kind === undefined) return undefined
    const start = this.#startAt(index)
    const end = this.#endAt(index)
    return { kind, text: this.#text.slice(start, end), start, end, depth: this.#shapeAt(index) >> KIND_BITS }
  }

  kindAt(index: number): TokenKind | undefined {
    return index < 0 || index >= this.length ? undefined : KINDS[this.#shapeAt(index) & KIND_MASK]
  }

  *[Symbol.iterator](): Generator<Token> {
    for (let index = 0; index < this.length; index++) {
      const token = this.at(index)
      if (token !== undefined) yield token
    }
  }

  /** Indexes of the tokens of these kinds. */
  *of(...kinds: readonly TokenKind[]): Generator<number> {
    const wanted = KINDS.map((kind) => kinds.includes(kind))
    for (let index = 0; index < this.length; index++) if (wanted[this.#shapeAt(index) & KIND_MASK] === true) yield index
  }

  /** The first unquoted word that passes. */
  findWord(passes: (token: Token) => boolean): Token | undefined {
    for (const index of this.of('word')) {
      const token = this.at(index)
      if (token !== undefined && passes(token)) return token
    }
    return undefined
  }

  /** Index of the first token that begins at an offset or behind it; `length` if there is none. */
  indexFrom(offset: number): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#startAt(middle) < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The tokens that lie within a part of the text, as those of a text of its own; nothing is copied. */
  within(start: number, end: number): Tokens {
    const from = this.indexFrom(start)
    let to = this.indexFrom(end)
    if (to > from && this.#endAt(to - 1) > end) to--
    const text = this.#text.slice(start, end)
    return new Tokens(text, this.#ends, this.#shapes, this.#first + from, to - from, this.#origin + start)
  }

  #shapeAt(index: number): number {
    return this.#shapes[this.#first + index] ?? 0
  }

  #startAt(index: number): number {
    return (this.#ends[this.#first + index - 1] ?? 0) - this.#origin
  }

  #endAt(index: number): number {
    return (this.#ends[this.#first + index] ?? 0) - this.#origin
  }
}

const LEAST_CAPACITY = 64
/** Of the characters, at first: a third where a text is a list of literals, few where it is one long string. */
const FIRST_SHARE = 1 / 16

/** Gathers the tokens of a text from left to right. */
export class TokenWriter {
  readonly #text: string
  readonly #room: TokenRoom | undefined
  #ends: Uint32Array
  #shapes: Uint32Array
  #length = 0

  constructor(text: string, room: TokenRoom | undefined) {
    this.#text = text
    this.#room = room
    const capacity = Math.min(text.length, Math.max(LEAST_CAPACITY, Math.ceil(text.length * FIRST_SHARE)))
    room?.(capacity * TOKEN_BYTES)
    this.#ends = new Uint32Array(capacity)
    this.#shapes = new Uint32Array(capacity)
  }

  push(kind: TokenKind, end: number, depth: number): void {
    if (this.#length === this.#ends.length) this.#grow()
    this.#ends[this.#length] = end
    this.#shapes[this.#length] = (depth << KIND_BITS) | KINDS.indexOf(kind)
    this.#length++
  }

  done(): Tokens {
    this.#room?.(this.#ends.length * TOKEN_BYTES)
    return new Tokens(this.#text, this.#ends, this.#shapes, 0, this.#length, 0)
  }

  #grow(): void {
    const capacity = Math.min(this.#text.length, this.#ends.length * 2)
    // Old and new at once.
    this.#room?.((capacity + this.#ends.length) * TOKEN_BYTES)
    const grown = [this.#ends, this.#shapes].map((from) => {
      const to = new Uint32Array(capacity)
      to.set(from)
      return to
    })
    this.#ends = grown[0] ?? this.#ends
    this.#shapes = grown[1] ?? this.#shapes
  }
}
