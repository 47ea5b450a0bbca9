import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isIceboxError } from '../../src/base/index.ts'
import { type Catalog, openMemoryCatalog, openSqliteCatalog, type TableIdentifier } from '../../src/catalog/index.ts'
import type { Schema, TableRequirement, TableUpdate } from '../../src/iceberg/index.ts'
import { CountingStore, createStore, fileUri, type ObjectStore } from '../../src/storage/index.ts'

const SCHEMA: Schema = {
  schemaId: 0,
  identifierFieldIds: [],
  fields: [
    { id: 7, name: 'id', type: { kind: 'long' }, required: true },
    { id: 9, name: 'name', type: { kind: 'string' }, required: false },
  ],
}
const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise
  } catch (error) {
    if (isIceboxError(error)) return error.code
    throw error
  }
  return 'no error'
}
const table = (name: string, ...namespace: string[]): TableIdentifier => ({
  namespace: namespace.length === 0 ? ['ns'] : namespace,
  name,
})
const set = (key: string, value: string): TableUpdate => ({ action: 'set-properties', updates: { [key]: value } })
const below = async (io: ObjectStore, folder: string) => {
  const names: string[] = []
  for await (const info of io.list(folder)) names.push(info.uri.slice(folder.length + 1))
  return names.sort()
}

interface Setup {
  catalog: Catalog
  io: CountingStore
  warehouse: string
}
const kinds: Record<string, (folder: string) => Promise<Setup>> = {
  memory: async () => {
    const io = new CountingStore(createStore())
    const warehouse = 'memory:///warehouse'
    return { catalog: openMemoryCatalog({ io, warehouse }), io, warehouse }
  },
  sqlite: async (folder) => {
    const io = new CountingStore(createStore())
    const warehouse = fileUri(join(folder, 'warehouse'))
    const catalog = await openSqliteCatalog({ path: join(folder, 'catalog.sqlite'), create: true, io, warehouse })
    return { catalog, io, warehouse }
  },
}

for (const [kind, open] of Object.entries(kinds)) {
  describe(`Catalog, ${kind}`, () => {
    let folder: string
    let catalog: Catalog
    let io: CountingStore
    let warehouse: string
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'icebox-'))
      ;({ catalog, io, warehouse } = await open(folder))
      await catalog.createNamespace(['ns'])
    })
    afterEach(async () => {
      await catalog.close()
      await rm(folder, { recursive: true })
    })

    describe('namespaces', () => {
      it('keeps a namespace without properties, and one with', async () => {
        await catalog.createNamespace(['a', 'b'], { owner: 'me', note: 'größer; drop table' })
        expect(await catalog.namespaceProperties(['ns'])).toEqual({})
        expect(await catalog.namespaceProperties(['a', 'b'])).toEqual({ owner: 'me', note: 'größer; drop table' })
        expect(await catalog.listNamespaces()).toEqual([['a'], ['a', 'b'], ['ns']])
        expect(await codeOf(catalog.createNamespace(['ns']))).toBe('namespace/exists')
      })

      it('takes a parent of a namespace as existing, and no other name that only begins alike', async () => {
        await catalog.createNamespace(['a', 'b'])
        expect(await catalog.namespaceExists(['a'])).toBe(true)
        expect(await catalog.namespaceExists(['A'])).toBe(false)
        expect(await catalog.namespaceExists(['a', 'B'])).toBe(false)
        await catalog.createNamespace(['a_b', 'c'])
        expect(await catalog.namespaceExists(['axb'])).toBe(false)
        expect(await catalog.namespaceExists(['a', 'b', 'c'])).toBe(false)
      })

      it('makes no namespace that differs from another by case only, at any level', async () => {
        await catalog.createNamespace(['ns', 'Low'])
        for (const namespace of [['NS'], ['Ns', 'other'], ['ns', 'low'], ['ns', 'LOW', 'deep']]) {
          expect(await codeOf(catalog.createNamespace(namespace))).toBe('namespace/exists')
        }
        await catalog.createNamespace(['ns', 'lower'])
        expect(await catalog.listNamespaces()).toEqual([['ns'], ['ns', 'Low'], ['ns', 'lower']])
      })

      it('does not lose a namespace whose last property is removed', async () => {
        await catalog.updateNamespaceProperties(['ns'], { k: '1', l: '2' }, [])
        await catalog.updateNamespaceProperties(['ns'], { l: '3' }, ['k', 'never-there'])
        expect(await catalog.namespaceProperties(['ns'])).toEqual({ l: '3' })
        await catalog.updateNamespaceProperties(['ns'], {}, ['l'])
        expect(await catalog.namespaceProperties(['ns'])).toEqual({})
        expect(await catalog.namespaceExists(['ns'])).toBe(true)
      })

      it('drops only what is empty, and says what it holds', async () => {
        await catalog.createTable(table('t'), { schema: SCHEMA })
        await expect(catalog.dropNamespace(['ns'])).rejects.toMatchObject({
          code: 'namespace/not-empty',
          message: expect.stringContaining('ns.t'),
        })
        await catalog.createNamespace(['p', 'child'])
        expect(await codeOf(catalog.dropNamespace(['p']))).toBe('namespace/not-empty')
        await catalog.dropNamespace(['p', 'child'])
        await catalog.dropTable(table('t'))
        await catalog.dropNamespace(['ns'])
        expect(await catalog.listNamespaces()).toEqual([])
      })

      it('names the nearest namespace where one is missing', async () => {
        await catalog.createNamespace(['sales'])
        for (const call of [
          () => catalog.dropNamespace(['slaes']),
          () => catalog.namespaceProperties(['slaes']),
          () => catalog.updateNamespaceProperties(['slaes'], { a: 'b' }, []),
          () => catalog.listTables(['slaes']),
          () => catalog.loadTable(table('t', 'slaes')),
          () => catalog.createTable(table('t', 'slaes'), { schema: SCHEMA }),
          () => catalog.stageTable(table('t', 'slaes'), { schema: SCHEMA }),
        ]) {
          await expect(call()).rejects.toMatchObject({
            code: 'namespace/not-found',
            remedy: 'did you mean sales?',
            context: { nearest: ['sales'] },
          })
        }
      })

      it('refuses names that the database could not tell apart or other tools not find', async () => {
        for (const name of ['', ' ', 'a.b', ' a', 'a ', 'a\nb', 'x'.repeat(256), 'a\ud800']) {
          expect(await codeOf(catalog.createNamespace([name]))).toBe('name/invalid')
        }
        expect(await codeOf(catalog.createNamespace([]))).toBe('name/invalid')
        expect(await codeOf(catalog.createNamespace(['x'], { exists: 'no' }))).toBe('usage/invalid')
        expect(await catalog.listNamespaces()).toEqual([['ns']])
      })
    })

    describe('tables', () => {
      it('creates a table that can be loaded, with ids assigned afresh and the folder that its name says', async () => {
        const created = await catalog.createTable(table('t'), {
          schema: SCHEMA,
          partitionSpec: {
            specId: 0,
            fields: [{ fieldId: 0, sourceIds: [9], name: 'name', transform: { kind: 'identity' } }],
          },
          properties: { owner: 'me' },
        })
        expect(created.metadata.location).toBe(`${warehouse}/ns/t`)
        expect(created.metadataLocation).toMatch(/\/ns\/t\/metadata\/00000-[0-9a-f-]{36}\.metadata\.json$/)
        expect(created.metadata.schemas[0]?.fields.map((field) => [field.id, field.name])).toEqual([
          [1, 'id'],
          [2, 'name'],
        ])
        expect(created.metadata.partitionSpecs[0]?.fields[0]).toMatchObject({ fieldId: 1000, sourceIds: [2] })
        expect(created.metadata.properties).toMatchObject({ owner: 'me' })
        const loaded = await catalog.loadTable(table('t'))
        expect(loaded.metadataLocation).toBe(created.metadataLocation)
        expect(loaded.metadata.tableUuid).toBe(created.metadata.tableUuid)
        expect(await catalog.metadataLocation(table('t'))).toBe(created.metadataLocation)
        expect(await catalog.listTables(['ns'])).toEqual([table('t')])
        expect(await codeOf(catalog.createTable(table('t'), { schema: SCHEMA }))).toBe('table/exists')
        expect(await below(io, `${warehouse}/ns/t`)).toHaveLength(1)
      })

      it('keeps names as they are: case, Unicode, quotes and slashes never mix two tables', async () => {
        const names = ['Orders', 'orders', 'größe', "o'clock", 'a/b', '../escape', '..', 'a b', 'a.b', '100%', 'x*']
        for (const name of names) await catalog.createTable(table(name), { schema: SCHEMA })
        expect((await catalog.listTables(['ns'])).map((each) => each.name).sort()).toEqual([...names].sort())
        const locations = new Set<string>()
        for (const name of names) {
          const { metadata } = await catalog.loadTable(table(name))
          expect(metadata.location.startsWith(`${warehouse}/ns/`)).toBe(true)
          expect(metadata.location.slice(`${warehouse}/ns/`.length)).toMatch(
            /^[\p{L}\p{M}\p{N}_][\p{L}\p{M}\p{N}_.-]*$/u,
          )
          locations.add(metadata.location)
        }
        expect(locations.size).toBe(names.length)
        expect(await catalog.tableExists(table('ORDERS'))).toBe(false)
      })

      it('puts tables below the location of their namespace, and where the request says', async () => {
        await catalog.updateNamespaceProperties(['ns'], { location: `${warehouse}/elsewhere/` }, [])
        const { metadata } = await catalog.createTable(table('t'), { schema: SCHEMA })
        expect(metadata.location).toBe(`${warehouse}/elsewhere/t`)
        const given = await catalog.createTable(table('u'), { schema: SCHEMA, location: `${warehouse}/mine` })
        expect(given.metadata.location).toBe(`${warehouse}/mine`)
        expect(given.metadataLocation.startsWith(`${warehouse}/mine/metadata/`)).toBe(true)
      })

      it('never gives a new table the folder of one that was renamed away or dropped without purge', async () => {
        const first = await catalog.createTable(table('t'), { schema: SCHEMA })
        await catalog.renameTable(table('t'), table('old'))
        const second = await catalog.createTable(table('t'), { schema: SCHEMA })
        expect(second.metadata.location).not.toBe(first.metadata.location)
        expect(second.metadata.location.startsWith(`${warehouse}/ns/t-`)).toBe(true)
      })

      it('names the nearest table where one is missing, or the same name elsewhere', async () => {
        await catalog.createTable(table('orders'), { schema: SCHEMA })
        await catalog.createNamespace(['other'])
        await catalog.createTable(table('lineitem', 'other'), { schema: SCHEMA })
        await expect(catalog.loadTable(table('ordesr'))).rejects.toMatchObject({
          code: 'table/not-found',
          remedy: 'did you mean ns.orders?',
        })
        await expect(catalog.metadataLocation(table('lineitem'))).rejects.toMatchObject({
          remedy: 'did you mean other.lineitem?',
        })
        await expect(catalog.loadTable(table('lineitem', 'xyz'))).rejects.toMatchObject({
          code: 'namespace/not-found',
          remedy: 'did you mean other.lineitem?',
        })
        // Who looks for a table is not helped by a new schema.
        await expect(catalog.loadTable(table('nosuch', 'xyz'))).rejects.toMatchObject({
          code: 'namespace/not-found',
          remedy: 'see what there is: icebox table list',
        })
        for (const call of [
          () => catalog.dropTable(table('zzz')),
          () => catalog.dropTable(table('zzz'), { purge: true }),
          () => catalog.renameTable(table('zzz'), table('y')),
        ]) {
          expect(await codeOf(call())).toBe('table/not-found')
        }
        expect(await catalog.tableExists(table('zzz'))).toBe(false)
      })

      it('renames, within a namespace and across, and does not overwrite', async () => {
        const { metadata } = await catalog.createTable(table('t'), { schema: SCHEMA })
        await catalog.createTable(table('u'), { schema: SCHEMA })
        expect(await codeOf(catalog.renameTable(table('t'), table('u')))).toBe('table/exists')
        expect(await codeOf(catalog.renameTable(table('t'), table('t', 'nowhere')))).toBe('namespace/not-found')
        await catalog.createNamespace(['to', 'there'])
        await catalog.renameTable(table('t'), table('moved', 'to', 'there'))
        expect((await catalog.loadTable(table('moved', 'to', 'there'))).metadata.tableUuid).toBe(metadata.tableUuid)
        expect(await catalog.tableExists(table('t'))).toBe(false)
        expect(await codeOf(catalog.renameTable(table('u'), table('')))).toBe('name/invalid')
      })

      it('drops the name and leaves every file, without purge', async () => {
        await catalog.createTable(table('t'), { schema: SCHEMA })
        const files = await below(io, warehouse)
        await catalog.dropTable(table('t'))
        expect(await catalog.listTables(['ns'])).toEqual([])
        expect(await below(io, warehouse)).toEqual(files)
      })

      it('adopts metadata that lies there, and refuses what is none', async () => {
        const { metadata, metadataLocation } = await catalog.createTable(table('t'), { schema: SCHEMA })
        await catalog.dropTable(table('t'))
        const adopted = await catalog.registerTable(table('again'), metadataLocation)
        expect(adopted.metadata.tableUuid).toBe(metadata.tableUuid)
        expect(await catalog.metadataLocation(table('again'))).toBe(metadataLocation)
        expect(await codeOf(catalog.registerTable(table('again'), metadataLocation))).toBe('table/exists')
        expect(await codeOf(catalog.registerTable(table('x', 'nowhere'), metadataLocation))).toBe('namespace/not-found')
        expect(await codeOf(catalog.registerTable(table('x'), `${warehouse}/none.metadata.json`))).toBe(
          'storage/not-found',
        )
        await io.create(`${warehouse}/bad.metadata.json`, new TextEncoder().encode('{"format-version": 2'))
        expect(await codeOf(catalog.registerTable(table('x'), `${warehouse}/bad.metadata.json`))).toBe(
          'iceberg/invalid-metadata',
        )
        expect(await catalog.listTables(['ns'])).toEqual([table('again')])
        await catalog.dropTable(table('again'))
        for (const folder of [metadata.location, `${metadata.location}/`]) {
          await catalog.registerTable(table('again'), folder)
          expect(await catalog.metadataLocation(table('again')), folder).toBe(metadataLocation)
          await catalog.dropTable(table('again'))
        }
        await expect(catalog.registerTable(table('x'), warehouse)).rejects.toMatchObject({
          code: 'storage/not-found',
          remedy: expect.stringContaining('the folder of the table'),
        })
      })

      it('tells a table whose metadata file is gone from one that does not exist, and still drops it', async () => {
        const { metadataLocation } = await catalog.createTable(table('t'), { schema: SCHEMA })
        await io.delete([metadataLocation])
        const fresh = kind === 'memory' ? undefined : await open(folder)
        if (fresh !== undefined) {
          await expect(fresh.catalog.loadTable(table('t'))).rejects.toMatchObject({
            code: 'storage/not-found',
            message: expect.stringContaining('ns.t'),
          })
          await fresh.catalog.close()
        }
        await catalog.dropTable(table('t'), { purge: true })
        expect(await catalog.tableExists(table('t'))).toBe(false)
      })
    })

    describe('commits', () => {
      it('applies updates, logs the metadata before and reads nothing to do so', async () => {
        const base = await catalog.createTable(table('t'), { schema: SCHEMA })
        const before = io.counters()
        const next = await catalog.commitTable(table('t'), base, [], [set('a', '1')])
        const again = await catalog.commitTable(table('t'), next, [], [set('b', '2')])
        const loaded = await catalog.loadTable(table('t'))
        expect(io.counters().readRequests).toBe(before.readRequests)
        expect(next.metadata.properties).toMatchObject({ a: '1' })
        expect(next.metadataLocation).toMatch(/\/00001-[0-9a-f-]{36}\.metadata\.json$/)
        expect(loaded).toEqual(again)
        expect(again.metadata.metadataLog.map((entry) => entry.metadataFile)).toEqual([
          base.metadataLocation,
          next.metadataLocation,
        ])
      })

      it('lets one of many commits from the same base win, and removes the files of the losers', async () => {
        const base = await catalog.createTable(table('t'), { schema: SCHEMA })
        const pinned: TableRequirement[] = [{ type: 'assert-current-schema-id', currentSchemaId: 0 }]
        const outcomes = await Promise.all(
          Array.from({ length: 10 }, (_, i) =>
            codeOf(catalog.commitTable(table('t'), base, pinned, [set('n', `${i}`)])),
          ),
        )
        const winners = outcomes.filter((code) => code === 'no error').length
        expect(winners).toBeGreaterThan(0)
        expect(outcomes.filter((code) => code === 'catalog/commit-conflict')).toHaveLength(10 - winners)
        const { metadata } = await catalog.loadTable(table('t'))
        expect(metadata.metadataLog).toHaveLength(winners)
        expect(await below(io, `${warehouse}/ns/t/metadata`)).toHaveLength(winners + 1)
      })

      it('refuses a commit whose requirements the current metadata does not meet, and writes nothing', async () => {
        const base = await catalog.createTable(table('t'), { schema: SCHEMA })
        await catalog.commitTable(table('t'), base, [], [set('a', '1')])
        const files = await below(io, warehouse)
        const outdated: TableRequirement[] = [{ type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: 17n }]
        await expect(catalog.commitTable(table('t'), base, outdated, [set('b', '2')])).rejects.toMatchObject({
          code: 'catalog/commit-conflict',
          retryable: true,
        })
        expect(await below(io, warehouse)).toEqual(files)
      })

      it('rebases a change that does not depend on what another writer changed', async () => {
        const base = await catalog.createTable(table('t'), { schema: SCHEMA })
        await catalog.commitTable(table('t'), base, [], [set('theirs', '1')])
        const uuid: TableRequirement[] = [{ type: 'assert-table-uuid', uuid: base.metadata.tableUuid }]
        const mine = await catalog.commitTable(table('t'), base, uuid, [set('mine', '2')])
        expect(mine.metadata.properties).toMatchObject({ theirs: '1', mine: '2' })
      })

      it('says table/gone after a drop, a rename, and a drop and create of the same name', async () => {
        const base = await catalog.createTable(table('t'), { schema: SCHEMA })
        await catalog.renameTable(table('t'), table('u'))
        expect(await codeOf(catalog.commitTable(table('t'), base, [], [set('a', '1')]))).toBe('table/gone')
        await catalog.dropTable(table('u'))
        await catalog.createTable(table('t'), { schema: SCHEMA })
        expect(await codeOf(catalog.commitTable(table('t'), base, [], [set('a', '1')]))).toBe('table/gone')
      })

      it('deletes the metadata files that fall out of the log, where the table asks for it', async () => {
        let current = await catalog.createTable(table('t'), {
          schema: SCHEMA,
          properties: {
            'write.metadata.delete-after-commit.enabled': 'true',
            'write.metadata.previous-versions-max': '3',
          },
        })
        for (let i = 0; i < 8; i++) current = await catalog.commitTable(table('t'), current, [], [set('n', `${i}`)])
        const kept = [...current.metadata.metadataLog.map((entry) => entry.metadataFile), current.metadataLocation]
        expect(kept).toHaveLength(4)
        expect(await below(io, `${warehouse}/ns/t`)).toEqual(
          kept.map((file) => file.slice(`${warehouse}/ns/t/`.length)).sort(),
        )
      })

      it('writes gzip metadata where the table asks for it, and reads it again', async () => {
        const base = await catalog.createTable(table('t'), {
          schema: SCHEMA,
          properties: { 'write.metadata.compression-codec': 'gzip' },
        })
        expect(base.metadataLocation).toMatch(/\.gz\.metadata\.json$/)
        using head = await io.readRange(base.metadataLocation, 0, 2)
        expect([...head.bytes]).toEqual([0x1f, 0x8b])
        await catalog.dropTable(table('t'))
        const { metadata } = await catalog.registerTable(table('u'), base.metadataLocation)
        expect(metadata.tableUuid).toBe(base.metadata.tableUuid)
      })

      it('makes a staged table appear with its commit, and not before', async () => {
        const staged = await catalog.stageTable(table('t'), { schema: SCHEMA })
        expect(staged.metadataLocation).toBe('')
        expect(await catalog.tableExists(table('t'))).toBe(false)
        expect(await below(io, warehouse)).toEqual([])
        const created = await catalog.commitTable(table('t'), staged, [{ type: 'assert-create' }], [set('a', '1')])
        expect(created.metadataLocation).toMatch(/\/00000-/)
        expect(created.metadata).toMatchObject({ tableUuid: staged.metadata.tableUuid, metadataLog: [] })
        expect(created.metadata.properties).toMatchObject({ a: '1' })
        expect(await catalog.loadTable(table('t'))).toEqual(created)
      })

      it('lets one of several staged creates of a name win', async () => {
        const staged = await Promise.all([1, 2, 3].map(() => catalog.stageTable(table('t'), { schema: SCHEMA })))
        const outcomes = await Promise.all(
          staged.map((base) =>
            codeOf(catalog.commitTable(table('t'), base, [{ type: 'assert-create' }], [set('a', '1')])),
          ),
        )
        expect(outcomes.sort()).toEqual(['no error', 'table/exists', 'table/exists'])
        expect(await below(io, warehouse)).toHaveLength(1)
      })

      it('does not create in a namespace that was dropped meanwhile', async () => {
        const staged = await catalog.stageTable(table('t'), { schema: SCHEMA })
        await catalog.dropNamespace(['ns'])
        expect(await codeOf(catalog.commitTable(table('t'), staged, [{ type: 'assert-create' }], []))).toBe(
          'namespace/not-found',
        )
        expect(await below(io, warehouse)).toEqual([])
      })

      it('points a table at other metadata only while the expected one is current', async () => {
        const base = await catalog.createTable(table('t'), { schema: SCHEMA })
        const next = await catalog.commitTable(table('t'), base, [], [set('a', '1')])
        expect(await codeOf(catalog.repointTable(table('t'), base.metadataLocation, base.metadataLocation))).toBe(
          'catalog/commit-conflict',
        )
        await catalog.repointTable(table('t'), next.metadataLocation, base.metadataLocation)
        expect(await catalog.loadTable(table('t'))).toEqual(base)
      })
    })
  })
}
