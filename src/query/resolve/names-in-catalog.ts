import type { Catalog, TableIdentifier } from '../../catalog/index.ts'

/**
 * Tables by the names that people write: exactly as written if there is such a table, else the one that differs only by
 * case. Remembers for the length of one statement.
 */
export class CatalogNames {
  readonly #catalog: Catalog
  #namespaces: Promise<readonly string[]> | undefined
  readonly #tables = new Map<string, Promise<readonly string[]>>()
  readonly #found = new Map<string, Promise<TableIdentifier | undefined>>()

  constructor(catalog: Catalog) {
    this.#catalog = catalog
  }

  /** Namespaces as one text each: levels joined by a dot. */
  namespaces(): Promise<readonly string[]> {
    this.#namespaces ??= this.#catalog.listNamespaces().then((list) => list.map((levels) => levels.join('.')))
    return this.#namespaces
  }

  tables(namespace: string): Promise<readonly string[]> {
    let tables = this.#tables.get(namespace)
    if (tables === undefined) {
      tables = this.#catalog.listTables(namespace.split('.')).then((list) => list.map((table) => table.name))
      this.#tables.set(namespace, tables)
    }
    return tables
  }

  async namespace(written: string): Promise<string | undefined> {
    return pick(await this.namespaces(), written)
  }

  table(namespaceWritten: string, tableWritten: string): Promise<TableIdentifier | undefined> {
    // Columns are written behind the same alias many times, and any of them could be a table.
    const written = `${namespaceWritten}\n${tableWritten}`
    const found = this.#found.get(written) ?? this.#find(namespaceWritten, tableWritten)
    this.#found.set(written, found)
    return found
  }

  async #find(namespaceWritten: string, tableWritten: string): Promise<TableIdentifier | undefined> {
    const namespace = await this.namespace(namespaceWritten)
    if (namespace === undefined) return undefined
    const levels = namespace.split('.')
    if (await this.#catalog.tableExists({ namespace: levels, name: tableWritten })) {
      return { namespace: levels, name: tableWritten }
    }
    const name = pick(await this.tables(namespace), tableWritten)
    return name === undefined ? undefined : { namespace: levels, name }
  }
}

function pick(names: readonly string[], written: string): string | undefined {
  if (names.includes(written)) return written
  const lower = written.toLowerCase()
  return names.find((name) => name.toLowerCase() === lower)
}
