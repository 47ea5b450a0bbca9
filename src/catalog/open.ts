import { MemoryRows } from './memory-rows.ts'
import type { CatalogOptions } from './parts.ts'
import type { Catalog } from './port.ts'
import { RowCatalog } from './row-catalog.ts'
import { SqliteRows } from './sqlite-rows.ts'

export interface SqliteCatalogOptions extends CatalogOptions {
  /** The database file; `catalog.sqlite` of a lakehouse. */
  readonly path: string
  /** Makes the database when there is none, as `icebox init` does. Without it a missing file is `catalog/unreadable`. */
  readonly create?: boolean
  /** How long to wait for another process that holds the database; default 10 s. */
  readonly lockTimeoutMs?: number
}

/**
 * A catalog in an SQLite file that PyIceberg's SqlCatalog opens too. Rejects `catalog/unreadable` for a file that is
 * missing, damaged, of something else or of another version (it is never written then), `catalog/locked`.
 */
export async function openSqliteCatalog(options: SqliteCatalogOptions): Promise<Catalog> {
  const rows = await SqliteRows.open(options.name ?? 'icebox', options)
  return new RowCatalog(rows, options)
}

/** A catalog of this process alone. */
export function openMemoryCatalog(options: CatalogOptions): Catalog {
  return new RowCatalog(new MemoryRows(), options)
}
