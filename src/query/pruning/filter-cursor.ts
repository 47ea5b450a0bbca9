import { isKeyword, type Token } from '../text/tokenizer.ts'

/** The text of a filter is not of the grammar that is understood. */
export class NotUnderstood extends Error {}

/** Reads the significant tokens of one printed filter from left to right. What does not fit is `NotUnderstood`. */
export class FilterCursor {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  /** Where it is, for `back`. */
  get at(): number {
    return this.#at
  }

  get isAtEnd(): boolean {
    return this.#at === this.#tokens.length
  }

  back(at: number): void {
    this.#at = at
  }

  skip(count: number): void {
    this.#at += count
  }

  /** Words and bracketed parameters up to whatever ends a type. */
  type(): string {
    const words: string[] = []
    for (let token = this.peek(); token?.kind === 'word' && !isKeyword(token, 'AND', 'OR'); token = this.peek()) {
      words.push(token.text.toUpperCase())
      this.#at++
    }
    if (words.length === 0) throw new NotUnderstood()
    if (this.peek()?.text === '(') {
      const start = this.#at
      this.skipBrackets()
      words.push(
        this.#tokens
          .slice(start, this.#at)
          .map((token) => token.text)
          .join(''),
      )
    }
    return words.join(' ')
  }

  skipBrackets(): void {
    const open = this.next()
    if (open?.text !== '(') throw new NotUnderstood()
    for (let token = this.next(); token !== undefined; token = this.next()) {
      if (token.text === ')' && token.depth === open.depth) return
    }
    throw new NotUnderstood()
  }

  isAtEndOfTerm(): boolean {
    const token = this.peek()
    return token === undefined || token.text === ')' || isKeyword(token, 'AND', 'OR')
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead]
  }

  next(): Token | undefined {
    return this.#tokens[this.#at++]
  }

  accept(word: string): boolean {
    if (!isKeyword(this.peek(), word)) return false
    this.#at++
    return true
  }

  acceptText(text: string): boolean {
    if (this.peek()?.text !== text || this.peek()?.kind !== 'operator') return false
    this.#at++
    return true
  }

  expect(text: string): void {
    if (!this.acceptText(text)) throw new NotUnderstood()
  }

  expectWord(word: string): void {
    if (!this.accept(word)) throw new NotUnderstood()
  }
}
