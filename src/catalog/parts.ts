import type { TableMetadata } from '../iceberg/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import type { MetadataCache } from './metadata-cache.ts'
import type { TableIdentifier } from './port.ts'
import type { CatalogRows } from './rows.ts'

/** What every catalog over rows is made with. */
export interface CatalogOptions {
  /** Where metadata is read and written; must serve the warehouse. */
  readonly io: ObjectStore
  /** The location below which tables are made: `file:///data/lake/warehouse`. */
  readonly warehouse: string
  /** Default `icebox`: the `catalog_name` of every row. */
  readonly name?: string
  /** Bytes of parsed metadata kept (estimated); default 16 MiB. */
  readonly cacheBytes?: number
  /** Milliseconds from 1970; default the system's clock. */
  readonly now?: () => number
  /** Told of files that should have been removed after a commit and could not be; default: nothing, orphan removal finds them. */
  readonly onCleanupFailure?: (error: unknown) => void
}

/** What the steps of a catalog share. */
export interface CatalogParts {
  readonly rows: CatalogRows
  readonly io: ObjectStore
  readonly warehouse: string
  readonly cache: MetadataCache
  readonly now: () => number
  readonly newUuid: () => string
  readonly onCleanupFailure: (error: unknown) => void
  /** Through the cache. */
  readonly readMetadata: (table: TableIdentifier, location: string) => Promise<TableMetadata>
}
