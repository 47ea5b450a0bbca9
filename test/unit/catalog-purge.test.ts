import { describe, expect, it } from 'vitest'
import { IceboxError } from '../../src/base/index.ts'
import { commitTarget, openMemoryCatalog } from '../../src/catalog/index.ts'
import { type DataFile, type Schema, Transaction } from '../../src/iceberg/index.ts'
import { MemoryStore, type ObjectStore } from '../../src/storage/index.ts'

const SCHEMA: Schema = {
  schemaId: 0,
  identifierFieldIds: [],
  fields: [{ id: 1, name: 'id', type: { kind: 'long' }, required: false }],
}
const T = { namespace: ['ns'], name: 't' }
const WAREHOUSE = 'memory:///warehouse'

const everything = async (io: ObjectStore) => {
  const uris: string[] = []
  for await (const info of io.list(WAREHOUSE)) uris.push(info.uri)
  return uris.sort()
}

/** A table with three appends of two files each. */
async function makeTable(io: ObjectStore, properties: Readonly<Record<string, string>> = {}, cacheBytes = 1_000_000) {
  const catalog = openMemoryCatalog({ io, warehouse: WAREHOUSE, cacheBytes })
  await catalog.createNamespace(['ns'])
  const { metadata } = await catalog.createTable(T, { schema: SCHEMA, properties })
  const target = commitTarget(catalog, T)
  for (let commit = 0; commit < 3; commit++) {
    const files: DataFile[] = []
    for (let i = 0; i < 2; i++) {
      const filePath = `${metadata.location}/data/${commit}-${i}.parquet`
      await io.create(filePath, new Uint8Array(10))
      files.push({
        content: 'data',
        filePath,
        fileFormat: 'parquet',
        specId: 0,
        partition: [],
        recordCount: 1n,
        fileSizeInBytes: 10n,
      })
    }
    await new Transaction({ target, io, base: await target.load() }).append(files).commit()
  }
  return { catalog, location: metadata.location }
}

describe('dropping a table with purge', () => {
  it('deletes data files, manifests, lists and metadata of every snapshot, and nothing beside them (I21)', async () => {
    const io = new MemoryStore()
    const { catalog, location } = await makeTable(io)
    await io.create(`${location}/data/not-named.parquet`, new Uint8Array(1))
    await io.create(`${WAREHOUSE}/ns/other/data/1.parquet`, new Uint8Array(1))
    expect((await everything(io)).length).toBeGreaterThan(6 + 3 + 3)
    await catalog.dropTable(T, { purge: true })
    expect(await everything(io)).toEqual([`${WAREHOUSE}/ns/other/data/1.parquet`, `${location}/data/not-named.parquet`])
    expect(await catalog.tableExists(T)).toBe(false)
  })

  it('deletes the rest where some of it is gone already, a manifest and a list too', async () => {
    const io = new MemoryStore()
    const { catalog, location } = await makeTable(io)
    const all = await everything(io)
    const manifest = all.find((uri) => uri.endsWith('.avro') && !uri.includes('snap-'))
    const list = all.find((uri) => uri.includes('/snap-'))
    if (manifest === undefined || list === undefined) throw new TypeError('the table has no manifests')
    await io.delete([`${location}/data/0-0.parquet`, manifest, list])
    await catalog.dropTable(T, { purge: true })
    const left = await everything(io)
    // What only the lost manifest named cannot be known.
    expect(left.filter((uri) => !uri.includes('/data/'))).toEqual([])
    expect(left.length).toBeLessThanOrEqual(2)
  })

  it('leaves data files that belong to others too, by gc.enabled', async () => {
    const io = new MemoryStore()
    const { catalog, location } = await makeTable(io, { 'gc.enabled': 'false' })
    await catalog.dropTable(T, { purge: true })
    const left = await everything(io)
    expect(left).toHaveLength(6)
    expect(left.every((uri) => uri.startsWith(`${location}/data/`))).toBe(true)
  })

  it('tries everything and names what could not be deleted, with the table gone', async () => {
    class Stubborn extends MemoryStore {
      override async delete(uris: readonly string[]): Promise<void> {
        const kept = uris.filter((uri) => uri.endsWith('/1-0.parquet'))
        await super.delete(uris.filter((uri) => !kept.includes(uri)))
        if (kept[0] !== undefined) throw new IceboxError('storage/denied', { message: `cannot delete ${kept[0]}` })
      }
    }
    const io = new Stubborn()
    const { catalog, location } = await makeTable(io)
    await expect(catalog.dropTable(T, { purge: true })).rejects.toMatchObject({
      code: 'storage/denied',
      message: expect.stringContaining('1-0.parquet'),
    })
    expect(await everything(io)).toEqual([`${location}/data/1-0.parquet`])
    expect(await catalog.tableExists(T)).toBe(false)
  })

  it('keeps the name when the metadata cannot be read, and drops it without purge', async () => {
    const io = new MemoryStore()
    // Without a cache, so that the damage is seen.
    const { catalog } = await makeTable(io, {}, 0)
    const location = await catalog.metadataLocation(T)
    await io.delete([location])
    await io.create(location, new TextEncoder().encode('{'))
    await expect(catalog.dropTable(T, { purge: true })).rejects.toMatchObject({ code: 'iceberg/invalid-metadata' })
    expect(await catalog.tableExists(T)).toBe(true)
    await catalog.dropTable(T)
    expect(await catalog.tableExists(T)).toBe(false)
  })
})
