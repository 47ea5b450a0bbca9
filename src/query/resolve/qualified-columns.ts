import { type NameChain, nextSignificant, quoteName } from '../text/names.ts'
import { type StatementText, unsupported } from '../text/statements.ts'
import type { Tokens } from '../text/tokenizer.ts'
import { closingBracket, isAlias, openingBracket } from './position.ts'
import type { TableReference } from './references.ts'
import type { Replacement } from './replace.ts'

/** A table where the statement reads it, and the view that is read instead. */
export interface ReadTable {
  readonly reference: TableReference
  readonly label: string
  readonly schemaName: string
  readonly viewName: string
  /** The schema of the view is another than the table's. */
  readonly isRenamed: boolean
}

/** `ns.t.column`: a chain that begins with the name of a table. */
export interface QualifiedColumn {
  readonly chain: NameChain
  readonly label: string
}

/**
 * Columns behind the name of their table and its schema follow where the table is read under the name of a view. Rejects
 * `sql/unsupported` where it is read as two of them side by side.
 */
export function qualifiedColumns(
  statement: StatementText,
  columns: readonly QualifiedColumn[],
  read: readonly ReadTable[],
): Replacement[] {
  const { tokens } = statement
  const named = read.filter(({ reference }) => !hasAlias(tokens, reference))
  return columns.flatMap(({ chain, label }): Replacement[] => {
    const end = endOfSecond(tokens, chain)
    const ofTable = named.filter((table) => table.label === label)
    const views = chain.parts.length > 2 ? nearest(tokens, chain.firstToken, ofTable) : []
    const [view] = views
    if (view === undefined || end === undefined || !views.some(({ isRenamed }) => isRenamed)) return []
    if (views.some((other) => other.schemaName !== view.schemaName)) {
      throw unsupported(
        statement,
        chain.start,
        `'${chain.parts.join('.')}' could be of either: ${label} is read at more than one version here`,
        'give each an alias, and write it before the column',
      )
    }
    return [{ start: chain.start, end, text: `${quoteName(view.schemaName)}.${quoteName(view.viewName)}` }]
  })
}

/** The tables of the innermost brackets around a token that read one. */
function nearest(tokens: Tokens, at: number, tables: readonly ReadTable[]): ReadTable[] {
  const around = tables
    .map((table) => ({ table, open: openingBracket(tokens, table.reference.chain.firstToken) }))
    .filter(({ open }) => open < at && (open < 0 || at < closingBracket(tokens, open)))
  const innermost = Math.max(-1, ...around.map(({ open }) => open))
  return around.filter(({ open }) => open === innermost).map(({ table }) => table)
}

function hasAlias(tokens: Tokens, { chain, travel }: TableReference): boolean {
  const end = travel === undefined || travel.isBehindAlias ? chain.end : travel.end
  return isAlias(tokens.at(nextSignificant(tokens, tokens.indexFrom(end))))
}

function endOfSecond(tokens: Tokens, chain: NameChain): number | undefined {
  const dot = nextSignificant(tokens, chain.firstToken + 1)
  return tokens.at(nextSignificant(tokens, dot + 1))?.end
}
