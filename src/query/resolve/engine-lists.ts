import { type StatementText, unsupported } from '../text/statements.ts'
import { isKeyword } from '../text/tokenizer.ts'
import { nextSignificant, previousSignificant } from './position.ts'

/**
 * `FROM (SHOW TABLES)`, `DESCRIBE` alone and their kin list what the engine has at hand: tables that recent statements read,
 * and some of Icebox's own. Rejects (throws) `sql/unsupported`.
 */
export function refuseEngineLists(statement: StatementText): void {
  const { tokens } = statement
  for (const at of tokens.of('word')) {
    const token = tokens.at(at)
    if (token === undefined || !isKeyword(token, 'SHOW', 'DESCRIBE', 'DESC')) continue
    const before = tokens.at(previousSignificant(tokens, at))
    const next = tokens.at(nextSignificant(tokens, at + 1))
    const isAlone = next === undefined || next.text === ')'
    const isList = isAlone || isKeyword(next, 'ALL', 'TABLES', 'SCHEMAS', 'DATABASES', 'VARIABLES')
    if (!isList || (before !== undefined && before.text !== '(')) continue
    const written = isAlone ? token.text : `${token.text} ${next.text}`
    const remedy = 'read information_schema.tables, information_schema.columns or information_schema.schemata'
    throw unsupported(statement, token.start, `${written.toUpperCase()} as a query`, remedy)
  }
}
