import { createHash } from 'node:crypto'
import { isIceboxError, printJson } from '../../base/index.ts'
import { type Catalog, type TableIdentifier, tableText } from '../../catalog/index.ts'
import { type StatementText, unsupported } from '../text/statements.ts'
import type { CatalogNames } from './names-in-catalog.ts'
import type { TableReference } from './references.ts'

/** The catalog's answers as tables, of the SQL standard's information_schema. */
export const INFORMATION_SCHEMA = ['schemata', 'tables', 'columns'] as const
export type InformationTable = (typeof INFORMATION_SCHEMA)[number]

/** The schema that its views live in: DuckDB has one of the plain name. */
export const INFORMATION_VIEWS = 'information_schema·'

/** What a table of it shows, as the catalog was when the statement began. */
export interface InformationView {
  readonly table: InformationTable
  readonly namespaces: readonly string[]
  readonly tables: readonly { readonly identifier: TableIdentifier; readonly location: string }[]
  /** Of all of this: equal keys show equal rows. */
  readonly key: string
}

/**
 * Which table of information_schema a reference means; undefined where it means something else, and where a namespace is
 * called so. Rejects `sql/unsupported` for another table of it, and for time travel: DuckDB's own would tell of the engine.
 */
export async function informationTable(
  statement: StatementText,
  { chain, isTablePosition, travel }: TableReference,
  names: CatalogNames,
): Promise<InformationTable | undefined> {
  const [schema = '', name = ''] = chain.parts
  if (schema.toLowerCase() !== 'information_schema' || (await names.namespace(schema)) !== undefined) return undefined
  const table = INFORMATION_SCHEMA.find((known) => known === name.toLowerCase())
  if (!isTablePosition) return table
  if (table === undefined) {
    throw unsupported(
      statement,
      chain.start,
      `${chain.parts.join('.')} is not supported`,
      `information_schema has the tables ${INFORMATION_SCHEMA.join(', ')}`,
    )
  }
  if (travel === undefined) return table
  throw unsupported(statement, travel.start, `information_schema.${table} has no earlier versions`, 'leave AT (…) out')
}

/** Looks into the catalog: a lookup for each table where columns are asked for. */
export async function readInformation(
  table: InformationTable,
  catalog: Catalog,
  names: CatalogNames,
): Promise<InformationView> {
  const namespaces = await names.namespaces()
  const tables: { identifier: TableIdentifier; location: string }[] = []
  for (const namespace of table === 'schemata' ? [] : namespaces) {
    for (const name of await names.tables(namespace)) {
      const identifier = { namespace: namespace.split('.'), name }
      const location = table === 'columns' ? await locationOf(catalog, identifier) : ''
      if (location !== undefined) tables.push({ identifier, location })
    }
  }
  const content = printJson([
    table,
    [...namespaces],
    tables.map(({ identifier, location }) => [tableText(identifier), location]),
  ])
  return { table, namespaces, tables, key: `information ${createHash('sha256').update(content).digest('hex')}` }
}

/** Undefined for a table that is gone by now. */
async function locationOf(catalog: Catalog, identifier: TableIdentifier): Promise<string | undefined> {
  try {
    return await catalog.metadataLocation(identifier)
  } catch (error) {
    if (isIceboxError(error, 'table/not-found')) return undefined
    throw error
  }
}
