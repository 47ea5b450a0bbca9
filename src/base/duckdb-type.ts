import { IceboxError } from './errors.ts'

/** DuckDB's text of a type, taken apart. */
export type DuckDbType =
  | { readonly kind: 'scalar'; readonly name: string; readonly parameters: readonly number[] }
  | { readonly kind: 'list'; readonly element: DuckDbType }
  | { readonly kind: 'struct'; readonly fields: readonly DuckDbField[] }
  | { readonly kind: 'map'; readonly key: DuckDbType; readonly value: DuckDbType }

export interface DuckDbField {
  /** Undefined in a row without names: `STRUCT(INTEGER, DATE)`. */
  readonly name: string | undefined
  readonly type: DuckDbType
}

/** As deep as columns are declared. */
const MAX_DEPTH = 100

/**
 * Reads DuckDB's text of a type: `DECIMAL(15,2)`, `STRUCT(a INTEGER, "b c" VARCHAR[])[]`, `MAP(VARCHAR, BIGINT)`,
 * `TIMESTAMP WITH TIME ZONE`, `ENUM('a', 'b')`, `UNION(a INTEGER)`, of which only the name is kept. Rejects `schema/unsupported-type`.
 */
export function parseDuckDbType(text: string): DuckDbType {
  const reader = new TypeReader(text)
  const type = reader.type(0)
  reader.end()
  return type
}

class TypeReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  type(depth: number): DuckDbType {
    if (depth > MAX_DEPTH) throw this.#refuse(`is nested deeper than ${MAX_DEPTH} levels`)
    let type = this.#base(depth)
    for (let levels = depth + 1; ; levels++) {
      this.#spaces()
      const array = /^\[\d*\]/.exec(this.#text.slice(this.#at))
      if (array === null) return type
      if (levels > MAX_DEPTH) throw this.#refuse(`is nested deeper than ${MAX_DEPTH} levels`)
      this.#at += array[0].length
      type = { kind: 'list', element: type }
    }
  }

  end(): void {
    this.#spaces()
    if (this.#at < this.#text.length) throw this.#refuse(`cannot be read at '${this.#text.slice(this.#at)}'`)
  }

  #base(depth: number): DuckDbType {
    this.#spaces()
    if (this.#text[this.#at] === '"') return { kind: 'scalar', name: this.#name().toUpperCase(), parameters: [] }
    const words = /^[A-Za-z_][A-Za-z0-9_]*(?: (?:WITH(?:OUT)? TIME ZONE|PRECISION|VARYING))?/i.exec(
      this.#text.slice(this.#at),
    )
    if (words === null) throw this.#refuse('is not a type')
    this.#at += words[0].length
    const name = words[0].toUpperCase()
    if (this.#text[this.#at] !== '(') return { kind: 'scalar', name, parameters: [] }
    this.#at++
    if (name === 'STRUCT' || name === 'ROW') return { kind: 'struct', fields: this.#fields(depth) }
    if (name === 'MAP') {
      const key = this.type(depth + 1)
      this.#expect(',')
      const value = this.type(depth + 1)
      this.#expect(')')
      return { kind: 'map', key, value }
    }
    if (name !== 'UNION') return { kind: 'scalar', name, parameters: this.#parameters() }
    this.#fields(depth)
    return { kind: 'scalar', name, parameters: [] }
  }

  #fields(depth: number): DuckDbField[] {
    const fields: DuckDbField[] = []
    do {
      this.#spaces()
      const name = this.#isNamed() ? this.#name() : undefined
      fields.push({ name, type: this.type(depth + 1) })
      this.#spaces()
    } while (this.#take(','))
    this.#expect(')')
    return fields
  }

  /** A name stands before the type; a type alone is of one word, or goes on with its brackets or its time zone. */
  #isNamed(): boolean {
    return /^(?:"(?:[^"]|"")*"|[^\s"(),]+) +(?!WITH(?:OUT)? TIME ZONE)/i.test(this.#text.slice(this.#at))
  }

  #name(): string {
    const match = /^(?:"((?:[^"]|"")*)"|[^\s"(),]+)/.exec(this.#text.slice(this.#at))
    if (match === null) throw this.#refuse(`has no name at '${this.#text.slice(this.#at)}'`)
    this.#at += match[0].length
    return match[1] === undefined ? match[0] : match[1].replaceAll('""', '"')
  }

  /** Numbers of `DECIMAL(15,2)`; the values of an ENUM are read over. */
  #parameters(): number[] {
    const close = /^(?:'(?:[^']|'')*'|[^')])*\)/.exec(this.#text.slice(this.#at))
    if (close === null) throw this.#refuse('has no closing bracket')
    this.#at += close[0].length
    const numbers = close[0].slice(0, -1).split(',').map(Number)
    return numbers.every(Number.isInteger) ? numbers : []
  }

  #spaces(): void {
    while (this.#text[this.#at] === ' ') this.#at++
  }

  #take(character: string): boolean {
    this.#spaces()
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #expect(character: string): void {
    if (!this.#take(character)) throw this.#refuse(`has no '${character}' at '${this.#text.slice(this.#at)}'`)
  }

  #refuse(what: string): IceboxError {
    return new IceboxError('schema/unsupported-type', {
      message: `the type ${this.#text} ${what}`,
      remedy: 'write types as SQL does: BIGINT, DECIMAL(15,2), VARCHAR[], STRUCT(a INTEGER)',
      context: { type: this.#text },
    })
  }
}
