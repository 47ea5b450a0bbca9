import { halfPairAt, IceboxError } from '../../base/index.ts'
import { placeOf, syntaxError } from './place.ts'
import { nextSignificant, previousSignificant } from './names.ts'
import { type Token, tokenize, type TokenRoom, type Tokens } from './tokenizer.ts'

/** One statement of a script. */
export interface StatementText {
  /** The text without the semicolon; begins at its first significant token. */
  readonly sql: string
  /** Offset of `sql` in the script, and the script, to mark places in what the person wrote. */
  readonly offset: number
  readonly script: string
  /** Tokens of `sql`, offsets relative to `sql`. */
  readonly tokens: Tokens
}

/** A script larger than this is refused: parsing holds several copies of it. */
export const MAX_SCRIPT_BYTES = 16 * 1024 * 1024
/** Deeper brackets than this are refused before a recursive parser meets them. */
const MAX_DEPTH = 1000

/**
 * Splits a script at the semicolons that stand outside strings, comments and brackets; empty statements are dropped.
 * Rejects `sql/syntax` for what has no end, with the place where it begins, for NUL and half surrogate pairs, and what `room` throws.
 */
export function splitStatements(script: string, room?: TokenRoom): StatementText[] {
  if (script.length > MAX_SCRIPT_BYTES) {
    throw new IceboxError('sql/unsupported', {
      message: `the SQL text is ${script.length} characters long; at most ${MAX_SCRIPT_BYTES} are taken at once`,
      remedy: 'import large data with icebox import, or split the script',
    })
  }
  checkCharacters(script)
  const tokens = tokenize(script, room)
  const statements: StatementText[] = []
  let from = 0
  const end = (to: number): void => {
    const statement = statementOf(script, tokens, from, to)
    if (statement !== undefined) statements.push(statement)
    from = to + 1
  }
  for (const at of tokens.of('operator', 'unterminated')) {
    const token = tokens.at(at)
    if (token?.kind === 'unterminated') throw unterminated(script, token)
    if (token !== undefined && /^[([{]$/.test(token.text) && token.depth >= MAX_DEPTH) {
      throw syntaxError(script, token.start, `brackets nest deeper than ${MAX_DEPTH}`)
    }
    // A semicolon inside an unclosed bracket ends the statement too: DuckDB then says which bracket is missing.
    if (token?.text === ';') end(at)
  }
  end(tokens.length)
  return statements
}

/** The engine's text would end at a NUL, whatever follows, and half of a pair would be another character. */
function checkCharacters(script: string): void {
  const nul = script.indexOf('\0')
  if (nul >= 0)
    throw syntaxError(script, nul, 'the text holds a NUL character', 'write chr(0), or bind the value as $1')
  const half = halfPairAt(script)
  if (half >= 0) throw syntaxError(script, half, 'the text holds half of a surrogate pair', 'write text that is whole')
}

/** A part of a script as a statement, from its first significant token to its last. */
function statementOf(script: string, tokens: Tokens, from: number, to: number): StatementText | undefined {
  const first = tokens.at(nextSignificant(tokens, from))
  const last = tokens.at(previousSignificant(tokens, to))
  if (first === undefined || last === undefined || first.start > last.start) return undefined
  const offset = first.start
  return { sql: script.slice(offset, last.end), offset, script, tokens: tokens.within(offset, last.end) }
}

function unterminated(script: string, token: Token): IceboxError {
  const what = token.text.startsWith('/*') ? 'comment' : token.text.startsWith('"') ? 'quoted name' : 'string'
  return syntaxError(script, token.start, `this ${what} has no end`, `close the ${what}`)
}

/** A `sql/syntax` error at an offset of the statement, marked in the script. */
export function statementError(statement: StatementText, offset: number, what: string, remedy?: string): IceboxError {
  return syntaxError(statement.script, statement.offset + offset, what, remedy)
}

/** A `sql/unsupported` error with the place. */
export function unsupported(statement: StatementText, offset: number, what: string, remedy: string): IceboxError {
  const place = placeOf(statement.script, statement.offset + offset)
  return new IceboxError('sql/unsupported', {
    message: `${what} (line ${place.line}, column ${place.column})\n${place.marked}`,
    remedy,
    context: { line: place.line, column: place.column },
  })
}
