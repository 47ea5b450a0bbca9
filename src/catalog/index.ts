export { commitTarget } from './commit-target.ts'
export { movedRoot } from './moved.ts'
export { openMemoryCatalog, openSqliteCatalog } from './open.ts'
export type { Catalog, CreateTableRequest, TableIdentifier } from './port.ts'
