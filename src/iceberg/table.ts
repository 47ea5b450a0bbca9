import type { TableMetadata } from './spec/table-metadata.ts'

/** Metadata as some moment's current one, and where it was read. */
export interface LoadedTable {
  readonly metadata: TableMetadata
  /** Empty for a staged table, which has no metadata file yet. */
  readonly metadataLocation: string
}
