import { type CatalogRows, EXISTS_PROPERTY, type TableKey } from './rows.ts'
import { CatalogDatabase, type DatabaseOptions } from './sqlite-database.ts'
import { isConstraint } from './sqlite-errors.ts'
import { type CatalogLayout, prepareLayout } from './sqlite-layout.ts'

/**
 * Rows in an SQLite file, in the layout of PyIceberg's SqlCatalog. Several processes may use the file at once, Icebox or
 * not: each step is one statement or one immediate transaction.
 */
export class SqliteRows implements CatalogRows {
  private readonly database: CatalogDatabase
  private readonly catalog: string
  private readonly layout: CatalogLayout
  /** Rows of views, which other tools write, are none of ours. */
  private readonly isTable: string

  private constructor(database: CatalogDatabase, catalog: string, layout: CatalogLayout) {
    this.database = database
    this.catalog = catalog
    this.layout = layout
    this.isTable = layout.hasType ? " AND (iceberg_type = 'TABLE' OR iceberg_type IS NULL)" : ''
  }

  static async open(catalog: string, options: DatabaseOptions): Promise<SqliteRows> {
    const database = await CatalogDatabase.open(options)
    try {
      const layout = await prepareLayout(database, options.create ?? false)
      await database.configure()
      return new SqliteRows(database, catalog, layout)
    } catch (error) {
      database.close()
      throw error
    }
  }

  async tableLocation(namespace: string, name: string): Promise<string | undefined> {
    const found = await this.database.one(
      `SELECT metadata_location FROM iceberg_tables
       WHERE catalog_name = ? AND table_namespace = ? AND table_name = ?${this.isTable}`,
      this.catalog,
      namespace,
      name,
    )
    return typeof found === 'string' ? found : undefined
  }

  async isView(namespace: string, name: string): Promise<boolean> {
    if (!this.layout.hasType) return false
    const found = await this.database.one(
      `SELECT iceberg_type FROM iceberg_tables
       WHERE catalog_name = ? AND table_namespace = ? AND table_name = ?`,
      this.catalog,
      namespace,
      name,
    )
    return found === 'VIEW'
  }

  async listTables(namespace: string): Promise<string[]> {
    const rows = await this.database.attempt(() =>
      this.database.rows(
        `SELECT table_name FROM iceberg_tables
         WHERE catalog_name = ? AND table_namespace = ?${this.isTable} ORDER BY table_name`,
        this.catalog,
        namespace,
      ),
    )
    return rows.map(([name]) => String(name))
  }

  async allTables(): Promise<(TableKey & { readonly location: string })[]> {
    const rows = await this.database.attempt(() =>
      this.database.rows(
        `SELECT table_namespace, table_name, metadata_location FROM iceberg_tables
         WHERE catalog_name = ? AND metadata_location IS NOT NULL${this.isTable} ORDER BY 1, 2`,
        this.catalog,
      ),
    )
    return rows.map(([namespace, name, location]) => ({
      namespace: String(namespace),
      name: String(name),
      location: String(location),
    }))
  }

  insertTable(namespace: string, name: string, location: string): Promise<'inserted' | 'taken' | 'no-namespace'> {
    return this.database.transaction(() => {
      if (!this.exists(namespace)) return 'no-namespace'
      const type = this.layout.hasType ? [', iceberg_type', ", 'TABLE'"] : ['', '']
      const inserted = this.unlessTaken(() =>
        this.database.run(
          `INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location${type[0]})
           VALUES (?, ?, ?, ?${type[1]})`,
          this.catalog,
          namespace,
          name,
          location,
        ),
      )
      return inserted ? 'inserted' : 'taken'
    })
  }

  replaceLocation(namespace: string, name: string, expected: string, next: string): Promise<boolean> {
    return this.database.attempt(
      () =>
        this.database.run(
          `UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = ?
           WHERE catalog_name = ? AND table_namespace = ? AND table_name = ? AND metadata_location = ?${this.isTable}`,
          next,
          expected,
          this.catalog,
          namespace,
          name,
          expected,
        ) === 1,
    )
  }

  deleteTable(namespace: string, name: string, expected?: string): Promise<boolean> {
    return this.database.attempt(
      () =>
        this.database.run(
          `DELETE FROM iceberg_tables
           WHERE catalog_name = ? AND table_namespace = ? AND table_name = ? AND (? IS NULL OR metadata_location = ?)${this.isTable}`,
          this.catalog,
          namespace,
          name,
          expected ?? null,
          expected ?? null,
        ) === 1,
    )
  }

  renameTable(from: TableKey, to: TableKey): Promise<'renamed' | 'missing' | 'taken' | 'no-namespace'> {
    return this.database.transaction(() => {
      if (!this.exists(to.namespace)) return 'no-namespace'
      let changed = 0
      const isFree = this.unlessTaken(() => {
        changed = this.database.run(
          `UPDATE iceberg_tables SET table_namespace = ?, table_name = ?
           WHERE catalog_name = ? AND table_namespace = ? AND table_name = ?${this.isTable}`,
          to.namespace,
          to.name,
          this.catalog,
          from.namespace,
          from.name,
        )
      })
      if (!isFree) return 'taken'
      if (changed === 0) return 'missing'
      // The table may have been all there was of its namespace, which its going must not remove.
      this.keepNamespace(from.namespace)
      return 'renamed'
    })
  }

  async listNamespaces(): Promise<string[]> {
    const rows = await this.database.attempt(() =>
      this.database.rows(
        `SELECT namespace FROM iceberg_namespace_properties WHERE catalog_name = ?
         UNION SELECT table_namespace FROM iceberg_tables WHERE catalog_name = ? ORDER BY 1`,
        this.catalog,
        this.catalog,
      ),
    )
    return rows.map(([name]) => String(name))
  }

  namespaceExists(namespace: string): Promise<boolean> {
    return this.database.attempt(() => this.exists(namespace))
  }

  insertNamespace(namespace: string, properties: Readonly<Record<string, string>>): Promise<boolean> {
    return this.database.transaction(() => {
      if (this.exists(namespace)) return false
      this.setProperties(namespace, properties)
      this.keepNamespace(namespace)
      return true
    })
  }

  deleteNamespace(namespace: string): Promise<'deleted' | 'missing' | 'not-empty'> {
    return this.database.transaction(() => {
      if (!this.exists(namespace)) return 'missing'
      if (this.hasTables(namespace) || this.existsBelow(namespace)) return 'not-empty'
      this.database.run(
        'DELETE FROM iceberg_namespace_properties WHERE catalog_name = ? AND namespace = ?',
        this.catalog,
        namespace,
      )
      return 'deleted'
    })
  }

  async namespaceProperties(namespace: string): Promise<Record<string, string>> {
    const rows = await this.database.attempt(() =>
      this.database.rows(
        `SELECT property_key, property_value FROM iceberg_namespace_properties
         WHERE catalog_name = ? AND namespace = ? ORDER BY property_key`,
        this.catalog,
        namespace,
      ),
    )
    return Object.fromEntries(
      rows.filter(([key]) => key !== EXISTS_PROPERTY).map(([key, value]) => [String(key), String(value)]),
    )
  }

  updateNamespace(
    namespace: string,
    set: Readonly<Record<string, string>>,
    remove: readonly string[],
  ): Promise<boolean> {
    return this.database.transaction(() => {
      if (!this.exists(namespace)) return false
      for (const key of remove) {
        this.database.run(
          'DELETE FROM iceberg_namespace_properties WHERE catalog_name = ? AND namespace = ? AND property_key = ?',
          this.catalog,
          namespace,
          key,
        )
      }
      this.setProperties(namespace, set)
      this.keepNamespace(namespace)
      return true
    })
  }

  async close(): Promise<void> {
    this.database.close()
  }

  private setProperties(namespace: string, properties: Readonly<Record<string, string>>): void {
    for (const [key, value] of Object.entries(properties)) {
      this.database.run(
        `INSERT OR REPLACE INTO iceberg_namespace_properties (catalog_name, namespace, property_key, property_value)
         VALUES (?, ?, ?, ?)`,
        this.catalog,
        namespace,
        key,
        value,
      )
    }
  }

  /** Gives a namespace without properties the one that stands for its existence. */
  private keepNamespace(namespace: string): void {
    this.database.run(
      `INSERT INTO iceberg_namespace_properties (catalog_name, namespace, property_key, property_value)
       SELECT ?, ?, '${EXISTS_PROPERTY}', 'true'
       WHERE NOT EXISTS (SELECT 1 FROM iceberg_namespace_properties WHERE catalog_name = ? AND namespace = ?)`,
      this.catalog,
      namespace,
      this.catalog,
      namespace,
    )
  }

  private unlessTaken(step: () => void): boolean {
    try {
      step()
      return true
    } catch (error) {
      if (isConstraint(error)) return false
      throw error
    }
  }

  private exists(namespace: string): boolean {
    const own = this.database.rows(
      'SELECT 1 FROM iceberg_namespace_properties WHERE catalog_name = ? AND namespace = ? LIMIT 1',
      this.catalog,
      namespace,
    )
    return own.length > 0 || this.hasTables(namespace) || this.existsBelow(namespace)
  }

  /** Views count: they are in the namespace too. */
  private hasTables(namespace: string): boolean {
    const found = this.database.rows(
      'SELECT 1 FROM iceberg_tables WHERE catalog_name = ? AND table_namespace = ? LIMIT 1',
      this.catalog,
      namespace,
    )
    return found.length > 0
  }

  /** Below `a` lies what begins with `a.`: from `a.` up to `a/`, the character after the dot. LIKE would ignore case. */
  private existsBelow(namespace: string): boolean {
    const range = [this.catalog, `${namespace}.`, `${namespace}/`]
    const found = this.database.rows(
      `SELECT 1 FROM iceberg_namespace_properties WHERE catalog_name = ? AND namespace >= ? AND namespace < ?
       UNION ALL SELECT 1 FROM iceberg_tables WHERE catalog_name = ? AND table_namespace >= ? AND table_namespace < ? LIMIT 1`,
      ...range,
      ...range,
    )
    return found.length > 0
  }
}
