import { type Token, type TokenKind, type TokenRoom, Tokens, TokenWriter } from './tokens.ts'

export { type Token, type TokenKind, type TokenRoom, Tokens }

// The order matters: the first alternative that matches at the position wins.
const SPACE = /[\s\u00a0\u2000-\u200b\u3000\ufeff]+/y
const LINE_COMMENT = /--[^\n]*/y
const DOLLAR_TAG = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y
// Runs of plain characters are one step each: a step for every character overflows the stack at a few MB.
const ESCAPE_STRING = /[eE]'[^'\\]*(?:(?:''|\\[\s\S])[^'\\]*)*'/y
const STRING = /(?:[xXbB]|[uU]&)?'[^']*(?:''[^']*)*'/y
const QUOTED = /"[^"]*(?:""[^"]*)*"/y
const PARAMETER = /\$[A-Za-z0-9_\u0080-\uffff]+|\?[0-9]*/y
const NUMBER = /0[xX][0-9a-fA-F_]+|0[bB][01_]+|(?:[0-9][0-9_]*(?:\.(?!\.)[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?/y
const WORD = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y
const OPERATOR = /::|:=|=>|->>|->|<=|>=|<>|!=|==|\|\||\*\*|\/\/|[\s\S]/y

const SIMPLE: readonly (readonly [TokenKind, RegExp])[] = [
  ['space', SPACE],
  ['comment', LINE_COMMENT],
  ['string', ESCAPE_STRING],
  ['string', STRING],
  ['quoted', QUOTED],
  ['parameter', PARAMETER],
  ['number', NUMBER],
  ['word', WORD],
]

/**
 * Every character of `sql` is in exactly one token, in order. Never fails for the text's sake: what has no end is an
 * `unterminated` token. `room` is asked before memory is taken for more tokens; what it throws is passed on.
 */
export function tokenize(sql: string, room?: TokenRoom): Tokens {
  const tokens = new TokenWriter(sql, room)
  let depth = 0
  let at = 0
  const push = (kind: TokenKind, end: number): void => {
    tokens.push(kind, end, depth)
    at = end
  }
  while (at < sql.length) {
    if (sql.startsWith('/*', at)) {
      const end = endOfBlockComment(sql, at)
      push(end === -1 ? 'unterminated' : 'comment', end === -1 ? sql.length : end)
      continue
    }
    const tag = sql[at] === '$' ? matchAt(DOLLAR_TAG, sql, at) : undefined
    if (tag !== undefined) {
      const close = sql.indexOf(tag, at + tag.length)
      push(close === -1 ? 'unterminated' : 'string', close === -1 ? sql.length : close + tag.length)
      continue
    }
    const simple = SIMPLE.find(([, pattern]) => matchesAt(pattern, sql, at))
    if (simple !== undefined) {
      push(simple[0], simple[1].lastIndex)
      continue
    }
    const character = sql[at]
    if (character === "'" || character === '"') {
      push('unterminated', sql.length)
      continue
    }
    const operator = matchAt(OPERATOR, sql, at) ?? sql.slice(at)
    if (operator === ')' || operator === ']' || operator === '}') depth = Math.max(0, depth - 1)
    push('operator', at + operator.length)
    if (operator === '(' || operator === '[' || operator === '{') depth++
  }
  return tokens.done()
}

/** False for spaces and comments. */
export function isSignificant(token: Token): boolean {
  return token.kind !== 'space' && token.kind !== 'comment'
}

/** True for an unquoted word, whatever its case. */
export function isKeyword(token: Token | undefined, ...words: readonly string[]): boolean {
  return token?.kind === 'word' && words.includes(token.text.toUpperCase())
}

/** The name of a word or quoted token, without its quotes; undefined for anything else. */
export function nameOf(token: Token | undefined): string | undefined {
  if (token?.kind === 'word') return token.text
  if (token?.kind === 'quoted') return token.text.slice(1, -1).replaceAll('""', '"')
  return undefined
}

/** The value of a string token (`'…'`, `E'…'` with its escapes, `$tag$…$tag$`); undefined for other tokens. */
export function stringValue(token: Token | undefined): string | undefined {
  if (token?.kind !== 'string') return undefined
  const { text } = token
  if (text.startsWith('$')) {
    const tag = text.slice(0, text.indexOf('$', 1) + 1)
    return text.slice(tag.length, -tag.length)
  }
  if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'")
  if (/^[eE]'/.test(text)) return unescapeString(text.slice(2, -1))
  return undefined
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' }

function unescapeString(body: string): string {
  return body.replaceAll(
    /''|\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|([\s\S]))/g,
    (whole, hex?: string, short?: string, long?: string, octal?: string, other?: string) => {
      if (whole === "''") return "'"
      const code = hex ?? short ?? long
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16))
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8))
      return ESCAPES[other ?? ''] ?? other ?? ''
    },
  )
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}

function matchesAt(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at
  return pattern.test(text)
}

/** Block comments nest. Returns the offset after the end, or -1. */
function endOfBlockComment(sql: string, start: number): number {
  const mark = /\/\*|\*\//g
  mark.lastIndex = start
  let open = 0
  for (let match = mark.exec(sql); match !== null; match = mark.exec(sql)) {
    open += match[0] === '/*' ? 1 : -1
    if (open === 0) return mark.lastIndex
  }
  return -1
}
