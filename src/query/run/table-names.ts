import { didYouMean, IceboxError, nearestNames, sqlName, tableSql } from '../../base/index.ts'
import type { Catalog, TableIdentifier } from '../../catalog/index.ts'
import type { TableName } from '../parse/cursor.ts'
import { CatalogNames } from '../resolve/names-in-catalog.ts'
import { placeOf } from '../text/place.ts'
import type { StatementText } from '../text/statements.ts'
import { statementError } from '../text/statements.ts'

/** Namespace and table of a name as written; `t` alone is in the namespace in use. */
export function writtenTable(
  name: TableName,
  statement: StatementText,
  defaultNamespace: string | undefined,
): { namespace: string; table: string } {
  const table = name.parts.at(-1) ?? ''
  if (name.parts.length > 1) return { namespace: name.parts.slice(0, -1).join('.'), table }
  if (defaultNamespace !== undefined) return { namespace: defaultNamespace, table }
  throw statementError(
    statement,
    name.start,
    `'${table}' names no schema`,
    `write namespace.${sqlName(table)}, or USE a namespace first`,
  )
}

/** The table of the catalog, or undefined: exactly as written, else the one that differs only by case. */
export function findTable(
  catalog: Catalog,
  name: TableName,
  statement: StatementText,
  defaultNamespace: string | undefined,
): Promise<TableIdentifier | undefined> {
  const written = writtenTable(name, statement, defaultNamespace)
  return new CatalogNames(catalog).table(written.namespace, written.table)
}

/** As {@link findTable}; rejects `sql/unknown-table` with the place and the nearest names. */
export async function needTable(
  catalog: Catalog,
  name: TableName,
  statement: StatementText,
  defaultNamespace: string | undefined,
): Promise<TableIdentifier> {
  const written = writtenTable(name, statement, defaultNamespace)
  const names = new CatalogNames(catalog)
  const found = await names.table(written.namespace, written.table)
  if (found !== undefined) return found
  const namespace = await names.namespace(written.namespace)
  const near =
    namespace === undefined
      ? nearestNames(written.namespace, await names.namespaces()).map(sqlName)
      : nearestNames(written.table, await names.tables(namespace)).map((near) => tableSql([namespace], near))
  const place = placeOf(statement.script, statement.offset + name.start)
  const what = namespace === undefined ? `schema ${written.namespace}` : `table ${namespace}.${written.table}`
  throw new IceboxError('sql/unknown-table', {
    message: `${what} does not exist (line ${place.line}, column ${place.column})\n${place.marked}`,
    remedy: didYouMean(near) ?? 'list what is there with SHOW TABLES',
    context: { table: `${written.namespace}.${written.table}`, nearest: near, line: place.line, column: place.column },
  })
}

/** The namespace as the catalog has it: exactly as written, else the one that differs only by case; as written if there is none. */
export async function knownNamespace(catalog: Catalog, written: string): Promise<string> {
  return (await new CatalogNames(catalog).namespace(written)) ?? written
}
