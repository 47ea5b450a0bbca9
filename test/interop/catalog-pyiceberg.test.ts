import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isIceboxError } from '../../src/base/index.ts'
import { type Catalog, openSqliteCatalog } from '../../src/catalog/index.ts'
import type { Schema } from '../../src/iceberg/index.ts'
import { createStore, fileUri } from '../../src/storage/index.ts'
import { python } from './python.ts'

const SCHEMA: Schema = {
  schemaId: 0,
  identifierFieldIds: [],
  fields: [
    { id: 1, name: 'id', type: { kind: 'long' }, required: true },
    { id: 2, name: 'day', type: { kind: 'date' }, required: false },
    {
      id: 3,
      name: 'place',
      required: false,
      type: {
        kind: 'struct',
        fields: [{ id: 4, name: 'city', type: { kind: 'string' }, required: false }],
      },
    },
  ],
}

let lake: string
let catalog: Catalog
beforeEach(async () => {
  lake = await mkdtemp(join(tmpdir(), 'icebox-'))
  await mkdir(join(lake, 'warehouse'))
  catalog = await openSqliteCatalog({
    path: join(lake, 'catalog.sqlite'),
    io: createStore(),
    warehouse: fileUri(join(lake, 'warehouse')),
    create: true,
  })
})
afterEach(async () => {
  await catalog.close()
  await rm(lake, { recursive: true })
})

describe('PyIceberg 0.12 on the catalog of a lakehouse', () => {
  it('sees namespaces and tables that Icebox made, and loads them', async () => {
    await catalog.createNamespace(['sales'])
    await catalog.createNamespace(['a', 'b'], { owner: 'me' })
    const { metadata, metadataLocation } = await catalog.createTable(
      { namespace: ['sales'], name: 'orders' },
      {
        schema: SCHEMA,
        partitionSpec: {
          specId: 0,
          fields: [{ fieldId: 1000, sourceIds: [2], name: 'day_month', transform: { kind: 'month' } }],
        },
        sortOrder: {
          orderId: 1,
          fields: [{ sourceIds: [1], transform: { kind: 'identity' }, direction: 'desc', nullOrder: 'nulls-last' }],
        },
        properties: { owner: 'größe' },
      },
    )
    const seen = await python(
      `
      c = catalog(args["lake"])
      t = c.load_table("sales.orders")
      done({
        "namespaces": sorted(".".join(n) for n in c.list_namespaces() + c.list_namespaces("a")),
        "tables": [".".join(n) for n in c.list_tables("sales")],
        "properties": [c.load_namespace_properties("sales"), c.load_namespace_properties("a.b")],
        "location": t.location(), "metadata": t.metadata_location, "uuid": str(t.metadata.table_uuid),
        "schema": [(f.field_id, f.name, str(f.field_type), f.required) for f in t.schema().fields],
        "spec": [(f.source_id, f.field_id, str(f.transform), f.name) for f in t.spec().fields],
        "order": [(f.source_id, str(f.transform), f.direction.value, f.null_order.value) for f in t.sort_order().fields],
        "table_properties": t.properties,
      })
      `,
      { lake },
    )
    expect(seen).toEqual({
      namespaces: ['a', 'a.b', 'sales'],
      tables: ['sales.orders'],
      properties: [{ exists: 'true' }, { owner: 'me' }],
      location: fileUri(join(lake, 'warehouse/sales/orders')),
      metadata: metadataLocation,
      uuid: metadata.tableUuid,
      schema: [
        [1, 'id', 'long', true],
        [2, 'day', 'date', false],
        [3, 'place', 'struct<4: city: optional string>', false],
      ],
      spec: [[2, 1000, 'month', 'day_month']],
      order: [[1, 'identity', 'desc', 'nulls-last']],
      table_properties: {
        owner: 'größe',
        'write.metadata.delete-after-commit.enabled': 'true',
        'write.metadata.previous-versions-max': '20',
      },
    })
  })

  it('appends to a table that Icebox made, and Icebox sees the snapshot and changes the table again', async () => {
    await catalog.createNamespace(['ns'])
    const table = { namespace: ['ns'], name: 't' }
    const base = await catalog.createTable(table, { schema: SCHEMA })
    const appended = await python(
      `
      import pyarrow as pa
      t = catalog(args["lake"]).load_table("ns.t")
      t.append(pa.table({"id": [1, 2], "day": [datetime.date(2024, 1, 1), None], "place": [{"city": "Bern"}, None]},
                        schema=t.schema().as_arrow()))
      done({"snapshot": str(t.current_snapshot().snapshot_id), "location": t.metadata_location})
      `,
      { lake },
    )
    const loaded = await catalog.loadTable(table)
    expect({
      snapshot: String(loaded.metadata.currentSnapshotId),
      location: loaded.metadataLocation,
    }).toEqual(appended)
    expect(loaded.metadata.snapshots[0]?.summary).toMatchObject({ operation: 'append', 'total-records': '2' })
    // What Icebox loaded before is outdated, and must not win against it.
    await expect(
      catalog.commitTable(
        table,
        base,
        [{ type: 'assert-ref-snapshot-id', ref: 'main', snapshotId: null }],
        [{ action: 'set-properties', updates: { lost: 'yes' } }],
      ),
    ).rejects.toMatchObject({ code: 'catalog/commit-conflict' })
    await catalog.commitTable(table, loaded, [], [{ action: 'set-properties', updates: { mine: 'yes' } }])
    const rows = await python(
      `
      t = catalog(args["lake"]).load_table("ns.t")
      done([t.properties.get("mine"), t.properties.get("lost"), sorted(t.scan().to_arrow().to_pylist(), key=lambda r: r["id"])])
      `,
      { lake },
    )
    expect(rows).toEqual([
      'yes',
      null,
      [
        { id: 1, day: '2024-01-01', place: { city: 'Bern' } },
        { id: 2, day: null, place: null },
      ],
    ])
  })

  it('makes namespaces and tables that Icebox sees, with ids and properties as they are', async () => {
    await python(
      `
      from pyiceberg.schema import Schema
      from pyiceberg.types import NestedField, LongType, StringType
      c = catalog(args["lake"])
      c.create_namespace("theirs"); c.create_namespace("x.y", {"k": "v"})
      c.create_table("theirs.t", Schema(NestedField(1, "id", LongType(), required=False), NestedField(2, "s", StringType())))
      done()
      `,
      { lake },
    )
    expect(await catalog.listNamespaces()).toEqual([['theirs'], ['x'], ['x', 'y']])
    expect(await catalog.namespaceProperties(['theirs'])).toEqual({})
    expect(await catalog.namespaceProperties(['x', 'y'])).toEqual({ k: 'v' })
    const { metadata } = await catalog.loadTable({ namespace: ['theirs'], name: 't' })
    expect(metadata.schemas[0]?.fields.map((field) => [field.id, field.name, field.type.kind, field.required])).toEqual(
      [
        [1, 'id', 'long', false],
        [2, 's', 'string', false],
      ],
    )
    expect(metadata.location).toBe(fileUri(join(lake, 'warehouse/theirs/t')))
  })

  it('renames and drops what Icebox made, and the other way round', async () => {
    await catalog.createNamespace(['ns'])
    for (const name of ['a', 'b', 'c']) await catalog.createTable({ namespace: ['ns'], name }, { schema: SCHEMA })
    await python(
      `
      c = catalog(args["lake"])
      c.create_namespace("other")
      c.rename_table("ns.a", "other.a2")
      c.drop_table("ns.b")
      done()
      `,
      { lake },
    )
    expect(await catalog.listTables(['ns'])).toEqual([{ namespace: ['ns'], name: 'c' }])
    await catalog.loadTable({ namespace: ['other'], name: 'a2' })
    await catalog.renameTable({ namespace: ['other'], name: 'a2' }, { namespace: ['ns'], name: 'a3' })
    await catalog.dropTable({ namespace: ['ns'], name: 'c' }, { purge: true })
    const seen = await python(
      `
      c = catalog(args["lake"])
      c.load_table("ns.a3")
      done([[".".join(n) for n in c.list_tables("ns")], c.namespace_exists("other"), [list(n) for n in sorted(c.list_namespaces())]])
      `,
      { lake },
    )
    expect(seen).toEqual([['ns.a3'], true, [['ns'], ['other']]])
    await catalog.dropTable({ namespace: ['ns'], name: 'a3' })
    await python('c = catalog(args["lake"]); c.drop_namespace("ns"); c.drop_namespace("other"); done()', { lake })
    expect(await catalog.listNamespaces()).toEqual([])
  })

  it('shares the properties of namespaces, those that either side sets or removes', async () => {
    await catalog.createNamespace(['ns'], { k: 'v' })
    await catalog.updateNamespaceProperties(['ns'], { l: 'w' }, [])
    const properties = await python(
      `
      c = catalog(args["lake"])
      c.update_namespace_properties("ns", removals={"k"}, updates={"m": "x"})
      done(c.load_namespace_properties("ns"))
      `,
      { lake },
    )
    expect(properties).toEqual({ l: 'w', m: 'x' })
    expect(await catalog.namespaceProperties(['ns'])).toEqual({ l: 'w', m: 'x' })
  })

  it('works on a catalog file that PyIceberg made first', async () => {
    const other = join(lake, 'other')
    await mkdir(join(other, 'warehouse'), { recursive: true })
    await python('catalog(args["lake"]).create_namespace("first"); done()', { lake: other })
    const theirs = await openSqliteCatalog({
      path: join(other, 'catalog.sqlite'),
      io: createStore(),
      warehouse: fileUri(join(other, 'warehouse')),
    })
    try {
      expect(await theirs.listNamespaces()).toEqual([['first']])
      await theirs.createTable({ namespace: ['first'], name: 't' }, { schema: SCHEMA })
      expect(
        await python('done(catalog(args["lake"]).load_table("first.t").metadata.format_version)', { lake: other }),
      ).toBe(2)
    } finally {
      await theirs.close()
    }
  })

  it('loses no commit of either side, both committing to one table at once', async () => {
    await catalog.createNamespace(['ns'])
    const table = { namespace: ['ns'], name: 't' }
    await catalog.createTable(table, { schema: SCHEMA, properties: { 'write.metadata.previous-versions-max': '100' } })
    const theirs = python(
      `
      from pyiceberg.exceptions import CommitFailedException
      from sqlalchemy.exc import OperationalError
      c = catalog(args["lake"], **{"pool_pre_ping": "false"})
      conflicts = 0
      for i in range(30):
          while True:
              try:
                  t = c.load_table("ns.t")
                  with t.transaction() as tx:
                      tx.set_properties({"theirs-%d" % i: "1"})
                  break
              except (CommitFailedException, OperationalError):
                  conflicts += 1
      done(conflicts)
      `,
      { lake },
    )
    const end = new AbortController()
    const finished = theirs.finally(() => end.abort())
    let mine = 0
    while (!end.signal.aborted) {
      // Icebox commits in a tenth of the time that PyIceberg takes, which would never get its turn without a pause.
      await new Promise((resolve) => setTimeout(resolve, 20 * Math.random()))
      const base = await catalog.loadTable(table)
      try {
        await catalog.commitTable(table, base, [], [{ action: 'set-properties', updates: { [`mine-${mine}`]: '1' } }])
        mine++
      } catch (error) {
        if (!isIceboxError(error, 'catalog/commit-conflict')) throw error
      }
    }
    await finished
    const { metadata } = await catalog.loadTable(table)
    const keys = Object.keys(metadata.properties)
    expect(mine).toBeGreaterThan(10)
    expect(keys.filter((key) => key.startsWith('mine-'))).toHaveLength(mine)
    expect(keys.filter((key) => key.startsWith('theirs-'))).toHaveLength(30)
  })
})

describe("DuckDB's iceberg extension", () => {
  it('reads a table of the catalog by its metadata file', async () => {
    await catalog.createNamespace(['ns'])
    const table = { namespace: ['ns'], name: 't' }
    await catalog.createTable(table, { schema: SCHEMA })
    await python(
      `
      import pyarrow as pa
      t = catalog(args["lake"]).load_table("ns.t")
      t.append(pa.table({"id": [1, 2], "day": [None, None], "place": [None, {"city": "Bern"}]}, schema=t.schema().as_arrow()))
      done()
      `,
      { lake },
    )
    const loaded = await catalog.loadTable(table)
    const changed = await catalog.commitTable(table, loaded, [], [{ action: 'set-properties', updates: { a: 'b' } }])
    const rows = await python(
      `done(duck().execute("SELECT id, place.city FROM iceberg_scan(?) ORDER BY id", [args["location"]]).fetchall())`,
      { location: changed.metadataLocation },
    )
    expect(rows).toEqual([
      [1, null],
      [2, 'Bern'],
    ])
  })
})
