import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Catalog, commitTarget, openSqliteCatalog } from '../../src/catalog/index.ts'
import { planFiles, type Predicate, Transaction } from '../../src/iceberg/index.ts'
import { LocalStore } from '../../src/storage/index.ts'
import { python } from './python.ts'

const table = { namespace: ['sales'], name: 'orders' }
const io = new LocalStore()
let lake = ''
let catalog: Catalog

beforeEach(async () => {
  lake = await mkdtemp(join(tmpdir(), 'icebox-'))
  catalog = await openSqliteCatalog({
    io,
    name: 'icebox',
    warehouse: `file://${lake}/warehouse`,
    path: join(lake, 'catalog.sqlite'),
    create: true,
  })
  await catalog.createNamespace(['sales'])
})
afterEach(async () => {
  await catalog.close()
  await rm(lake, { recursive: true, force: true })
})

/** The rows and the operation of the current snapshot, as PyIceberg sees them after `script` ran on table `t`. */
async function inPyIceberg(script = 'pass') {
  return await python(
    `
      import pyarrow as pa
      t = catalog(args).load_table("sales.orders")
      ${script}
      rows = sorted([r["id"], r["region"], r.get("extra")] for r in t.scan().to_arrow().to_pylist())
      summary = t.current_snapshot().summary
      done([rows, summary.operation.value, summary["total-records"], summary["total-data-files"], t.format_version])
    `,
    lake,
  )
}

describe('a table that PyIceberg and Icebox change in turn', () => {
  it.each([1, 2] as const)(
    'of format version %i: both see the same rows after each step (I4, I8, I15)',
    async (version) => {
      await catalog.createTable(table, {
        properties: { 'format-version': String(version) },
        schema: {
          schemaId: 0,
          identifierFieldIds: [],
          fields: [
            { id: 1, name: 'id', type: { kind: 'long' }, required: false },
            { id: 2, name: 'region', type: { kind: 'string' }, required: false },
          ],
        },
        partitionSpec: {
          specId: 0,
          fields: [{ fieldId: 1000, sourceIds: [2], name: 'region', transform: { kind: 'identity' } }],
        },
      })
      const target = commitTarget(catalog, table)
      const begin = async () => new Transaction({ target, io, base: await target.load() })
      const planned = async (filter: Predicate) => {
        const { tasks } = planFiles({ metadata: (await target.load()).metadata, io, filter })
        let files = 0
        for await (const task of tasks) files += Number(task.dataFile.recordCount > 0n)
        return files
      }
      const regionIs = (value: string): Predicate => ({ op: 'eq', fieldId: 2, value })

      const eu1 = [1, 'eu', null]
      const asia3 = [3, 'asia', null]
      expect(await inPyIceberg(`t.append(pa.table({"id": [1, 2, 3], "region": ["eu", "us", "asia"]}))`)).toEqual([
        [eu1, [2, 'us', null], asia3],
        'append',
        '3',
        '3',
        version,
      ])
      expect(await planned({ op: 'true' })).toBe(3)
      await (await begin()).deleteFiles({ where: regionIs('us') }).commit()
      expect(await inPyIceberg()).toEqual([[eu1, asia3], 'delete', '2', '2', version])

      await (await begin())
        .updateSchema((update) => update.addColumn('extra', { kind: 'int' }).move('region', 'first'))
        .updateSpec((update) => update.addField('id', { kind: 'bucket', buckets: 4 }))
        .commit()
      const added = `t.append(pa.table({"region": ["eu", "us"], "id": [7, 8], "extra": pa.array([1, 2], pa.int32())}))`
      expect(await inPyIceberg(added)).toEqual([[eu1, asia3, [7, 'eu', 1], [8, 'us', 2]], 'append', '4', '4', version])
      expect(await planned(regionIs('eu'))).toBe(2)
      expect(await planned({ op: 'eq', fieldId: 1, value: 8n })).toBe(1)
      // Files from before the column was added have no statistics of it and stay.
      expect(await planned({ op: 'is-null', fieldId: 3 })).toBe(2)

      await (await begin()).overwrite({ added: [], deleteWhere: regionIs('eu') }).commit()
      expect(await inPyIceberg()).toEqual([[asia3, [8, 'us', 2]], 'delete', '2', '2', version])
      expect(await inPyIceberg(`t.delete("id = 3")`)).toEqual([[[8, 'us', 2]], 'delete', '1', '1', version])
      await (await begin()).append([], { summary: { 'icebox.key': 'k' } }).commit()
      expect(await inPyIceberg()).toEqual([[[8, 'us', 2]], 'append', '1', '1', version])
      expect(await planned({ op: 'true' })).toBe(1)
    },
  )
})
