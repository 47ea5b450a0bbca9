import { mentionsKeyword, nextSignificant, previousSignificant } from '../text/names.ts'
import { isKeyword, type Tokens } from '../text/tokenizer.ts'

/**
 * True where DuckDB 1.5.5 may skip row groups that the statement wants rows of: of one whose column is NULL throughout it reads
 * `x IS DISTINCT FROM 5 OR x = 7` as false, and skips it, by itself or by a file's statistics. `b IS NOT TRUE` is such a comparison
 * too, and NOT makes an OR of an AND.
 */
export function mayLoseNulls(tokens: Tokens): boolean {
  if (!mentionsKeyword(tokens, 'OR', 'NOT')) return false
  let comparesNulls = false
  let hasAlternatives = false
  let negates = false
  let conjoins = false
  for (const at of tokens.of('word')) {
    const token = tokens.at(at)
    const next = tokens.at(nextSignificant(tokens, at + 1))
    const isAfterIs = () => isKeyword(tokens.at(previousSignificant(tokens, at)), 'IS')
    if (isKeyword(token, 'OR')) hasAlternatives = true
    else if (isKeyword(token, 'AND')) conjoins = true
    else if (isKeyword(token, 'DISTINCT') && isKeyword(next, 'FROM')) comparesNulls = true
    else if (isKeyword(token, 'NOT') && !isAfterIs()) negates = true
    else if (isKeyword(token, 'NOT') && isKeyword(next, 'TRUE', 'FALSE')) comparesNulls = true
  }
  return comparesNulls && (hasAlternatives || (negates && conjoins))
}
