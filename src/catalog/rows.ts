/**
 * The rows of a catalog: what differs between one database and another. Everything that decides is in RowCatalog.
 * Namespaces are keys (`a.b`). Each method is one atomic step, safe against other processes; it rejects `catalog/locked`,
 * `catalog/unreadable` or `storage/*` where the database fails. After `catalog/locked` nothing was changed; after another
 * failure of a change, whoever must know looks.
 */
export interface CatalogRows {
  /** Location of the current metadata; undefined when there is no such table. */
  tableLocation(namespace: string, name: string): Promise<string | undefined>
  /** Whether the name is that of a view, which other tools write. */
  isView(namespace: string, name: string): Promise<boolean>
  listTables(namespace: string): Promise<string[]>
  /** Of all namespaces, with the locations of their current metadata. */
  allTables(): Promise<(TableKey & { readonly location: string })[]>
  /** Fails with `taken` also for a view of that name. */
  insertTable(namespace: string, name: string, location: string): Promise<'inserted' | 'taken' | 'no-namespace'>
  /** Compare and set: true when `expected` was current and `next` is now. */
  replaceLocation(namespace: string, name: string, expected: string, next: string): Promise<boolean>
  /** Removes the table if its location is still `expected`, or whatever it is when that is left out. */
  deleteTable(namespace: string, name: string, expected?: string): Promise<boolean>
  renameTable(from: TableKey, to: TableKey): Promise<'renamed' | 'missing' | 'taken' | 'no-namespace'>

  /** All namespaces that have a row of their own or a table; parents of those are not among them. */
  listNamespaces(): Promise<string[]>
  /** True for a namespace with a row, a table, or such a namespace below it. */
  namespaceExists(namespace: string): Promise<boolean>
  insertNamespace(namespace: string, properties: Readonly<Record<string, string>>): Promise<boolean>
  deleteNamespace(namespace: string): Promise<'deleted' | 'missing' | 'not-empty'>
  /** Empty also for a namespace that is not there. */
  namespaceProperties(namespace: string): Promise<Record<string, string>>
  /** False when there is no such namespace. */
  updateNamespace(namespace: string, set: Readonly<Record<string, string>>, remove: readonly string[]): Promise<boolean>
  close(): Promise<void>
}

export interface TableKey {
  readonly namespace: string
  readonly name: string
}

/**
 * The property that stands for a namespace without any: rows exist per property, so one is needed (PyIceberg's SqlCatalog
 * and Java's JdbcCatalog use this one too). Never shown.
 */
export const EXISTS_PROPERTY = 'exists'
