import { nextSignificant } from '../text/names.ts'
import { isKeyword, nameOf, type Tokens } from '../text/tokenizer.ts'
import { closingBracket, openingBracket } from './position.ts'

/** Tokens, by their index, among which a name of a WITH means its query and no table. */
interface CteScope {
  readonly name: string
  readonly from: number
  readonly to: number
}

/** Whether the name at a token is one that a WITH gives there. */
export function cteScopes(tokens: Tokens): (name: string, at: number) => boolean {
  const scopes: CteScope[] = []
  for (const at of tokens.of('word')) if (isKeyword(tokens.at(at), 'WITH')) scopes.push(...scopesOf(tokens, at))
  return (name, at) => scopes.some((scope) => scope.name === name.toLowerCase() && scope.from <= at && at < scope.to)
}

/** `WITH [RECURSIVE] a [(x, …)] [USING KEY (…)] AS [[NOT] MATERIALIZED] (…), b AS (…) …`: up to what is not understood. */
function scopesOf(tokens: Tokens, withAt: number): CteScope[] {
  const to = endOfScope(tokens, withAt)
  const scopes: CteScope[] = []
  let at = nextSignificant(tokens, withAt + 1)
  const accept = (...words: readonly string[]): boolean => {
    if (!isKeyword(tokens.at(at), ...words)) return false
    at = nextSignificant(tokens, at + 1)
    return true
  }
  const acceptBrackets = (): boolean => {
    const close = tokens.at(at)?.text === '(' ? closingBracket(tokens, at) : -1
    if (close < 0) return false
    at = nextSignificant(tokens, close + 1)
    return true
  }
  const isRecursive = accept('RECURSIVE')
  do {
    const name = nameOf(tokens.at(at))
    if (name === undefined) return scopes
    at = nextSignificant(tokens, at + 1)
    acceptBrackets()
    if (accept('USING') && !(accept('KEY') && acceptBrackets())) return scopes
    if (!accept('AS')) return scopes
    accept('NOT')
    accept('MATERIALIZED')
    const body = at
    if (!acceptBrackets()) return scopes
    // In its own body the name is the table still, unless the query is recursive.
    scopes.push({ name: name.toLowerCase(), from: isRecursive ? body : at, to })
    if (tokens.at(at)?.text !== ',') return scopes
    at = nextSignificant(tokens, at + 1)
  } while (at < tokens.length)
  return scopes
}

/** A WITH holds to the end of the brackets that it stands in. */
function endOfScope(tokens: Tokens, at: number): number {
  const open = openingBracket(tokens, at)
  return open < 0 ? tokens.length : closingBracket(tokens, open)
}
