import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { openSqliteCatalog } from '../../src/catalog/index.ts'
import { createStore, fileUri } from '../../src/storage/index.ts'
import { bundleScript } from './support/bundle.ts'

const run = promisify(execFile)
const COMMITS = 200
const WRITERS = ['a', 'b', 'c']

it('loses no commit of several processes that change one table at once, and leaves no file of the losers (C1)', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'icebox-'))
  const script = await bundleScript(new URL('./support/catalog-writer.ts', import.meta.url))
  try {
    const path = join(folder, 'catalog.sqlite')
    const warehouse = fileUri(join(folder, 'warehouse'))
    const catalog = await openSqliteCatalog({ path, warehouse, io: createStore(), create: true })
    await catalog.createNamespace(['ns'])
    const table = { namespace: ['ns'], name: 't' }
    await catalog.createTable(table, {
      schema: {
        schemaId: 0,
        identifierFieldIds: [],
        fields: [{ id: 1, name: 'x', type: { kind: 'int' }, required: false }],
      },
      properties: { 'write.metadata.previous-versions-max': '5' },
    })
    // All of them come to their end before a failure of one is told: else the folder goes below those that write.
    const ended = await Promise.allSettled(
      WRITERS.map((name) => run(process.execPath, [script.file, path, warehouse, name, `${COMMITS}`])),
    )
    const failed = ended.find((writer) => writer.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    const outputs = ended.flatMap((writer) => (writer.status === 'fulfilled' ? [writer.value] : []))
    const { metadata, metadataLocation } = await catalog.loadTable(table)
    for (const name of WRITERS) {
      const mine = Object.keys(metadata.properties).filter((key) => key.startsWith(`${name}-`))
      expect(mine).toHaveLength(COMMITS)
    }
    // Each commit has a number of its own.
    expect(metadataLocation).toContain(`/${String(WRITERS.length * COMMITS).padStart(5, '0')}-`)
    // They did meet; otherwise this shows nothing.
    const conflicts = outputs.reduce((sum, { stdout }) => sum + Number(stdout), 0)
    expect(conflicts).toBeGreaterThan(0)
    const kept = new Set([metadataLocation, ...metadata.metadataLog.map((entry) => entry.metadataFile)])
    const files = (await readdir(join(folder, 'warehouse/ns/t/metadata'))).map(
      (name) => `${warehouse}/ns/t/metadata/${name}`,
    )
    expect(new Set(files)).toEqual(kept)
    await catalog.close()
  } finally {
    await rm(script.folder, { recursive: true })
    await rm(folder, { recursive: true })
  }
})
