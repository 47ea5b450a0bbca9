import type { CatalogDatabase } from './sqlite-database.ts'
import { unreadable } from './sqlite-errors.ts'

/** As SQLAlchemy prints the tables of PyIceberg 0.12's SqlCatalog (pyiceberg/catalog/sql.py), version 1 of the layout. */
const TABLES = `CREATE TABLE iceberg_tables (
	catalog_name VARCHAR(255) NOT NULL, 
	table_namespace VARCHAR(255) NOT NULL, 
	table_name VARCHAR(255) NOT NULL, 
	metadata_location VARCHAR(1000), 
	previous_metadata_location VARCHAR(1000), 
	iceberg_type VARCHAR(5), 
	PRIMARY KEY (catalog_name, table_namespace, table_name)
)`
const NAMESPACE_PROPERTIES = `CREATE TABLE iceberg_namespace_properties (
	catalog_name VARCHAR(255) NOT NULL, 
	namespace VARCHAR(255) NOT NULL, 
	property_key VARCHAR(255) NOT NULL, 
	property_value VARCHAR(1000) NOT NULL, 
	PRIMARY KEY (catalog_name, namespace, property_key)
)`

const NEEDED: Readonly<Record<string, readonly string[]>> = {
  iceberg_tables: ['catalog_name', 'table_namespace', 'table_name', 'metadata_location', 'previous_metadata_location'],
  iceberg_namespace_properties: ['catalog_name', 'namespace', 'property_key', 'property_value'],
}

export interface CatalogLayout {
  /** False in version 0, which older PyIceberg and Java make: it knows tables only. */
  readonly hasType: boolean
}

/**
 * Makes the tables of the catalog in a database without any, and checks those that are there. Rejects `catalog/unreadable`
 * for a database of something else or of another version, which it leaves alone.
 */
export async function prepareLayout(database: CatalogDatabase, mayCreate: boolean): Promise<CatalogLayout> {
  const present = () => tableNames(database).filter((name) => name in NEEDED)
  if ((await database.attempt(present)).length === 0 && mayCreate) {
    await database.transaction(() => {
      // Looked at again inside: another process may have made them meanwhile.
      const names = tableNames(database)
      const foreign = names.filter((name) => !(name in NEEDED))
      if (foreign.length > 0) throw foreignDatabase(database, foreign)
      if (names.length > 0) return
      database.execute(TABLES)
      database.execute(NAMESPACE_PROPERTIES)
    })
  }
  return await database.attempt(() => checkLayout(database))
}

function checkLayout(database: CatalogDatabase): CatalogLayout {
  const names = tableNames(database)
  for (const [table, needed] of Object.entries(NEEDED)) {
    if (!names.includes(table)) {
      if (names.length === 0) throw unreadable(database.path, 'has no tables')
      if (!names.some((name) => name in NEEDED)) throw foreignDatabase(database, names)
      throw unreadable(database.path, `is damaged or of another version: it has no table ${table}`)
    }
    const columns = columnNames(database, table)
    const missing = needed.filter((column) => !columns.includes(column))
    if (missing.length > 0) {
      throw unreadable(database.path, `is of another version: ${table} has no column ${missing.join(', ')}`)
    }
  }
  return { hasType: columnNames(database, 'iceberg_tables').includes('iceberg_type') }
}

function foreignDatabase(database: CatalogDatabase, tables: readonly string[]) {
  return unreadable(
    database.path,
    `is the database of something else (it has the tables ${tables.slice(0, 5).join(', ')})`,
  )
}

function tableNames(database: CatalogDatabase): string[] {
  return database
    .rows(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' LIMIT 100`)
    .map(([name]) => String(name))
}

function columnNames(database: CatalogDatabase, table: string): string[] {
  return database.rows('SELECT name FROM pragma_table_info(?)', table).map(([name]) => String(name))
}
