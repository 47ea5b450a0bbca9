import type { LoadedTable, PartitionSpec, Schema, SortOrder, TableRequirement, TableUpdate } from '../iceberg/index.ts'

/** Levels of a namespace, outermost first; stored as the levels joined by a dot (PyIceberg's SqlCatalog). */
export type Namespace = readonly string[]

export interface TableIdentifier {
  readonly namespace: Namespace
  readonly name: string
}

export interface CreateTableRequest {
  /** Field ids are assigned afresh by the catalog (in the order of the spec: a level before its children). */
  readonly schema: Schema
  /** Source ids refer to `schema` as given. */
  readonly partitionSpec?: PartitionSpec
  readonly sortOrder?: SortOrder
  /** Default: `<warehouse>/<namespace>/<table>`. */
  readonly location?: string
  readonly properties?: Readonly<Record<string, string>>
}

/** Which tables there are and where their current metadata is. Names are as given: case is kept and matters. */
export interface Catalog {
  readonly name: string
  createNamespace(namespace: Namespace, properties?: Readonly<Record<string, string>>): Promise<void>
  /** Rejects `namespace/not-empty`. */
  dropNamespace(namespace: Namespace): Promise<void>
  listNamespaces(): Promise<Namespace[]>
  namespaceExists(namespace: Namespace): Promise<boolean>
  namespaceProperties(namespace: Namespace): Promise<Readonly<Record<string, string>>>
  updateNamespaceProperties(
    namespace: Namespace,
    set: Readonly<Record<string, string>>,
    remove: readonly string[],
  ): Promise<void>

  listTables(namespace: Namespace): Promise<TableIdentifier[]>
  tableExists(table: TableIdentifier): Promise<boolean>
  /** Rejects `table/exists` where a table, or a view of another tool, has the name: asked before the work for a new table. */
  requireFree(table: TableIdentifier): Promise<void>
  /** Rejects `table/not-found` (with the nearest names in `remedy`), `namespace/not-found`. */
  loadTable(table: TableIdentifier): Promise<LoadedTable>
  /** The current metadata location, without reading it: one lookup. Rejects `table/not-found`. */
  metadataLocation(table: TableIdentifier): Promise<string>
  /** Rejects `table/exists`, `namespace/not-found`. */
  createTable(table: TableIdentifier, request: CreateTableRequest): Promise<LoadedTable>
  /** Metadata for a table that is not in the catalog yet: its files may be written, then `commitTable` makes it appear. */
  stageTable(table: TableIdentifier, request: CreateTableRequest): Promise<LoadedTable>
  /**
   * The one way to change a table: checks the requirements against the current metadata, applies the updates, writes the
   * new metadata file and compares-and-sets its location. A staged table is committed with the requirement `assert-create`.
   * `durable`, where given, is awaited before that: the files that the updates name must be on the disk by then.
   * Rejects `catalog/commit-conflict` (retryable: load again, reapply), `table/gone`, `catalog/commit-unknown`.
   */
  commitTable(
    table: TableIdentifier,
    base: LoadedTable,
    requirements: readonly TableRequirement[],
    updates: readonly TableUpdate[],
    options?: { durable?: Promise<void> },
  ): Promise<LoadedTable>
  /** Adopts existing metadata. Rejects `table/exists`, `lake/moved` for a copy of a table's folder. */
  registerTable(table: TableIdentifier, metadataLocation: string): Promise<LoadedTable>
  /**
   * Points a table at other metadata of the same table, as after its folder was moved; compares and sets.
   * Rejects `catalog/commit-conflict` when `expectedLocation` is not current.
   */
  repointTable(table: TableIdentifier, expectedLocation: string, newLocation: string): Promise<LoadedTable>
  renameTable(from: TableIdentifier, to: TableIdentifier): Promise<void>
  /**
   * Removes the name; with `purge` also deletes what the metadata names, even if some are gone already (I21). Rejects
   * `table/exists` for a purge of a table that has another name in the catalog.
   */
  dropTable(table: TableIdentifier, options?: { purge?: boolean }): Promise<void>
  close(): Promise<void>
}
