import { IceboxError } from './errors.ts'

/** Integers beyond ±(2^53 - 1) come out as bigint, all other numbers as number. */
export type Json = null | boolean | number | bigint | string | Json[] | { [key: string]: Json }

/** Deeper nesting than this is refused: no document of ours comes near, and recursion stays within the stack. */
export const MAX_JSON_DEPTH = 512

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const INTEGER = /^-?\d+$/
/** Runs of characters that stand for themselves in a string (RFC 8259, section 7). */
// oxlint-disable-next-line no-control-regex
const PLAIN = /[^"\\\u0000-\u001f]*/y
const HEX4 = /[0-9a-fA-F]{4}/y

/** The value of an integer's text: a number within ±(2^53 - 1), else a bigint. */
export function integerOf(text: string): number | bigint {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : BigInt(text)
}

/**
 * A scanner for RFC 8259 texts that keeps integers exact and says where it stopped. About ten times slower than the
 * native parser, which {@link parseJson} uses wherever it is exact.
 */
export class JsonScanner {
  private position = 0
  private readonly text: string
  constructor(text: string) {
    this.text = text
  }

  /** The whole text as one value. */
  document(): Json {
    const value = this.value(0)
    this.space()
    if (this.position < this.text.length) this.fail('nothing more')
    return value
  }

  private value(depth: number): Json {
    if (depth > MAX_JSON_DEPTH) this.fail(`at most ${MAX_JSON_DEPTH} levels`)
    this.space()
    const letter = this.text[this.position]
    if (letter === '{') return this.object(depth)
    if (letter === '[') return this.array(depth)
    if (letter === '"') return this.string()
    if (letter === 't') return this.word('true', true)
    if (letter === 'f') return this.word('false', false)
    if (letter === 'n') return this.word('null', null)
    return this.number()
  }

  private object(depth: number): Json {
    const object: { [key: string]: Json } = {}
    this.position++
    this.space()
    if (this.accept('}')) return object
    do {
      this.space()
      if (this.text[this.position] !== '"') this.fail('a key in quotes')
      const key = this.string()
      this.space()
      if (!this.accept(':')) this.fail("':'")
      const value = this.value(depth + 1)
      // A plain assignment to `__proto__` would set the prototype; JSON.parse makes a property.
      if (key === '__proto__')
        Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
      else object[key] = value
      this.space()
    } while (this.accept(','))
    if (!this.accept('}')) this.fail("',' or '}'")
    return object
  }

  private array(depth: number): Json {
    const array: Json[] = []
    this.position++
    this.space()
    if (this.accept(']')) return array
    do {
      array.push(this.value(depth + 1))
      this.space()
    } while (this.accept(','))
    if (!this.accept(']')) this.fail("',' or ']'")
    return array
  }

  private string(): string {
    this.position++
    let value = ''
    for (;;) {
      value += this.match(PLAIN) ?? ''
      if (this.accept('"')) return value
      if (!this.accept('\\'))
        this.fail(this.position < this.text.length ? 'no control character' : 'the end of a string')
      const letter = this.text[this.position] ?? ''
      const plain = ESCAPES[letter]
      if (plain !== undefined) {
        this.position++
        value += plain
      } else if (this.accept('u')) {
        const hex = this.match(HEX4)
        value += String.fromCharCode(Number.parseInt(hex ?? this.fail('four hexadecimal digits'), 16))
      } else this.fail('an escape')
    }
  }

  private number(): Json {
    const text = this.match(NUMBER)
    if (text === undefined) return this.fail('a value')
    return INTEGER.test(text) ? integerOf(text) : Number(text)
  }

  private word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.position)) this.fail('a value')
    this.position += word.length
    return value
  }

  private space(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.position)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.position++
    }
  }

  private accept(letter: string): boolean {
    if (this.text[this.position] !== letter) return false
    this.position++
    return true
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.position
    const found = pattern.exec(this.text)?.[0]
    if (found !== undefined) this.position += found.length
    return found
  }

  private fail(expected: string): never {
    const before = this.text.slice(0, this.position)
    const line = before.split('\n').length
    const column = this.position - before.lastIndexOf('\n')
    const found = this.text.slice(this.position, this.position + 12)
    throw new IceboxError('usage/invalid', {
      message: `not JSON at line ${line}, column ${column}: ${found === '' ? 'the text ends' : JSON.stringify(found)} where ${expected} is expected`,
      context: { line, column, offset: this.position },
    })
  }
}
