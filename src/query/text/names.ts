import { isKeyword, nameOf, type Tokens } from './tokenizer.ts'

/** A name as DuckDB's text: always quoted. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A string as DuckDB's text. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** `a.b."C"`: names joined by dots, with the span of the whole. */
export interface NameChain {
  readonly parts: readonly string[]
  readonly start: number
  readonly end: number
  /** Index in the token list of the first token after the chain. */
  readonly nextToken: number
  /** Index of the first token. */
  readonly firstToken: number
}

/**
 * All dotted chains of the text, keywords among them: a superset of the table names. A part may be followed by spaces
 * and comments before the dot, as in SQL.
 */
export function nameChains(tokens: Tokens): NameChain[] {
  const chains: NameChain[] = []
  let after = 0
  for (const at of tokens.of('word', 'quoted')) {
    const first = tokens.at(at)
    const name = nameOf(first)
    if (at < after || first === undefined || name === undefined) continue
    const parts = [name]
    let last = at
    for (;;) {
      const dot = nextSignificant(tokens, last + 1)
      if (tokens.at(dot)?.text !== '.') break
      const next = nextSignificant(tokens, dot + 1)
      const part = nameOf(tokens.at(next))
      if (part === undefined) break
      parts.push(part)
      last = next
    }
    after = last + 1
    chains.push({
      parts,
      start: first.start,
      end: tokens.at(last)?.end ?? first.end,
      firstToken: at,
      nextToken: after,
    })
  }
  return chains
}

/** Index of the first token from `from` on that is neither space nor comment; the length of the list if there is none. */
export function nextSignificant(tokens: Tokens, from: number): number {
  let at = from
  for (let kind = tokens.kindAt(at); kind === 'space' || kind === 'comment'; kind = tokens.kindAt(at)) at++
  return at
}

/** Index of the last significant token before `index`, or -1. */
export function previousSignificant(tokens: Tokens, index: number): number {
  let at = index - 1
  for (let kind = tokens.kindAt(at); kind === 'space' || kind === 'comment'; kind = tokens.kindAt(at)) at--
  return at
}

/** True where one of the words stands anywhere as an unquoted word. */
export function mentionsKeyword(tokens: Tokens, ...words: readonly string[]): boolean {
  return tokens.findWord((token) => isKeyword(token, ...words)) !== undefined
}

/** Every name that the tokens may mean, without its quotes and in lower case. */
export function mentionedNames(tokens: Tokens): ReadonlySet<string> {
  const names = new Set<string>()
  for (const at of tokens.of('word', 'quoted')) names.add(nameOf(tokens.at(at))?.toLowerCase() ?? '')
  return names
}
