import { chmod, copyFile, cp, mkdir, mkdtemp, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Catalog, openSqliteCatalog } from '../../src/catalog/index.ts'
import type { Schema } from '../../src/iceberg/index.ts'
import { baseName, createStore, fileUri, localPath } from '../../src/storage/index.ts'

const SCHEMA: Schema = {
  schemaId: 0,
  identifierFieldIds: [],
  fields: [{ id: 1, name: 'id', type: { kind: 'long' }, required: false }],
}
const T = { namespace: ['ns'], name: 't' }
const set = (key: string) => ({ action: 'set-properties' as const, updates: { [key]: '1' } })

let folder: string
let path: string
const opened: Catalog[] = []
const open = async (options: { create?: boolean; lockTimeoutMs?: number; path?: string; warehouse?: string } = {}) => {
  const catalog = await openSqliteCatalog({
    path,
    io: createStore(),
    warehouse: fileUri(join(folder, 'warehouse')),
    ...options,
  })
  opened.push(catalog)
  return catalog
}
/** Runs statements on the file as another program would. */
const elsewhere = <T>(use: (database: InstanceType<typeof DatabaseSync>) => T, file = path): T => {
  const database = new DatabaseSync(file, { timeout: 5000 })
  try {
    return use(database)
  } finally {
    database.close()
  }
}
const makeCatalog = async () => {
  const catalog = await open({ create: true })
  await catalog.createNamespace(['ns'])
  const table = await catalog.createTable(T, { schema: SCHEMA })
  await catalog.close()
  return table
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-'))
  path = join(folder, 'catalog.sqlite')
})
afterEach(async () => {
  for (const catalog of opened.splice(0)) await catalog.close()
  await rm(folder, { recursive: true })
})

describe('a table whose writers remove old metadata', () => {
  it('is read and changed where they left it, when they did so between the look at its location and the reading', async () => {
    const writer = await open({ create: true })
    await writer.createNamespace(['ns'])
    let table = await writer.createTable(T, {
      schema: SCHEMA,
      properties: { 'write.metadata.delete-after-commit.enabled': 'true', 'write.metadata.previous-versions-max': '1' },
    })
    const base = table
    const store = createStore()
    let overtaken = 0
    const reader = await openSqliteCatalog({
      path,
      warehouse: fileUri(join(folder, 'warehouse')),
      io: Object.assign(Object.create(store) as typeof store, {
        read: async (...asked: Parameters<typeof store.read>) => {
          for (let commits = 0; overtaken < 4 && commits < 2; commits++, overtaken++)
            table = await writer.commitTable(T, table, [], [set(`at-${overtaken}`)])
          return await store.read(...asked)
        },
      }),
    })
    opened.push(reader)
    expect((await reader.loadTable(T)).metadataLocation).toBe(table.metadataLocation)
    overtaken = 0
    await reader.commitTable(T, base, [], [set('mine')])
    expect((await writer.loadTable(T)).metadata.properties).toMatchObject({ mine: '1', 'at-3': '1' })
  })

  it.each([
    ['is lost to the catalog that it was adopted from', []],
    [
      'stays readable there when the first commit sets the property to false',
      [{ 'write.metadata.delete-after-commit.enabled': 'false' }],
    ],
  ])('%s', async (_, first) => {
    const owner = await open({ create: true })
    await owner.createNamespace(['ns'])
    const theirs = await owner.createTable(T, {
      schema: SCHEMA,
      properties: { 'write.metadata.delete-after-commit.enabled': 'true', 'write.metadata.previous-versions-max': '1' },
    })
    const adopter = await open({ create: true, path: join(folder, 'other.sqlite') })
    await adopter.createNamespace(['ns'])
    let ours = await adopter.registerTable(T, theirs.metadataLocation)
    for (const updates of [...first, { a: '1' }, { b: '1' }, { c: '1' }])
      ours = await adopter.commitTable(T, ours, [], [{ action: 'set-properties', updates }])
    const reread = await open()
    if (first.length === 0) await expect(reread.loadTable(T)).rejects.toMatchObject({ code: 'storage/not-found' })
    else expect((await reread.loadTable(T)).metadataLocation).toBe(theirs.metadataLocation)
  })
})

describe('the SQLite file', () => {
  it('has the tables that PyIceberg 0.12 makes, in WAL mode, and marks empty namespaces as it does', async () => {
    await makeCatalog()
    elsewhere((database) => {
      // From a file made by pyiceberg 0.12.0's SqlCatalog.
      expect(database.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name").all()).toEqual([
        {
          name: 'iceberg_namespace_properties',
          sql: 'CREATE TABLE iceberg_namespace_properties (\n\tcatalog_name VARCHAR(255) NOT NULL, \n\tnamespace VARCHAR(255) NOT NULL, \n\tproperty_key VARCHAR(255) NOT NULL, \n\tproperty_value VARCHAR(1000) NOT NULL, \n\tPRIMARY KEY (catalog_name, namespace, property_key)\n)',
        },
        {
          name: 'iceberg_tables',
          sql: 'CREATE TABLE iceberg_tables (\n\tcatalog_name VARCHAR(255) NOT NULL, \n\ttable_namespace VARCHAR(255) NOT NULL, \n\ttable_name VARCHAR(255) NOT NULL, \n\tmetadata_location VARCHAR(1000), \n\tprevious_metadata_location VARCHAR(1000), \n\ticeberg_type VARCHAR(5), \n\tPRIMARY KEY (catalog_name, table_namespace, table_name)\n)',
        },
      ])
      expect(database.prepare('SELECT * FROM iceberg_namespace_properties').all()).toEqual([
        { catalog_name: 'icebox', namespace: 'ns', property_key: 'exists', property_value: 'true' },
      ])
      expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
    })
  })

  it('records where a table was before, and that it is a table', async () => {
    const base = await makeCatalog()
    const catalog = await open()
    const next = await catalog.commitTable(T, base, [], [{ action: 'set-properties', updates: { a: '1' } }])
    expect(elsewhere((database) => database.prepare('SELECT * FROM iceberg_tables').all())).toEqual([
      {
        catalog_name: 'icebox',
        table_namespace: 'ns',
        table_name: 't',
        metadata_location: next.metadataLocation,
        previous_metadata_location: base.metadataLocation,
        iceberg_type: 'TABLE',
      },
    ])
  })

  it('is used as it is in the older layout without iceberg_type', async () => {
    const base = await makeCatalog()
    elsewhere((database) => database.exec('ALTER TABLE iceberg_tables DROP COLUMN iceberg_type'))
    const catalog = await open()
    const loaded = await catalog.loadTable(T)
    expect(loaded.metadataLocation).toBe(base.metadataLocation)
    await catalog.commitTable(T, loaded, [], [{ action: 'set-properties', updates: { a: '1' } }])
    await catalog.createTable({ namespace: ['ns'], name: 'u' }, { schema: SCHEMA })
    await catalog.renameTable(T, { namespace: ['ns'], name: 'v' })
    expect((await catalog.listTables(['ns'])).map((table) => table.name)).toEqual(['u', 'v'])
    elsewhere((database) => {
      const columns = database.prepare("SELECT name FROM pragma_table_info('iceberg_tables')").all()
      expect(columns).not.toContainEqual({ name: 'iceberg_type' })
    })
  })

  it('keeps views of other tools out of sight, and their names taken', async () => {
    await makeCatalog()
    elsewhere((database) =>
      database.exec("INSERT INTO iceberg_tables VALUES ('icebox', 'ns', 'v', 'file:///v.json', NULL, 'VIEW')"),
    )
    const catalog = await open()
    expect(await catalog.listTables(['ns'])).toEqual([T])
    const view = { namespace: ['ns'], name: 'v' }
    await expect(catalog.loadTable(view)).rejects.toMatchObject({
      code: 'table/not-found',
      message: 'ns.v is a view, which Icebox does not read',
    })
    await expect(catalog.dropTable(view)).rejects.toMatchObject({ code: 'table/not-found' })
    const taken = { code: 'table/exists', message: 'ns.v is a view already' }
    await expect(catalog.createTable(view, { schema: SCHEMA })).rejects.toMatchObject(taken)
    await expect(catalog.renameTable(T, view)).rejects.toMatchObject(taken)
    await catalog.dropTable(T)
    await expect(catalog.dropNamespace(['ns'])).rejects.toMatchObject({ code: 'namespace/not-empty' })
  })

  it('leaves the catalogs of other names in the same file alone', async () => {
    await makeCatalog()
    elsewhere((database) =>
      database.exec("INSERT INTO iceberg_tables VALUES ('other', 'x', 'y', 'file:///v.json', NULL, 'TABLE')"),
    )
    const catalog = await open()
    expect(await catalog.listNamespaces()).toEqual([['ns']])
    expect(await catalog.namespaceExists(['x'])).toBe(false)
  })
})

describe('a database that is not one', () => {
  const refused = async (message: RegExp, options: { create?: boolean } = {}) => {
    const before = await readFile(path).catch(() => undefined)
    await expect(open(options)).rejects.toMatchObject({
      code: 'catalog/unreadable',
      message: expect.stringMatching(message),
      context: { path },
      remedy: expect.any(String),
    })
    if (before !== undefined) expect(before.equals(await readFile(path))).toBe(true)
  }

  it('is not made where it is missing, unless asked', async () => {
    await refused(/is not there/)
    await expect(open({ create: true, path: join(folder, 'no/such/folder/c.sqlite') })).rejects.toMatchObject({
      code: 'catalog/unreadable',
    })
    await open({ create: true })
    expect((await readFile(path)).toString('latin1', 0, 15)).toBe('SQLite format 3')
  })

  it('is refused when it is empty, text, or a folder', async () => {
    await writeFile(path, '')
    await refused(/is empty/)
    await writeFile(path, 'catalog: yes\n'.repeat(1000))
    await refused(/not an SQLite database/, { create: true })
    await writeFile(path, 'SQLite format 3\0')
    await refused(/not an SQLite database/, { create: true })
    path = folder
    await expect(open()).rejects.toMatchObject({
      code: 'catalog/unreadable',
      message: expect.stringMatching(/not a file/),
    })
  })

  it.each([200, 4096, 5000, 8192])('is refused when it was cut to %i bytes, and not filled up again', async (size) => {
    await makeCatalog()
    // A copy, since this process still holds the state of the first one in shared memory.
    await copyFile(path, join(folder, 'cut.sqlite'))
    path = join(folder, 'cut.sqlite')
    await truncate(path, size)
    await refused(/truncated|damaged/, { create: true })
  })

  it('is refused when its pages are overwritten', async () => {
    await makeCatalog()
    const bytes = await readFile(path)
    bytes.fill(0xff, 100, 4096)
    await writeFile(path, bytes)
    await refused(/damaged/, { create: true })
  })

  it('is refused when it belongs to something else, even when it may be created', async () => {
    elsewhere((database) => database.exec('CREATE TABLE customers (id INTEGER)'))
    await refused(/something else.*customers/)
    elsewhere((database) => expect(database.prepare('SELECT name FROM sqlite_master').all()).toHaveLength(1))
    await expect(open({ create: true })).rejects.toMatchObject({ code: 'catalog/unreadable' })
    elsewhere((database) => expect(database.prepare('SELECT name FROM sqlite_master').all()).toHaveLength(1))
  })

  it('is refused when its tables are of another version', async () => {
    elsewhere((database) =>
      database.exec(
        'CREATE TABLE iceberg_tables (catalog TEXT, name TEXT); CREATE TABLE iceberg_namespace_properties (x TEXT)',
      ),
    )
    await expect(open({ create: true })).rejects.toMatchObject({
      code: 'catalog/unreadable',
      message: expect.stringMatching(/another version.*catalog_name/),
    })
  })

  it('is reported when it is damaged while open', async () => {
    await makeCatalog()
    const catalog = await open()
    elsewhere((database) => database.exec('DROP TABLE iceberg_tables'))
    await expect(catalog.loadTable(T)).rejects.toMatchObject({ code: 'catalog/unreadable' })
  })

  it('says storage/denied in a folder that may not be written', async () => {
    await makeCatalog()
    const locked = join(folder, 'locked')
    await mkdir(locked)
    await copyFile(path, join(locked, 'catalog.sqlite'))
    await chmod(join(locked, 'catalog.sqlite'), 0o444)
    await chmod(locked, 0o555)
    await chmod(folder, 0o755)
    // Root may do everything, so it acts as an ordinary user for a moment.
    const isRoot = process.getuid?.() === 0
    try {
      if (isRoot) process.seteuid?.(65_534)
      await expect(open({ path: join(locked, 'catalog.sqlite') })).rejects.toMatchObject({
        code: 'storage/denied',
        message: expect.stringContaining(join(locked, 'catalog.sqlite')),
      })
    } finally {
      if (isRoot) process.seteuid?.(0)
      await chmod(locked, 0o755)
    }
  })

  it('is opened as a copy without its write-ahead log', async () => {
    await makeCatalog()
    await copyFile(path, join(folder, 'copy.sqlite'))
    const catalog = await open({ path: join(folder, 'copy.sqlite') })
    expect(await catalog.listTables(['ns'])).toEqual([T])
  })
})

describe('a database that another process holds', () => {
  it('is waited for, and catalog/locked says how long, with nothing changed and no file left', async () => {
    const base = await makeCatalog()
    const catalog = await open({ lockTimeoutMs: 200 })
    const holder = new DatabaseSync(path)
    holder.exec('BEGIN IMMEDIATE')
    try {
      const locked = { code: 'catalog/locked', retryable: true, context: { path } }
      await expect(catalog.createNamespace(['x'])).rejects.toMatchObject(locked)
      await expect(
        catalog.commitTable(T, base, [], [{ action: 'set-properties', updates: { a: '1' } }]),
      ).rejects.toMatchObject(locked)
      // Readers are not stopped by a writer.
      expect((await catalog.loadTable(T)).metadataLocation).toBe(base.metadataLocation)
      const files: string[] = []
      for await (const info of createStore().list(base.metadata.location)) files.push(info.uri)
      expect(files).toEqual([base.metadataLocation])
    } finally {
      holder.exec('ROLLBACK')
      holder.close()
    }
    await catalog.createNamespace(['x'])
  })

  it('does not stop the rest of this process while it is waited for', async () => {
    await makeCatalog()
    const catalog = await open({ lockTimeoutMs: 5000 })
    const holder = new DatabaseSync(path)
    holder.exec('BEGIN IMMEDIATE')
    const waiting = catalog.createNamespace(['x'])
    let turns = 0
    while (turns < 5) {
      await new Promise((resolve) => setImmediate(resolve))
      turns++
    }
    holder.exec('ROLLBACK')
    holder.close()
    await waiting
    expect(await catalog.namespaceExists(['x'])).toBe(true)
  })
})

describe('a lakehouse that is not where its metadata says', () => {
  const moved = () => ({
    code: 'lake/moved',
    context: {
      table: 'ns.t',
      oldRoot: fileUri(join(folder, 'warehouse')),
      newRoot: fileUri(join(folder, 'elsewhere')),
    },
  })

  it('is recognised when it was moved: the error names the old and the new root', async () => {
    await makeCatalog()
    await rename(join(folder, 'warehouse'), join(folder, 'elsewhere'))
    const catalog = await open({ warehouse: fileUri(join(folder, 'elsewhere')) })
    await expect(catalog.loadTable(T)).rejects.toMatchObject(moved())
  })

  it('is recognised when it was copied, and does not touch the files of the original', async () => {
    const { metadataLocation } = await makeCatalog()
    await cp(join(folder, 'warehouse'), join(folder, 'elsewhere'), { recursive: true })
    const copy = await open({ warehouse: fileUri(join(folder, 'elsewhere')) })
    await expect(copy.loadTable(T)).rejects.toMatchObject(moved())
    await expect(copy.dropTable(T, { purge: true })).rejects.toMatchObject(moved())
    await createStore().head(metadataLocation)
    const original = await open()
    expect((await original.loadTable(T)).metadataLocation).toBe(metadataLocation)
  })

  it('is not seen in a table that was registered from elsewhere', async () => {
    const { metadataLocation } = await makeCatalog()
    const other = await open({
      create: true,
      path: join(folder, 'other.sqlite'),
      warehouse: fileUri(join(folder, 'other')),
    })
    await other.createNamespace(['ns'])
    await other.registerTable(T, metadataLocation)
    const again = await open({ path: join(folder, 'other.sqlite'), warehouse: fileUri(join(folder, 'other')) })
    expect((await again.loadTable(T)).metadataLocation).toBe(metadataLocation)
  })

  it('is recognised in a table whose folder alone was moved, also by a name that another tool gave it', async () => {
    const { metadataLocation } = await makeCatalog()
    await rename(localPath(metadataLocation).replace(/\/metadata\/.*/, ''), join(folder, 'away'))
    const there = fileUri(join(folder, 'away/metadata', baseName(metadataLocation)))
    const catalog = await open()
    await catalog.dropTable(T)
    await catalog.registerTable(T, there)
    const lost = { code: 'lake/moved', context: { newRoot: fileUri(join(folder, 'away')) } }
    await expect(catalog.loadTable(T)).rejects.toMatchObject(lost)
    await expect(catalog.dropTable(T, { purge: true })).rejects.toMatchObject(lost)
  })

  it('is recognised in a copy of a table folder, which would change and purge the original', async () => {
    const { metadataLocation } = await makeCatalog()
    await cp(localPath(metadataLocation).replace(/\/metadata\/.*/, ''), join(folder, 'copy'), { recursive: true })
    const catalog = await open()
    await catalog.dropTable(T)
    const there = fileUri(join(folder, 'copy/metadata', baseName(metadataLocation)))
    await expect(catalog.registerTable(T, there)).rejects.toMatchObject({
      code: 'lake/moved',
      context: { newRoot: fileUri(join(folder, 'copy')) },
    })
    expect(await catalog.tableExists(T)).toBe(false)
  })
})

describe('a table that another tool gave two names', () => {
  it("is not purged by one of them: the files are the other name's too", async () => {
    const { metadataLocation } = await makeCatalog()
    using database = new DatabaseSync(path)
    database.exec(`INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location, iceberg_type)
      VALUES ('icebox', 'ns', 'twin', '${metadataLocation}', 'TABLE')`)
    const catalog = await open()
    const twin = { ...T, name: 'twin' }
    for (const name of [T, twin]) {
      await expect(catalog.dropTable(name, { purge: true })).rejects.toMatchObject({ code: 'table/exists' })
    }
    expect((await catalog.loadTable(T)).metadataLocation).toBe(metadataLocation)
    await catalog.dropTable(twin)
    await catalog.dropTable(T, { purge: true })
    await expect(createStore().head(metadataLocation)).rejects.toMatchObject({ code: 'storage/not-found' })
  })
})
