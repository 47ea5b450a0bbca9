import type { StatementText } from '../text/statements.ts'
import { statementError, unsupported } from '../text/statements.ts'
import { type NameChain, nameChains } from '../text/names.ts'
import { isKeyword, nameOf, stringValue, type Token, type Tokens } from '../text/tokenizer.ts'
import {
  closingBracket,
  isAlias,
  isTablePosition,
  nextSignificant,
  previousSignificant,
  significantBetween,
} from './position.ts'

/** What a time travel clause asks for, as text still: `AT (VERSION => 'v1')`. */
export interface TravelClause {
  readonly by: 'version' | 'timestamp'
  /** The expression, verbatim. */
  readonly expression: string
  readonly expressionStart: number
  readonly start: number
  readonly end: number
  /** `t AS a AT (…)`, as DuckDB has it; else AT stands between table and alias, as in other dialects. */
  readonly isBehindAlias: boolean
}

/** A place where the statement may name a table. */
export interface TableReference {
  readonly chain: NameChain
  readonly isTablePosition: boolean
  readonly travel: TravelClause | undefined
}

/** A value as text still: `TIMESTAMP '2024-01-01'`, `7::UBIGINT`. */
export interface ScanArgument {
  readonly expression: string
  readonly start: number
}

/** `iceberg_scan('…')` with its arguments. */
export interface ScanCall {
  readonly path: string
  readonly options: ReadonlyMap<string, ScanArgument>
  readonly start: number
  readonly end: number
}

export interface References {
  readonly tables: readonly TableReference[]
  readonly scans: readonly ScanCall[]
}

/** Everything in a statement that may name a table: a superset, which the catalog thins out. */
export function findReferences(statement: StatementText): References {
  const { tokens } = statement
  const tables: TableReference[] = []
  const scans: ScanCall[] = []
  for (const chain of nameChains(tokens)) {
    const next = nextSignificant(tokens, chain.nextToken)
    if (chain.parts.length === 1 && chain.parts[0]?.toLowerCase() === 'iceberg_scan' && tokens.at(next)?.text === '(') {
      scans.push(scanCall(statement, chain, next))
      continue
    }
    // A call is no table; its arguments are chains of their own.
    if (tokens.at(next)?.text === '(') {
      const isLateral = isKeyword(tokens.at(previousSignificant(tokens, chain.firstToken)), 'LATERAL')
      if (isLateral || isTablePosition(tokens, chain.firstToken)) refuseTextOfTables(statement, chain, next)
      continue
    }
    const isTable = isTablePosition(tokens, chain.firstToken)
    tables.push({ chain, isTablePosition: isTable, travel: isTable ? travelClause(statement, next) : undefined })
  }
  return { tables, scans }
}

/** Functions that read what a text names. */
const BY_TEXT = /^(query|query_table|json_execute_serialized_sql|pragma_(table_info|show|storage_info))$/i

/** Tables in a text are not found here, and the engine would find what earlier statements read. */
function refuseTextOfTables(statement: StatementText, { parts, start }: NameChain, open: number): void {
  const { tokens } = statement
  const name = parts.at(-1) ?? ''
  if (!BY_TEXT.test(name)) {
    if (!/^histogram(_values)?$/i.test(name)) return
    const inside = significantBetween(tokens, open + 1, closingBracket(tokens, open))
    const first = /^(:=|=>)$/.test(inside[1]?.text ?? '') ? inside.slice(2) : inside
    const end = first.findIndex(({ text }) => text === ',')
    const source = first.slice(0, end < 0 ? first.length : end)
    // `histogram(s.t, c)` names its table as other queries do.
    if (source.every((token) => token.text === '.' || nameOf(token)?.includes('.') === false)) return
  }
  const remedy = 'write the query, or the name of the table without quotes; DESCRIBE tells the columns of a table'
  throw unsupported(statement, start, `${name}(…) of a table or query that is given as a text`, remedy)
}

/** `AT (VERSION => expression)` or `AT (TIMESTAMP => expression)` behind a table or its alias; the token `next` follows the table. */
function travelClause(statement: StatementText, next: number): TravelClause | undefined {
  const { tokens } = statement
  refuseAsOf(statement, next)
  const isBehindAlias = !isKeyword(tokens.at(next), 'AT')
  const at = isBehindAlias ? afterAlias(tokens, next) : next
  const word = tokens.at(at)
  if (word === undefined || !isKeyword(word, 'AT')) return undefined
  const open = nextSignificant(tokens, at + 1)
  const openToken = tokens.at(open)
  if (openToken?.text !== '(') return undefined
  const close = closingBracket(tokens, open)
  const closeToken = tokens.at(close)
  if (closeToken === undefined) {
    throw statementError(statement, openToken.start, 'this bracket is not closed', 'close it with )')
  }
  const inside = significantBetween(tokens, open + 1, close)
  const [unit, arrow, first] = inside
  const by = isKeyword(unit, 'VERSION') ? 'version' : isKeyword(unit, 'TIMESTAMP') ? 'timestamp' : undefined
  if (by === undefined || arrow?.text !== '=>' || first === undefined) {
    throw statementError(
      statement,
      unit?.start ?? closeToken.start,
      'AT takes (VERSION => …) or (TIMESTAMP => …)',
      "write AT (VERSION => 123), AT (VERSION => 'branch or tag') or AT (TIMESTAMP => '2024-01-01')",
    )
  }
  const parameter = inside.find((token) => token.kind === 'parameter')
  if (parameter !== undefined) {
    throw unsupported(statement, parameter.start, 'a parameter in AT (…)', 'write the version or time as a literal')
  }
  const expression = statement.sql.slice(first.start, closeToken.start).trim()
  return {
    by,
    expression,
    expressionStart: first.start,
    start: word.start,
    end: closeToken.end,
    isBehindAlias,
  }
}

/** Index of what follows `AS a` or `a (b, c)` at this token; the token itself where that is no alias. */
function afterAlias(tokens: Tokens, at: number): number {
  if (!isAlias(tokens.at(at))) return at
  const name = isKeyword(tokens.at(at), 'AS') ? nextSignificant(tokens, at + 1) : at
  const next = nextSignificant(tokens, name + 1)
  return tokens.at(next)?.text === '(' ? nextSignificant(tokens, closingBracket(tokens, next) + 1) : next
}

/** `FOR VERSION AS OF 5`, `TIMESTAMP AS OF '…'`: time travel as Spark and Trino write it. */
function refuseAsOf(statement: StatementText, at: number): void {
  const [first, ...more] = significantBetween(statement.tokens, at, at + 20)
  const [unit, as, of, value] = isKeyword(first, 'FOR') ? more : [first, ...more]
  const isVersion = isKeyword(unit, 'VERSION', 'SYSTEM_VERSION')
  if (first === undefined || !isKeyword(as, 'AS') || !isKeyword(of, 'OF')) return
  if (!isVersion && !isKeyword(unit, 'TIMESTAMP', 'SYSTEM_TIME')) return
  const example = isVersion ? 'VERSION => 123' : "TIMESTAMP => '2024-01-01'"
  const isLiteral = value?.kind === 'number' || value?.kind === 'string'
  throw unsupported(
    statement,
    first.start,
    `${unit?.text.toUpperCase()} AS OF is not supported`,
    `write AT (${isLiteral ? `${isVersion ? 'VERSION' : 'TIMESTAMP'} => ${value.text}` : example})`,
  )
}

function scanCall(statement: StatementText, chain: NameChain, open: number): ScanCall {
  const { tokens } = statement
  const close = closingBracket(tokens, open)
  const inside = significantBetween(tokens, open + 1, close === -1 ? tokens.length : close)
  const path = stringValue(inside[0])
  const closeToken = tokens.at(close)
  if (path === undefined || closeToken === undefined) {
    throw statementError(
      statement,
      chain.start,
      'iceberg_scan takes a metadata file or a table folder as its first argument, in quotes',
      "write iceberg_scan('/path/to/table')",
    )
  }
  const options = new Map<string, ScanArgument>()
  for (const [comma, name, arrow, ...value] of argumentsBehindFirst(inside, closeToken.depth + 1)) {
    const key = nameOf(name)?.toLowerCase()
    const [first] = value
    const last = value.at(-1)
    const isNamed = comma?.text === ',' && (arrow?.text === '=>' || arrow?.text === ':=' || arrow?.text === '=')
    if (key === undefined || !isNamed || first === undefined || last === undefined) {
      throw statementError(
        statement,
        comma?.start ?? chain.start,
        'the arguments of iceberg_scan are written name => value',
      )
    }
    const parameter = value.find((token) => token.kind === 'parameter')
    if (parameter !== undefined) {
      throw unsupported(statement, parameter.start, 'a parameter in iceberg_scan (…)', 'write the value as a literal')
    }
    options.set(key, { expression: statement.sql.slice(first.start, last.end), start: first.start })
  }
  return { path, options, start: chain.start, end: closeToken.end }
}

/** The tokens of each argument but the first, with the comma before it; `depth` is the one between the call's brackets. */
function argumentsBehindFirst(inside: readonly Token[], depth: number): Token[][] {
  const found: Token[][] = []
  for (const token of inside.slice(1)) {
    const isNext = token.text === ',' && token.depth === depth
    if (isNext || found.length === 0) found.push([])
    found.at(-1)?.push(token)
  }
  return found
}
