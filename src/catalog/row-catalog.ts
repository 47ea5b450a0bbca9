import { randomUUID } from 'node:crypto'
import { IceboxError, isIceboxError, sqlName } from '../base/index.ts'
import {
  type LoadedTable,
  newTableMetadata,
  readTableMetadata,
  type TableMetadata,
  type TableRequirement,
  type TableUpdate,
} from '../iceberg/index.ts'
import { fileUri } from '../storage/index.ts'
import { commitChange, commitCreation, tableExists, tableGone } from './commit.ts'
import { MetadataCache } from './metadata-cache.ts'
import { missingMetadata, movedError, movedTable, refuseCopy, refuseMoved } from './moved.ts'
import { metadataFileOf } from './metadata-file.ts'
import { checkTableName, namespaceKey, namespaceOf, tableText } from './names.ts'
import { namespaceNotFound, tableNotFound } from './not-found.ts'
import type { CatalogOptions, CatalogParts } from './parts.ts'
import type { Catalog, CreateTableRequest, Namespace, TableIdentifier } from './port.ts'
import { purgeFiles } from './purge.ts'
import { type CatalogRows, EXISTS_PROPERTY } from './rows.ts'
import { otherName, purgesOther } from './same-table.ts'
import { newTableLocation } from './table-location.ts'

/** A catalog over rows of any kind: all that decides, nothing of how rows are kept. */
export class RowCatalog implements Catalog {
  readonly name: string
  private readonly parts: CatalogParts

  constructor(rows: CatalogRows, options: CatalogOptions) {
    this.name = options.name ?? 'icebox'
    const cache = new MetadataCache(options.cacheBytes === undefined ? {} : { maxBytes: options.cacheBytes })
    this.parts = {
      rows,
      io: options.io,
      warehouse: options.warehouse,
      cache,
      now: options.now ?? Date.now,
      newUuid: randomUUID,
      onCleanupFailure: options.onCleanupFailure ?? (() => undefined),
      readMetadata: (table, location) => this.readMetadata(table, location),
    }
  }

  async createNamespace(namespace: Namespace, properties: Readonly<Record<string, string>> = {}): Promise<void> {
    const key = namespaceKey(namespace)
    refuseReserved(Object.keys(properties))
    await this.refuseTwin(namespace)
    if (await this.parts.rows.insertNamespace(key, properties)) return
    throw new IceboxError('namespace/exists', {
      message: `namespace ${key} exists already`,
      context: { namespace: key },
    })
  }

  /** Names that differ by case only are one name in SQL. Of other writers' twins each level may be named exactly. */
  private async refuseTwin(namespace: Namespace): Promise<void> {
    const known = (await this.listNamespaces()).map((levels) => levels.join('.'))
    for (let depth = 1; depth <= namespace.length; depth++) {
      const level = namespaceKey(namespace.slice(0, depth))
      const parent = namespace.slice(0, depth - 1).join('.')
      const twin = known.find(
        (other) => other.toLowerCase() === level.toLowerCase() && other.slice(0, parent.length) === parent,
      )
      if (twin === undefined || known.includes(level)) continue
      throw new IceboxError('namespace/exists', {
        message: `namespace ${level} would differ from ${twin} by case only`,
        remedy: `write ${sqlName([twin, ...namespace.slice(depth)].join('.'))}, or choose another name`,
        context: { namespace: namespaceKey(namespace), twin },
      })
    }
  }

  async dropNamespace(namespace: Namespace): Promise<void> {
    const key = namespaceKey(namespace)
    const outcome = await this.parts.rows.deleteNamespace(key)
    if (outcome === 'missing')
      throw await namespaceNotFound(this.parts.rows, namespace, 'see what there is: SHOW SCHEMAS')
    if (outcome === 'deleted') return
    const tables = await this.parts.rows.listTables(key)
    const below = (await this.parts.rows.listNamespaces()).filter((other) => other.startsWith(`${key}.`))
    const held = [...tables.map((name) => `${key}.${name}`), ...below]
    throw new IceboxError('namespace/not-empty', {
      message: `namespace ${key} is not empty: it holds ${held.slice(0, 3).join(', ') || 'views'}${held.length > 3 ? ` and ${held.length - 3} more` : ''}`,
      remedy: 'drop or rename what it holds first',
      context: { namespace: key, tables: tables.length, namespaces: below.length },
    })
  }

  /** Parents that exist only by what is below them are listed too. */
  async listNamespaces(): Promise<Namespace[]> {
    const keys = new Set<string>()
    for (const key of await this.parts.rows.listNamespaces()) {
      const levels = namespaceOf(key)
      for (let depth = 1; depth <= levels.length; depth++) keys.add(levels.slice(0, depth).join('.'))
    }
    return [...keys].sort().map(namespaceOf)
  }

  namespaceExists(namespace: Namespace): Promise<boolean> {
    return this.parts.rows.namespaceExists(namespaceKey(namespace))
  }

  async namespaceProperties(namespace: Namespace): Promise<Readonly<Record<string, string>>> {
    const properties = await this.parts.rows.namespaceProperties(namespaceKey(namespace))
    if (Object.keys(properties).length === 0) await this.needNamespace(namespace)
    return properties
  }

  async updateNamespaceProperties(
    namespace: Namespace,
    set: Readonly<Record<string, string>>,
    remove: readonly string[],
  ): Promise<void> {
    refuseReserved([...Object.keys(set), ...remove])
    if (!(await this.parts.rows.updateNamespace(namespaceKey(namespace), set, remove))) {
      throw await namespaceNotFound(this.parts.rows, namespace)
    }
  }

  async listTables(namespace: Namespace): Promise<TableIdentifier[]> {
    const names = await this.parts.rows.listTables(namespaceKey(namespace))
    if (names.length === 0) await this.needNamespace(namespace)
    return names.map((name) => ({ namespace, name }))
  }

  async tableExists(table: TableIdentifier): Promise<boolean> {
    return (await this.parts.rows.tableLocation(namespaceKey(table.namespace), table.name)) !== undefined
  }

  async requireFree(table: TableIdentifier): Promise<void> {
    const key = namespaceKey(table.namespace)
    if ((await this.tableExists(table)) || (await this.parts.rows.isView(key, table.name)))
      throw await tableExists(this.parts, table)
  }

  async metadataLocation(table: TableIdentifier): Promise<string> {
    const location = await this.parts.rows.tableLocation(namespaceKey(table.namespace), table.name)
    if (location === undefined) throw await tableNotFound(this.parts.rows, table)
    return location
  }

  async loadTable(table: TableIdentifier): Promise<LoadedTable> {
    return await this.loadAt(table, await this.metadataLocation(table))
  }

  async createTable(table: TableIdentifier, request: CreateTableRequest): Promise<LoadedTable> {
    const staged = await this.stageTable(table, request)
    return await commitCreation(this.parts, table, staged.metadata, [{ type: 'assert-create' }], [])
  }

  async stageTable(table: TableIdentifier, request: CreateTableRequest): Promise<LoadedTable> {
    checkTableName(table.name)
    await this.needNamespace(table.namespace)
    await this.requireFree(table)
    const uuid = this.parts.newUuid()
    const metadata = newTableMetadata({
      uuid,
      location: request.location ?? (await this.defaultLocation(table, uuid)),
      schema: request.schema,
      ...(request.partitionSpec === undefined ? {} : { spec: request.partitionSpec }),
      ...(request.sortOrder === undefined ? {} : { sortOrder: request.sortOrder }),
      ...(request.properties === undefined ? {} : { properties: request.properties }),
      nowMs: this.parts.now(),
    })
    return { metadata, metadataLocation: '' }
  }

  async commitTable(
    table: TableIdentifier,
    base: LoadedTable,
    requirements: readonly TableRequirement[],
    updates: readonly TableUpdate[],
    { durable }: { durable?: Promise<void> } = {},
  ): Promise<LoadedTable> {
    if (base.metadataLocation === '') {
      return await commitCreation(this.parts, table, base.metadata, requirements, updates, durable)
    }
    const location = await this.parts.rows.tableLocation(namespaceKey(table.namespace), table.name)
    if (location === undefined) throw tableGone(table, 'was dropped or renamed')
    const current = location === base.metadataLocation ? base : await this.loadAt(table, location)
    if (current.metadata.tableUuid !== base.metadata.tableUuid) throw tableGone(table, 'was dropped and made anew')
    return await commitChange(this.parts, table, current, requirements, updates, durable)
  }

  async registerTable(table: TableIdentifier, metadataLocation: string): Promise<LoadedTable> {
    checkTableName(table.name)
    await this.needNamespace(table.namespace)
    await this.requireFree(table)
    // Other tools want a URI where Icebox takes a bare path too.
    const named = metadataLocation.startsWith('/') ? fileUri(metadataLocation) : metadataLocation
    const isFile = (await this.parts.io.head(named).catch(notFoundAsUndefined)) !== undefined
    const location = isFile ? named : await metadataFileOf(named.replace(/\/+$/, ''), this.parts.io)
    const metadata = await readTableMetadata(this.parts.io, location)
    const adopted = { metadata, metadataLocation: location }
    const moved = await movedTable(this.parts.io, metadata, location)
    if (moved?.isCopy === true) refuseCopy(moved, location)
    const outcome = await this.parts.rows.insertTable(namespaceKey(table.namespace), table.name, location)
    if (outcome === 'taken') throw await tableExists(this.parts, table)
    if (outcome === 'no-namespace') throw await namespaceNotFound(this.parts.rows, table.namespace)
    // One that was moved is adopted to be relocated: until then each who loads it is told.
    if (moved === undefined) this.parts.cache.put(location, metadata)
    return adopted
  }

  async repointTable(table: TableIdentifier, expectedLocation: string, newLocation: string): Promise<LoadedTable> {
    const metadata = await readTableMetadata(this.parts.io, newLocation)
    const namespace = namespaceKey(table.namespace)
    if (await this.parts.rows.replaceLocation(namespace, table.name, expectedLocation, newLocation)) {
      this.parts.cache.put(newLocation, metadata)
      return { metadata, metadataLocation: newLocation }
    }
    const current = await this.metadataLocation(table)
    throw new IceboxError('catalog/commit-conflict', {
      message: `the metadata of ${tableText(table)} was expected at ${expectedLocation} and is at ${current} by now`,
      remedy: 'look at the table again and repeat',
      context: { table: tableText(table), expected: expectedLocation, found: current },
      retryable: true,
    })
  }

  async renameTable(from: TableIdentifier, to: TableIdentifier): Promise<void> {
    checkTableName(to.name)
    const outcome = await this.parts.rows.renameTable(
      { namespace: namespaceKey(from.namespace), name: from.name },
      { namespace: namespaceKey(to.namespace), name: to.name },
    )
    if (outcome === 'missing') throw await tableNotFound(this.parts.rows, from)
    if (outcome === 'taken') throw await tableExists(this.parts, to)
    if (outcome === 'no-namespace') throw await namespaceNotFound(this.parts.rows, to.namespace)
  }

  async dropTable(table: TableIdentifier, options: { purge?: boolean } = {}): Promise<void> {
    const location = await this.metadataLocation(table)
    // Read first: metadata that cannot be read must not cost the name that leads to it.
    const metadata = options.purge === true ? await this.metadataToPurge(table, location) : undefined
    const expected = metadata === undefined ? undefined : location
    if (metadata !== undefined) {
      const other = await otherName(this.parts, table, { metadata, metadataLocation: location })
      if (other !== undefined) throw purgesOther(table, other)
    }
    if (!(await this.parts.rows.deleteTable(namespaceKey(table.namespace), table.name, expected))) {
      if (await this.tableExists(table)) return await this.dropTable(table, options)
      throw tableGone(table, 'was dropped or renamed')
    }
    this.parts.cache.remove(location)
    if (metadata !== undefined) await purgeFiles(this.parts.io, metadata, location)
  }

  async close(): Promise<void> {
    await this.parts.rows.close()
  }

  /**
   * The table at a location that was current. Its writers may remove that file meanwhile
   * (write.metadata.delete-after-commit.enabled): then the table is where they have left it.
   */
  private async loadAt(table: TableIdentifier, metadataLocation: string): Promise<LoadedTable> {
    try {
      return { metadata: await this.readMetadata(table, metadataLocation), metadataLocation }
    } catch (error) {
      const current = await this.metadataLocation(table)
      if (!isIceboxError(error, 'storage/not-found') || current === metadataLocation) throw error
      return await this.loadAt(table, current)
    }
  }

  private async readMetadata(table: TableIdentifier, location: string): Promise<TableMetadata> {
    const cached = this.parts.cache.get(location)
    if (cached !== undefined) return cached
    await refuseMoved(this.parts.io, this.parts.warehouse, tableText(table), location)
    try {
      const metadata = await readTableMetadata(this.parts.io, location)
      const moved = await movedTable(this.parts.io, metadata, location)
      if (moved?.isCopy === false) throw movedError(tableText(table), location, moved, 'its folder')
      this.parts.cache.put(location, metadata)
      return metadata
    } catch (error) {
      throw isIceboxError(error, 'storage/not-found') ? missingMetadata(tableText(table), location, error) : error
    }
  }

  /** Undefined where the metadata file itself is gone: then nothing is named, and nothing is left to delete (I21). */
  private async metadataToPurge(table: TableIdentifier, location: string): Promise<TableMetadata | undefined> {
    return await this.readMetadata(table, location).catch(notFoundAsUndefined)
  }

  private async defaultLocation(table: TableIdentifier, uuid: string): Promise<string> {
    const properties = await this.parts.rows.namespaceProperties(namespaceKey(table.namespace))
    return await newTableLocation(this.parts.io, this.parts.warehouse, properties, table, uuid)
  }

  private async needNamespace(namespace: Namespace): Promise<void> {
    if (!(await this.namespaceExists(namespace))) throw await namespaceNotFound(this.parts.rows, namespace)
  }
}

function refuseReserved(keys: readonly string[]): void {
  if (!keys.includes(EXISTS_PROPERTY)) return
  throw new IceboxError('usage/invalid', {
    message: `the namespace property '${EXISTS_PROPERTY}' is the catalog's own`,
    remedy: 'choose another name for the property',
    context: { property: EXISTS_PROPERTY },
  })
}

function notFoundAsUndefined(error: unknown): undefined {
  if (!isIceboxError(error, 'storage/not-found')) throw error
}
