import type { IceboxError } from '../../base/index.ts'
import { type StatementText, statementError, unsupported } from '../text/statements.ts'
import { nextSignificant } from '../text/names.ts'
import { isKeyword, nameOf, stringValue, type Token, type Tokens } from '../text/tokenizer.ts'

/** A table as the statement names it: `ns.t`, or `t` in the namespace in use. */
export interface TableName {
  readonly parts: readonly string[]
  readonly start: number
}

/** Reads a statement's significant tokens from left to right. */
export class Cursor {
  readonly statement: StatementText
  readonly #tokens: Tokens
  /** Index of the next token. */
  #at: number

  constructor(statement: StatementText) {
    this.statement = statement
    this.#tokens = statement.tokens
    this.#at = nextSignificant(this.#tokens, 0)
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens.at(this.#indexOf(ahead))
  }

  /** Offset of the next token; of the end of the statement when there is none. */
  get offset(): number {
    return this.peek()?.start ?? this.statement.sql.length
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#tokens.length
  }

  next(): Token | undefined {
    const token = this.peek()
    this.#take(1)
    return token
  }

  /** True when the next tokens are these keywords; nothing is taken. */
  sees(...words: readonly string[]): boolean {
    return words.every((word, ahead) => isKeyword(this.peek(ahead), word))
  }

  /** Takes the keywords if all of them are next. */
  accept(...words: readonly string[]): boolean {
    if (!this.sees(...words)) return false
    this.#take(words.length)
    return true
  }

  acceptText(text: string): boolean {
    const token = this.peek()
    if (token?.kind !== 'operator' || token.text !== text) return false
    this.#take(1)
    return true
  }

  expect(...words: readonly string[]): void {
    if (!this.accept(...words)) throw this.error(`expected ${words.join(' ')}`)
  }

  expectText(text: string): void {
    if (!this.acceptText(text)) throw this.error(`expected ${text}`)
  }

  name(what: string): string {
    const name = nameOf(this.peek())
    if (name === undefined || name === '') throw this.error(`expected ${what}`)
    this.#take(1)
    return name
  }

  /** Names joined by dots. */
  path(what: string): string[] {
    const parts = [this.name(what)]
    while (this.acceptText('.')) parts.push(this.name(what))
    return parts
  }

  tableName(): TableName {
    const start = this.offset
    return { parts: this.path('the name of a table'), start }
  }

  string(what: string): string {
    const value = stringValue(this.peek())
    if (value === undefined) throw this.error(`expected ${what} in quotes`)
    this.#take(1)
    return value
  }

  integer(what: string): number {
    const token = this.peek()
    if (token?.kind !== 'number' || !/^\d{1,9}$/.test(token.text)) throw this.error(`expected ${what}`)
    this.#take(1)
    return Number(token.text)
  }

  /** `(a, b, …)`: what `read` takes, once for each element. */
  list<T>(read: () => T): T[] {
    this.expectText('(')
    const items: T[] = []
    if (this.acceptText(')')) return items
    do items.push(read())
    while (this.acceptText(','))
    this.expectText(')')
    return items
  }

  expectEnd(): void {
    if (!this.isAtEnd) throw this.error(`'${this.peek()?.text ?? ''}' is not expected here`)
  }

  /** Index of a significant token, counted from the next one. */
  #indexOf(ahead: number): number {
    let at = this.#at
    for (let count = 0; count < ahead; count++) at = nextSignificant(this.#tokens, at + 1)
    return at
  }

  #take(count: number): void {
    this.#at = this.#indexOf(count)
  }

  /** The rest of the statement as a statement of its own, with its place in the script kept. */
  rest(): StatementText {
    const { statement } = this
    return part(statement, this.offset, statement.sql.length)
  }

  error(what: string, remedy?: string): IceboxError {
    return statementError(this.statement, this.offset, what, remedy)
  }

  unsupported(what: string, remedy: string): IceboxError {
    return unsupported(this.statement, this.offset, what, remedy)
  }
}

/** A part of a statement as a statement of its own. */
export function part(statement: StatementText, start: number, end: number): StatementText {
  return {
    sql: statement.sql.slice(start, end),
    offset: statement.offset + start,
    script: statement.script,
    tokens: statement.tokens.within(start, end),
  }
}
