import type { StatementText } from '../text/statements.ts'
import { nextSignificant } from '../text/names.ts'
import { isKeyword } from '../text/tokenizer.ts'

/** The `VALUES` of an INSERT: DuckDB casts each of their elements to its column, and takes DEFAULT for one. */
export interface ValuesList {
  /** Where they begin in the query: at VALUES, or at the brackets around it. */
  readonly start: number
  /** Elements of the first row. */
  readonly width: number
}

export interface Span {
  readonly start: number
  readonly end: number
}

/**
 * The VALUES that a query is, in brackets or not, with ORDER BY and LIMIT behind them; undefined for any other, `VALUES …
 * UNION …` and `FROM (VALUES …)` among them: there DuckDB finds one type for each column.
 */
export function valuesListOf(query: StatementText): ValuesList | undefined {
  const { tokens } = query
  const first = nextSignificant(tokens, 0)
  let at = first
  while (tokens.at(at)?.text === '(') at = nextSignificant(tokens, at + 1)
  const word = tokens.at(at)
  if (word === undefined || !isKeyword(word, 'VALUES')) return undefined
  const { depth } = word
  const combines = tokens.findWord((token) => token.depth <= depth && isKeyword(token, 'UNION', 'EXCEPT', 'INTERSECT'))
  if (combines !== undefined) return undefined
  const [row] = rowsOf(query, at)
  const isWhole = row !== undefined && row.length > 0 && row.every(({ start, end }) => start < end)
  return isWhole ? { start: tokens.at(first)?.start ?? 0, width: row.length } : undefined
}

/** The spans of the elements of each row behind the word VALUES at this index; an element that is not there is empty. */
export function* rowsOf({ tokens }: StatementText, valuesAt: number): Generator<Span[]> {
  const depth = tokens.at(valuesAt)?.depth ?? 0
  let row: Span[] | undefined
  let element: Span | undefined
  for (let at = nextSignificant(tokens, valuesAt + 1); at < tokens.length; at = nextSignificant(tokens, at + 1)) {
    const token = tokens.at(at)
    if (token === undefined) return
    const { text, start, end } = token
    if (row === undefined) {
      // Brackets of ORDER BY and LIMIT are no rows.
      if (token.depth === depth && text === '(') row = []
      else if (token.depth !== depth || text !== ',') return
      element = undefined
    } else if (token.depth === depth && text === ')') {
      // A comma may stand behind the last.
      yield element === undefined ? row : [...row, element]
      row = undefined
    } else if (token.depth === depth + 1 && text === ',') {
      row.push(element ?? { start, end: start })
      element = undefined
    } else element = { start: element?.start ?? start, end }
  }
}

/** Where a row begins that is not as long as the first of its VALUES. */
export function unequalRow(statement: StatementText): number | undefined {
  const { tokens } = statement
  for (const at of tokens.of('word')) {
    if (!isKeyword(tokens.at(at), 'VALUES')) continue
    let width: number | undefined
    for (const row of rowsOf(statement, at)) {
      width ??= row.length
      if (row.length !== width) return row[0]?.start
    }
  }
  return undefined
}
