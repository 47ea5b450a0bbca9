import { IceboxError } from './errors.ts'
import { integerOf, type Json, JsonScanner, MAX_JSON_DEPTH } from './json-scanner.ts'

export type { Json } from './json-scanner.ts'

const LONG_DIGITS = /\d{16}/
/**
 * An integer of 16 digits or more that may stand outside of strings: between structural characters.
 * One inside a string can look the same; {@link parseJson} finds out.
 */
const LONG_INTEGER = /((?:^|[:,[])[ \t\r\n]*)(-?[1-9]\d{15,})(?=[ \t\r\n]*(?:[,}\]]|$))/g

/**
 * The value of a JSON text (RFC 8259), with integers exact. Rejects `usage/invalid` with line, column and what was
 * expected there; callers wrap it into a code of their own.
 *
 * The native parser does the work: at once where no run of 16 digits is in the text, else after every long integer was
 * made a string that starts with NUL, which a walk turns into bigint. Should such an integer have stood inside a
 * string, the quote we put before it ends that string, and the backslash that follows is a syntax error: then, as
 * with any text that the native parser refuses, the scanner decides. So the fast way is either right or not taken.
 */
export function parseJson(text: string): Json {
  try {
    if (!LONG_DIGITS.test(text)) return native(text)
    if (!text.includes('\\u0000')) {
      return exact(native(text.replace(LONG_INTEGER, String.raw`$1"\u0000$2"`)), 0)
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  return new JsonScanner(text).document()
}

function native(text: string): Json {
  const value: Json = JSON.parse(text)
  return value
}

function exact(value: Json, depth: number): Json {
  if (typeof value === 'string') return value.charCodeAt(0) === 0 ? integerOf(value.slice(1)) : value
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_JSON_DEPTH) throw new SyntaxError('too deep')
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const item = value[index]
      if (item !== undefined && (typeof item === 'string' ? item.charCodeAt(0) === 0 : typeof item === 'object'))
        value[index] = exact(item, depth + 1)
    }
    return value
  }
  for (const key in value) {
    const item = value[key]
    if (typeof item === 'string') {
      if (item.charCodeAt(0) === 0) setOwn(value, key, exact(item, depth + 1))
    } else if (typeof item === 'object' && item !== null) exact(item, depth + 1)
  }
  return value
}

function setOwn(object: { [key: string]: Json }, key: string, value: Json): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
  else object[key] = value
}

// Escaped by JSON.stringify: quotes, backslashes, control characters, lone surrogates.
// oxlint-disable-next-line no-control-regex
const NEEDS_ESCAPE = /["\\\u0000-\u001f\ud800-\udfff]/

function quote(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`
}

/**
 * JSON text of a value built of null, boolean, finite number, bigint, string, arrays and plain objects; a property that
 * is undefined is left out. `indent` is the number of spaces a level (default: one line). Rejects anything else with
 * `usage/invalid` instead of writing a null that was not there.
 */
export function printJson(value: unknown, indent = 0): string {
  return print(value, indent > 0 ? '\n' : '', ' '.repeat(indent))
}

function print(value: unknown, newline: string, step: string): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'number' && Number.isFinite(value)) return Object.is(value, -0) ? '-0.0' : String(value)
  if (typeof value === 'boolean' || typeof value === 'bigint' || value === null) return String(value)
  if (newline === '' && isNative(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return printArray(value, newline, step)
  return typeof value === 'object' ? printObject(value, newline, step) : refuse(value)
}

/** True where the native printer, several times as fast, prints the same: no bigint, nothing that it would turn into null. */
function isNative(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0)
  if (typeof value !== 'object') return typeof value === 'string' || typeof value === 'boolean'
  if (value === null) return true
  if (Array.isArray(value)) return value.every(isNative)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  return Object.values(value).every((item) => item === undefined || isNative(item))
}

function printArray(array: readonly unknown[], newline: string, step: string): string {
  if (array.length === 0) return '[]'
  const inner = newline + step
  let text = ''
  for (const item of array) text += `${text === '' ? '[' : ','}${inner}${print(item, inner, step)}`
  return `${text}${newline}]`
}

function printObject(object: object, newline: string, step: string): string {
  const prototype: unknown = Object.getPrototypeOf(object)
  if (prototype !== Object.prototype && prototype !== null) return refuse(object)
  const inner = newline + step
  const colon = newline === '' ? ':' : ': '
  let text = ''
  const values: { readonly [key: string]: unknown } = { ...object }
  for (const key in values) {
    const item = values[key]
    if (item !== undefined) text += `${text === '' ? '{' : ','}${inner}${quote(key)}${colon}${print(item, inner, step)}`
  }
  return text === '' ? '{}' : `${text}${newline}}`
}

function refuse(value: unknown): never {
  throw new IceboxError('usage/invalid', { message: `${typeof value} ${String(value)} has no JSON form` })
}
