import type { CommitTarget } from '../iceberg/index.ts'
import type { Catalog, TableIdentifier } from './port.ts'

/** What a Transaction commits to: one table of a catalog. */
export function commitTarget(catalog: Catalog, table: TableIdentifier): CommitTarget {
  return {
    load: () => catalog.loadTable(table),
    commit: (base, requirements, updates, durable) =>
      catalog.commitTable(table, base, requirements, updates, { durable }),
  }
}
