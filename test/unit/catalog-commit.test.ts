import { beforeEach, describe, expect, it } from 'vitest'
import { IceboxError } from '../../src/base/index.ts'
import { MemoryRows } from '../../src/catalog/memory-rows.ts'
import { MetadataCache } from '../../src/catalog/metadata-cache.ts'
import { RowCatalog } from '../../src/catalog/row-catalog.ts'
import { CatalogNames } from '../../src/query/resolve/names-in-catalog.ts'
import type { LoadedTable, Schema } from '../../src/iceberg/index.ts'
import { MemoryStore } from '../../src/storage/index.ts'
import { SlowDisk } from './support/slow-disk.ts'

const SCHEMA: Schema = {
  schemaId: 0,
  identifierFieldIds: [],
  fields: [{ id: 1, name: 'id', type: { kind: 'long' }, required: false }],
}
const T = { namespace: ['ns'], name: 't' }
const WAREHOUSE = 'memory:///warehouse'
const change = [{ action: 'set-properties', updates: { a: '1' } } as const]
const broken = () => new IceboxError('storage/io', { message: 'the connection was lost' })

/** Rows whose compare-and-set fails instead of answering, after or before it was done. */
class FailingRows extends MemoryRows {
  failure: 'after' | 'before' | 'after, then blind' | 'after, and another builds on it' | undefined
  private isBlind = false
  buildOn: ((location: string) => Promise<void>) | undefined

  override async replaceLocation(namespace: string, name: string, expected: string, next: string): Promise<boolean> {
    const failure = this.failure
    this.failure = undefined
    if (failure === undefined) return await super.replaceLocation(namespace, name, expected, next)
    if (failure !== 'before') await super.replaceLocation(namespace, name, expected, next)
    if (failure === 'after, then blind') this.isBlind = true
    if (failure === 'after, and another builds on it') await this.buildOn?.(next)
    throw broken()
  }

  override async insertTable(namespace: string, name: string, location: string) {
    const failure = this.failure
    this.failure = undefined
    if (failure === 'before') throw broken()
    const outcome = await super.insertTable(namespace, name, location)
    if (failure !== undefined) throw broken()
    return outcome
  }

  override async tableLocation(namespace: string, name: string): Promise<string | undefined> {
    if (this.isBlind) throw broken()
    return await super.tableLocation(namespace, name)
  }

  see(): void {
    this.isBlind = false
  }
}

describe('a commit whose answer is lost (I5, I7)', () => {
  let io: MemoryStore
  let rows: FailingRows
  let catalog: RowCatalog
  let base: LoadedTable
  const metadataFiles = async () => {
    const names: string[] = []
    for await (const info of io.list(`${WAREHOUSE}/ns/t/metadata`)) names.push(info.uri)
    return names.sort()
  }
  beforeEach(async () => {
    io = new MemoryStore()
    rows = new FailingRows()
    catalog = new RowCatalog(rows, { io, warehouse: WAREHOUSE })
    await catalog.createNamespace(['ns'])
    base = await catalog.createTable(T, { schema: SCHEMA })
  })

  it('is taken as done when the new metadata is current', async () => {
    rows.failure = 'after'
    const next = await catalog.commitTable(T, base, [], change)
    expect(await catalog.metadataLocation(T)).toBe(next.metadataLocation)
    expect(await metadataFiles()).toEqual([base.metadataLocation, next.metadataLocation].sort())
  })

  it('is taken as done when another writer has built on it already', async () => {
    rows.failure = 'after, and another builds on it'
    let built = ''
    rows.buildOn = async () => {
      const other = new RowCatalog(rows, { io, warehouse: WAREHOUSE })
      built = (await other.commitTable(T, await other.loadTable(T), [], change)).metadataLocation
    }
    const next = await catalog.commitTable(T, base, [], change)
    expect(next.metadataLocation).not.toBe(built)
    expect(await catalog.metadataLocation(T)).toBe(built)
    expect(await metadataFiles()).toHaveLength(3)
  })

  it('fails with the first error when it was not done, and leaves no file', async () => {
    rows.failure = 'before'
    await expect(catalog.commitTable(T, base, [], change)).rejects.toMatchObject({ code: 'storage/io' })
    expect(await metadataFiles()).toEqual([base.metadataLocation])
    expect((await catalog.loadTable(T)).metadataLocation).toBe(base.metadataLocation)
  })

  it('is catalog/commit-unknown when the catalog cannot be asked either, and no file is removed', async () => {
    rows.failure = 'after, then blind'
    await expect(catalog.commitTable(T, base, [], change)).rejects.toMatchObject({
      code: 'catalog/commit-unknown',
      context: { metadataLocation: expect.stringContaining('/00001-') },
    })
    rows.see()
    // It was applied in fact: the file that the name leads to must be there.
    expect((await catalog.loadTable(T)).metadata.properties).toMatchObject({ a: '1' })
    expect(await metadataFiles()).toHaveLength(2)
  })

  it('settles a creation the same way', async () => {
    const other = { namespace: ['ns'], name: 'u' }
    rows.failure = 'after'
    const created = await catalog.createTable(other, { schema: SCHEMA })
    expect(await catalog.metadataLocation(other)).toBe(created.metadataLocation)
    rows.failure = 'before'
    await expect(catalog.createTable({ namespace: ['ns'], name: 'v' }, { schema: SCHEMA })).rejects.toMatchObject({
      code: 'storage/io',
    })
    expect(await catalog.tableExists({ namespace: ['ns'], name: 'v' })).toBe(false)
  })

  it('tells of files that could not be removed, without failing the commit', async () => {
    const told: unknown[] = []
    class NoDelete extends MemoryStore {
      override async delete(): Promise<void> {
        throw new IceboxError('storage/denied', { message: 'no' })
      }
    }
    const store = new NoDelete()
    const careful = new RowCatalog(new MemoryRows(), {
      io: store,
      warehouse: WAREHOUSE,
      onCleanupFailure: (error) => told.push(error),
    })
    await careful.createNamespace(['ns'])
    let current = await careful.createTable(T, {
      schema: SCHEMA,
      properties: { 'write.metadata.previous-versions-max': '1' },
    })
    for (let i = 0; i < 3; i++)
      current = await careful.commitTable(T, current, [], [{ action: 'set-properties', updates: { a: `${i}` } }])
    expect(current.metadata.properties).toMatchObject({ a: '2' })
    expect(told).not.toEqual([])
  })
})

describe('a commit waits for the disk (I5)', () => {
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const begin = async () => {
    const io = new SlowDisk()
    const catalog = new RowCatalog(new MemoryRows(), { io, warehouse: WAREHOUSE })
    await catalog.createNamespace(['ns'])
    const created = catalog.createTable(T, { schema: SCHEMA })
    await turn()
    expect(await catalog.tableExists(T)).toBe(false)
    io.flushes[0]?.end()
    const base = await created
    const files = async () => {
      const names: string[] = []
      for await (const info of io.list(`${WAREHOUSE}/ns/t`)) names.push(info.uri)
      return names
    }
    return { io, catalog, base, files }
  }

  it('for its metadata and for what the metadata names, whichever comes last', async () => {
    for (const last of ['metadata', 'named'] as const) {
      const { io, catalog, base } = await begin()
      let flushed = () => {}
      const durable = new Promise<void>((resolve) => {
        flushed = resolve
      })
      const commit = catalog.commitTable(T, base, [], change, { durable })
      await turn()
      const flush = { metadata: () => io.flushes[1]?.end(), named: () => flushed() }
      flush[last === 'metadata' ? 'named' : 'metadata']()
      await turn()
      expect(await catalog.metadataLocation(T)).toBe(base.metadataLocation)
      flush[last]()
      const { metadataLocation } = await commit
      expect(await catalog.metadataLocation(T)).toBe(metadataLocation)
    }
  })

  it('and leaves the table as it was, and no file, when one of them cannot be flushed', async () => {
    for (const failing of ['metadata', 'named'] as const) {
      const { io, catalog, base, files } = await begin()
      const durable = failing === 'named' ? Promise.reject(broken()) : Promise.resolve()
      durable.catch(() => undefined)
      const commit = catalog.commitTable(T, base, [], change, { durable })
      const refused = expect(commit).rejects.toMatchObject({ code: 'storage/io' })
      await turn()
      if (failing === 'metadata') io.flushes[1]?.fail(broken())
      else io.flushes[1]?.end()
      await refused
      expect(await catalog.metadataLocation(T)).toBe(base.metadataLocation)
      expect(await files()).toEqual([base.metadataLocation])
    }
  })
})

describe('MetadataCache', () => {
  it('holds no more than its limit, and forgets what was used longest ago', async () => {
    const catalog = new RowCatalog(new MemoryRows(), { io: new MemoryStore(), warehouse: WAREHOUSE })
    await catalog.createNamespace(['ns'])
    const { metadata } = await catalog.createTable(T, { schema: SCHEMA })
    const probe = new MetadataCache()
    probe.put('probe', metadata)
    const one = probe.sizeBytes
    const cache = new MetadataCache({ maxBytes: 3 * one })
    for (const location of ['a', 'b', 'c']) cache.put(location, metadata)
    expect(cache.get('a')).toBe(metadata)
    cache.put('d', metadata)
    expect(['a', 'b', 'c', 'd'].filter((location) => cache.get(location) !== undefined)).toEqual(['a', 'c', 'd'])
    expect(cache.sizeBytes).toBe(3 * one)
    cache.remove('a')
    cache.remove('a')
    expect(cache.sizeBytes).toBe(2 * one)
    const small = new MetadataCache({ maxBytes: one - 1 })
    small.put('a', metadata)
    expect(small.get('a')).toBeUndefined()
    expect(small.sizeBytes).toBe(0)
  })
})

it('namespaces of other writers that differ by case only are each found by their exact name', async () => {
  const rows = new MemoryRows()
  for (const namespace of ['tw', 'TW']) {
    await rows.insertNamespace(namespace, {})
    await rows.insertTable(namespace, `of ${namespace}`, 'memory:///x')
  }
  const catalog = new RowCatalog(rows, { io: new MemoryStore(), warehouse: WAREHOUSE })
  const names = new CatalogNames(catalog)
  for (const namespace of ['tw', 'TW']) {
    expect(await names.table(namespace, `OF ${namespace}`)).toEqual({ namespace: [namespace], name: `of ${namespace}` })
    await catalog.createNamespace([namespace, 'below'])
  }
  await catalog.dropNamespace(['TW', 'below'])
  expect(await catalog.listNamespaces()).toEqual([['TW'], ['tw'], ['tw', 'below']])
})
