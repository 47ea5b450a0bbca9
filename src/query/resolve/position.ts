import { nextSignificant, previousSignificant } from '../text/names.ts'
import { isKeyword, isSignificant, nameOf, type Token, type Tokens } from '../text/tokenizer.ts'

const CLAUSES = [
  'SELECT',
  'FROM',
  'WHERE',
  'GROUP',
  'HAVING',
  'ORDER',
  'LIMIT',
  'JOIN',
  'SET',
  'VALUES',
  'QUALIFY',
  'WINDOW',
  'RETURNING',
  'UNION',
  'BY',
] as const
const BEFORE_TABLE = [
  'JOIN',
  'TABLE',
  'INTO',
  'DESCRIBE',
  'DESC',
  'SUMMARIZE',
  'PIVOT',
  'UNPIVOT',
  'PIVOT_WIDER',
  'PIVOT_LONGER',
  'SHOW',
]
const FROM_TAKING_CALLS = ['EXTRACT', 'TRIM', 'SUBSTRING', 'OVERLAY', 'POSITION']

/**
 * True where a name that begins at `index` is the name of a table: after FROM or JOIN, or after a comma of a FROM list.
 * Only there is text replaced (time travel, `t.snapshots`); everywhere else a name may be a column.
 */
export function isTablePosition(tokens: Tokens, index: number): boolean {
  const before = previousSignificant(tokens, beforePrefixAlias(tokens, index))
  const token = tokens.at(before)
  if (token === undefined) return false
  if (isKeyword(token, ...BEFORE_TABLE)) return true
  if (isKeyword(token, 'FROM')) return !isFromOfExpression(tokens, before)
  if (token.text === ',' || token.text === '(') {
    // A comma of a FROM list, or brackets around its first table: FROM (a JOIN b …).
    const clause = clauseBefore(tokens, before)
    return isKeyword(clause, 'FROM', 'JOIN')
  }
  return false
}

/** Index of the alias in `a: t`; the token itself where there is none. */
function beforePrefixAlias(tokens: Tokens, at: number): number {
  const colon = previousSignificant(tokens, at)
  return tokens.at(colon)?.text === ':' ? previousSignificant(tokens, colon) : at
}

/** Words that may follow a table and are no alias of it. */
const NO_ALIAS =
  /^(WHERE|GROUP|HAVING|ORDER|LIMIT|OFFSET|JOIN|INNER|LEFT|RIGHT|FULL|OUTER|CROSS|NATURAL|POSITIONAL|ASOF|SEMI|ANTI|ON|USING|UNION|INTERSECT|EXCEPT|QUALIFY|WINDOW|SELECT|TABLESAMPLE|PIVOT|UNPIVOT|FETCH|FOR|AT)$/i

/** True where the token behind a table begins its alias. */
export function isAlias(token: Token | undefined): boolean {
  if (token === undefined) return false
  return (
    isKeyword(token, 'AS') || token.kind === 'quoted' || (nameOf(token) !== undefined && !NO_ALIAS.test(token.text))
  )
}

/** `IS DISTINCT FROM x`, `EXTRACT(year FROM x)`. */
function isFromOfExpression(tokens: Tokens, from: number): boolean {
  const before = previousSignificant(tokens, from)
  if (isKeyword(tokens.at(before), 'DISTINCT'))
    return isKeyword(tokens.at(previousSignificant(tokens, before)), 'IS', 'NOT')
  const depth = tokens.at(from)?.depth ?? 0
  if (depth === 0) return false
  let open = from - 1
  while (open >= 0 && !(tokens.at(open)?.text === '(' && tokens.at(open)?.depth === depth - 1)) open--
  return isKeyword(tokens.at(previousSignificant(tokens, open)), ...FROM_TAKING_CALLS)
}

/** The keyword that a comma or bracket belongs to; ON and USING are part of FROM (and of DISTINCT ON, part of SELECT). */
function clauseBefore(tokens: Tokens, index: number): Token | undefined {
  const token = tokens.at(index)
  const depth = token?.depth ?? 0
  if (token?.text === '(') return tokens.at(previousSignificant(tokens, index))
  for (let at = index - 1; at >= 0; at--) {
    const candidate = tokens.at(at)
    if (candidate === undefined || candidate.depth < depth) return undefined
    if (candidate.depth === depth && isKeyword(candidate, ...CLAUSES)) return candidate
  }
  return undefined
}

/** Index of the token that closes the bracket at `open`, or -1. */
export function closingBracket(tokens: Tokens, open: number): number {
  const depth = tokens.at(open)?.depth ?? 0
  for (let at = open + 1; at < tokens.length; at++) {
    if (tokens.kindAt(at) !== 'operator') continue
    const token = tokens.at(at)
    if (token?.depth === depth && /^[)\]}]$/.test(token.text)) return at
  }
  return -1
}

/** Significant tokens from `from` to before `to`. */
export function significantBetween(tokens: Tokens, from: number, to: number): Token[] {
  const found: Token[] = []
  for (let at = from; at < to; at++) {
    const token = tokens.at(at)
    if (token !== undefined && isSignificant(token)) found.push(token)
  }
  return found
}

export { nextSignificant, previousSignificant }

/** Index of the innermost bracket that is open at a token, or -1. */
export function openingBracket(tokens: Tokens, at: number): number {
  const depth = tokens.at(at)?.depth ?? 0
  if (depth === 0) return -1
  let open = at - 1
  while (open >= 0 && !(tokens.at(open)?.depth === depth - 1 && /^[([{]$/.test(tokens.at(open)?.text ?? ''))) open--
  return open
}
