import { isKeyword, isSignificant, nameOf, type Token } from './tokenizer.ts'

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
export function nameChains(tokens: readonly Token[]): NameChain[] {
  const chains: NameChain[] = []
  for (let at = 0; at < tokens.length; at++) {
    const first = tokens[at]
    const name = nameOf(first)
    if (first === undefined || name === undefined) continue
    const parts = [name]
    let last = at
    for (;;) {
      const dot = nextSignificant(tokens, last + 1)
      if (tokens[dot]?.text !== '.') break
      const next = nextSignificant(tokens, dot + 1)
      const part = nameOf(tokens[next])
      if (part === undefined) break
      parts.push(part)
      last = next
    }
    chains.push({
      parts,
      start: first.start,
      end: tokens[last]?.end ?? first.end,
      firstToken: at,
      nextToken: last + 1,
    })
    at = last
  }
  return chains
}

/** Index of the first token from `from` on that is neither space nor comment; the length of the list if there is none. */
export function nextSignificant(tokens: readonly Token[], from: number): number {
  let at = from
  for (let token = tokens[at]; token !== undefined && !isSignificant(token); token = tokens[at]) at++
  return at
}

/** True where one of the words stands anywhere as an unquoted word. */
export function mentionsKeyword(tokens: readonly Token[], ...words: readonly string[]): boolean {
  return tokens.some((token) => isKeyword(token, ...words))
}

/** Every name that the tokens may mean, without its quotes and in lower case. */
export function mentionedNames(tokens: readonly Token[]): ReadonlySet<string> {
  const names = new Set<string>()
  for (const { kind, text } of tokens) {
    if (kind === 'word') names.add(text.toLowerCase())
    else if (kind === 'quoted') names.add(text.slice(1, -1).replaceAll('""', '"').toLowerCase())
  }
  return names
}
