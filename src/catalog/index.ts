export { commitTarget } from './commit-target.ts'
export { openMemoryCatalog, openSqliteCatalog, type SqliteCatalogOptions } from './open.ts'
export type { CatalogOptions } from './parts.ts'
export type { Catalog, CreateTableRequest, Namespace, TableIdentifier } from './port.ts'
