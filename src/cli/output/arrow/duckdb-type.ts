import { IceboxError } from '../../../base/index.ts'

/** A type of a result column, taken apart from DuckDB's text of it. */
export type ParsedType =
  | { readonly kind: 'scalar'; readonly name: string }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'list'; readonly element: ParsedType }
  | { readonly kind: 'struct'; readonly fields: readonly { readonly name: string; readonly type: ParsedType }[] }
  | { readonly kind: 'map'; readonly key: ParsedType; readonly value: ParsedType }

/**
 * Parses `BIGINT`, `DECIMAL(15,2)`, `STRUCT(a INTEGER, "b c" VARCHAR)[]`, `MAP(VARCHAR, INTEGER)`, `INTEGER[3]`,
 * `ENUM('a', 'b')`. Rejects `schema/unsupported-type` for what it does not know (UNION).
 */
export function parseDuckdbType(text: string): ParsedType {
  const parser = new TypeParser(text)
  const type = parser.type()
  parser.end()
  return type
}

/** Scalar names of more than one word. */
const LONG_NAMES = ['TIMESTAMP WITH TIME ZONE', 'TIME WITH TIME ZONE', '"NULL"']

class TypeParser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  type(): ParsedType {
    let type = this.#unsuffixed()
    for (let suffix = this.#match(/^\s*\[\d*\]/); suffix !== undefined; suffix = this.#match(/^\s*\[\d*\]/)) {
      type = { kind: 'list', element: type }
    }
    return type
  }

  end(): void {
    if (this.#text.slice(this.#at).trim() !== '') throw this.#refused()
  }

  #unsuffixed(): ParsedType {
    for (const name of LONG_NAMES) {
      if (this.#rest().toUpperCase().startsWith(name)) {
        this.#at += name.length
        return { kind: 'scalar', name }
      }
    }
    const name = this.#match(/^[A-Za-z_][A-Za-z0-9_]*/)?.toUpperCase()
    if (name === undefined) throw this.#refused()
    if (this.#match(/^\s*\(/) === undefined) {
      return name === 'DECIMAL' ? { kind: 'decimal', precision: 18, scale: 3 } : { kind: 'scalar', name }
    }
    return this.#withArguments(name)
  }

  #withArguments(name: string): ParsedType {
    switch (name) {
      case 'DECIMAL':
        return this.#decimal()
      case 'STRUCT':
        return { kind: 'struct', fields: this.#fields() }
      case 'MAP': {
        const key = this.#spaced()
        this.#expect(/^\s*,/)
        const value = this.#spaced()
        this.#expect(/^\s*\)/)
        return { kind: 'map', key, value }
      }
      case 'ENUM':
        this.#expect(/^(\s*'([^']|'')*'\s*,?)*\s*\)/)
        return { kind: 'scalar', name }
      default:
        throw this.#refused()
    }
  }

  #decimal(): ParsedType {
    const numbers = /(\d+)\s*,\s*(\d+)/.exec(this.#expect(/^\s*\d+\s*,\s*\d+\s*\)/))
    return { kind: 'decimal', precision: Number(numbers?.[1]), scale: Number(numbers?.[2]) }
  }

  #fields(): { name: string; type: ParsedType }[] {
    const fields: { name: string; type: ParsedType }[] = []
    do {
      const quoted = this.#match(/^\s*"([^"]|"")*"/)?.trim()
      const name =
        quoted === undefined ? this.#expect(/^\s*[^\s,()]+/).trim() : quoted.slice(1, -1).replaceAll('""', '"')
      fields.push({ name, type: this.#spaced() })
    } while (this.#match(/^\s*,/) !== undefined)
    this.#expect(/^\s*\)/)
    return fields
  }

  #spaced(): ParsedType {
    this.#match(/^\s+/)
    return this.type()
  }

  #rest(): string {
    return this.#text.slice(this.#at)
  }

  #match(pattern: RegExp): string | undefined {
    const found = pattern.exec(this.#rest())?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #expect(pattern: RegExp): string {
    const found = this.#match(pattern)
    if (found === undefined) throw this.#refused()
    return found
  }

  #refused(): IceboxError {
    return new IceboxError('schema/unsupported-type', {
      message: `a column of type ${this.#text} has no Arrow form`,
      remedy: 'cast it in the statement, for example CAST(column AS VARCHAR)',
      context: { type: this.#text, at: this.#at },
    })
  }
}
