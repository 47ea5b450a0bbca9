import type { TableIdentifier } from '../../catalog/index.ts'
import type { LoadedTable, Schema, Snapshot } from '../../iceberg/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import type { SystemTableKind } from './system-table-kinds.ts'

/** A table of the statement, pinned to a snapshot. */
export interface ResolvedTable {
  /** The view's schema and name in the statement's space. */
  readonly schemaName: string
  readonly viewName: string
  /** For messages: `sales.orders`. */
  readonly label: string
  readonly identifier: TableIdentifier | undefined
  readonly loaded: LoadedTable
  /** Undefined: the current state, or a table without rows yet. */
  readonly snapshot: Snapshot | undefined
  readonly schema: Schema
  readonly system: SystemTableKind | undefined
  readonly io: ObjectStore
  readonly locate: (uri: string) => string
}
