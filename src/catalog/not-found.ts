import { didYouMean, IceboxError, nearestNames, quotedForShell, sqlName, tableSql } from '../base/index.ts'
import { namespaceKey, namespaceOf, tableText } from './names.ts'
import type { Namespace, TableIdentifier } from './port.ts'
import type { CatalogRows } from './rows.ts'

/** `namespace/not-found` with the nearest names there are; `otherwise` is said where none is near. */
export async function namespaceNotFound(
  rows: CatalogRows,
  namespace: Namespace,
  otherwise = `create it first: CREATE SCHEMA ${sqlName(namespace.join('.'))}`,
): Promise<IceboxError> {
  const wanted = namespace.join('.')
  const near = nearestNames(wanted, await rows.listNamespaces())
  return new IceboxError('namespace/not-found', {
    message: `namespace ${wanted} does not exist`,
    remedy: didYouMean(near.map(sqlName)) ?? otherwise,
    context: { namespace: wanted, nearest: near },
  })
}

/** `table/not-found` with the nearest tables, or `namespace/not-found` where that is what is missing. */
export async function tableNotFound(rows: CatalogRows, table: TableIdentifier): Promise<IceboxError> {
  const key = namespaceKey(table.namespace)
  if (!(await rows.namespaceExists(key))) {
    const elsewhere = didYouMean(await sameNameElsewhere(rows, table, key))
    return await namespaceNotFound(rows, table.namespace, elsewhere ?? 'see what there is: icebox table list')
  }
  if (await rows.isView(key, table.name)) {
    return new IceboxError('table/not-found', {
      message: `${tableText(table)} is a view, which Icebox does not read`,
      remedy: `query the tables that it is made of: icebox table list ${quotedForShell(key)}`,
      context: { table: tableText(table), nearest: [] },
    })
  }
  const siblings = await rows.listTables(key)
  const near = nearestNames(table.name, siblings).map((name) => tableSql(table.namespace, name))
  const nearest = near.length > 0 ? near : await sameNameElsewhere(rows, table, key)
  return new IceboxError('table/not-found', {
    message: `table ${tableText(table)} does not exist`,
    remedy:
      didYouMean(nearest) ??
      (siblings.length === 0
        ? `namespace ${key} has no tables`
        : `see what there is: icebox table list ${quotedForShell(key)}`),
    context: { table: tableText(table), nearest },
  })
}

/** Tables of that name in other namespaces; a few namespaces are enough for a hint. */
async function sameNameElsewhere(rows: CatalogRows, table: TableIdentifier, not: string): Promise<string[]> {
  const found: string[] = []
  for (const namespace of (await rows.listNamespaces()).slice(0, 50)) {
    if (namespace !== not && (await rows.tableLocation(namespace, table.name)) !== undefined) {
      found.push(tableSql(namespaceOf(namespace), table.name))
    }
    if (found.length === 3) break
  }
  return found
}
