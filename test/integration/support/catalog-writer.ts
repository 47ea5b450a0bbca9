import { isIceboxError } from '../../../src/base/index.ts'
import { openSqliteCatalog } from '../../../src/catalog/index.ts'
import { createStore } from '../../../src/storage/index.ts'

/** A process of catalog-race.test.ts: commits `count` properties of its own to one table, one by one, whoever else does too. */
const [path = '', warehouse = '', name = '', count = '0'] = process.argv.slice(2)
const catalog = await openSqliteCatalog({ path, warehouse, io: createStore() })
const table = { namespace: ['ns'], name: 't' }
let conflicts = 0
for (let done = 0; done < Number(count); ) {
  const base = await catalog.loadTable(table)
  try {
    await catalog.commitTable(table, base, [], [{ action: 'set-properties', updates: { [`${name}-${done}`]: '1' } }])
    done++
  } catch (error) {
    if (!isIceboxError(error, 'catalog/commit-conflict')) throw error
    conflicts++
  }
}
await catalog.close()
process.stdout.write(`${conflicts}`)
