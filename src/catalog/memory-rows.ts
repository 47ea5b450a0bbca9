import type { CatalogRows, TableKey } from './rows.ts'

/** Rows in this process, for tests and for lakehouses that need not outlive it. */
export class MemoryRows implements CatalogRows {
  private readonly namespaces = new Map<string, Map<string, string>>()
  private readonly tables = new Map<string, Map<string, string>>()

  async tableLocation(namespace: string, name: string): Promise<string | undefined> {
    return this.tables.get(namespace)?.get(name)
  }

  async isView(): Promise<boolean> {
    return false
  }

  async listTables(namespace: string): Promise<string[]> {
    return [...(this.tables.get(namespace)?.keys() ?? [])].sort()
  }

  async allTables(): Promise<(TableKey & { readonly location: string })[]> {
    return [...this.tables].flatMap(([namespace, tables]) =>
      [...tables].map(([name, location]) => ({ namespace, name, location })),
    )
  }

  async insertTable(namespace: string, name: string, location: string): Promise<'inserted' | 'taken' | 'no-namespace'> {
    if (!this.exists(namespace)) return 'no-namespace'
    const tables = this.tables.get(namespace) ?? new Map<string, string>()
    if (tables.has(name)) return 'taken'
    this.tables.set(namespace, tables.set(name, location))
    return 'inserted'
  }

  async replaceLocation(namespace: string, name: string, expected: string, next: string): Promise<boolean> {
    const tables = this.tables.get(namespace)
    if (tables?.get(name) !== expected) return false
    tables.set(name, next)
    return true
  }

  async deleteTable(namespace: string, name: string, expected?: string): Promise<boolean> {
    const tables = this.tables.get(namespace)
    if (tables?.has(name) !== true || (expected !== undefined && tables.get(name) !== expected)) return false
    tables.delete(name)
    if (tables.size === 0) this.tables.delete(namespace)
    return true
  }

  async renameTable(from: TableKey, to: TableKey): Promise<'renamed' | 'missing' | 'taken' | 'no-namespace'> {
    const location = this.tables.get(from.namespace)?.get(from.name)
    if (location === undefined) return 'missing'
    const outcome = await this.insertTable(to.namespace, to.name, location)
    if (outcome !== 'inserted') return outcome
    await this.deleteTable(from.namespace, from.name)
    return 'renamed'
  }

  async listNamespaces(): Promise<string[]> {
    return [...new Set([...this.namespaces.keys(), ...this.tables.keys()])].sort()
  }

  async namespaceExists(namespace: string): Promise<boolean> {
    return this.exists(namespace)
  }

  async insertNamespace(namespace: string, properties: Readonly<Record<string, string>>): Promise<boolean> {
    if (this.exists(namespace)) return false
    this.namespaces.set(namespace, new Map(Object.entries(properties)))
    return true
  }

  async deleteNamespace(namespace: string): Promise<'deleted' | 'missing' | 'not-empty'> {
    if (!this.exists(namespace)) return 'missing'
    if (this.tables.has(namespace) || this.existsBelow(namespace)) return 'not-empty'
    this.namespaces.delete(namespace)
    return 'deleted'
  }

  async namespaceProperties(namespace: string): Promise<Record<string, string>> {
    return Object.fromEntries(this.namespaces.get(namespace) ?? [])
  }

  async updateNamespace(
    namespace: string,
    set: Readonly<Record<string, string>>,
    remove: readonly string[],
  ): Promise<boolean> {
    if (!this.exists(namespace)) return false
    const properties = this.namespaces.get(namespace) ?? new Map<string, string>()
    for (const key of remove) properties.delete(key)
    for (const [key, value] of Object.entries(set)) properties.set(key, value)
    this.namespaces.set(namespace, properties)
    return true
  }

  async close(): Promise<void> {}

  private exists(namespace: string): boolean {
    return this.namespaces.has(namespace) || this.tables.has(namespace) || this.existsBelow(namespace)
  }

  private existsBelow(namespace: string): boolean {
    const below = `${namespace}.`
    return [...this.namespaces.keys(), ...this.tables.keys()].some((key) => key.startsWith(below))
  }
}
