import type { Catalog, TableIdentifier } from '../catalog/index.ts'
import type { LoadedTable } from '../iceberg/index.ts'

/** Adopts a table, and makes its namespace where it is missing; one that was made in vain goes again. */
export async function register(catalog: Catalog, table: TableIdentifier, metadataFile: string): Promise<LoadedTable> {
  const isNew = !(await catalog.namespaceExists(table.namespace))
  if (isNew) await catalog.createNamespace(table.namespace)
  try {
    return await catalog.registerTable(table, metadataFile)
  } catch (error) {
    // Somebody else's table may be in it by now: then it stays.
    if (isNew) await catalog.dropNamespace(table.namespace).catch(() => undefined)
    throw error
  }
}
