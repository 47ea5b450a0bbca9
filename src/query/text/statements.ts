import { IceboxError } from '../../base/index.ts'
import { placeOf, syntaxError } from './place.ts'
import { isSignificant, type Token, tokenize } from './tokenizer.ts'

/** One statement of a script. */
export interface StatementText {
  /** The text without the semicolon; begins at its first significant token. */
  readonly sql: string
  /** Offset of `sql` in the script, and the script, to mark places in what the person wrote. */
  readonly offset: number
  readonly script: string
  /** Tokens of `sql`, offsets relative to `sql`. */
  readonly tokens: readonly Token[]
}

/** A script larger than this is refused: parsing holds several copies of it. */
export const MAX_SCRIPT_BYTES = 16 * 1024 * 1024
/** Deeper brackets than this are refused before a recursive parser meets them. */
const MAX_DEPTH = 1000

/**
 * Splits a script at the semicolons that stand outside strings, comments and brackets; empty statements are dropped.
 * Rejects `sql/syntax` for what has no end, with the place where it begins.
 */
export function splitStatements(script: string): StatementText[] {
  if (script.length > MAX_SCRIPT_BYTES) {
    throw new IceboxError('sql/unsupported', {
      message: `the SQL text is ${script.length} characters long; at most ${MAX_SCRIPT_BYTES} are taken at once`,
      remedy: 'import large data with icebox import, or split the script',
    })
  }
  const tokens = tokenize(script)
  const statements: StatementText[] = []
  let from = 0
  for (let at = 0; at <= tokens.length; at++) {
    const token = tokens[at]
    if (token?.kind === 'unterminated') throw unterminated(script, token)
    if (token !== undefined && token.depth > MAX_DEPTH) {
      throw syntaxError(script, token.start, `brackets nest deeper than ${MAX_DEPTH}`)
    }
    // A semicolon inside an unclosed bracket ends the statement too: DuckDB then says which bracket is missing.
    if (token !== undefined && !(token.kind === 'operator' && token.text === ';')) continue
    const statement = statementOf(script, tokens.slice(from, at))
    if (statement !== undefined) statements.push(statement)
    from = at + 1
  }
  return statements
}

function statementOf(script: string, tokens: readonly Token[]): StatementText | undefined {
  const first = tokens.findIndex(isSignificant)
  if (first === -1) return undefined
  const last = tokens.findLastIndex(isSignificant)
  const kept = tokens.slice(first, last + 1)
  const offset = kept[0]?.start ?? 0
  const end = kept.at(-1)?.end ?? offset
  return {
    sql: script.slice(offset, end),
    offset,
    script,
    tokens: kept.map((token) => ({ ...token, start: token.start - offset, end: token.end - offset })),
  }
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
