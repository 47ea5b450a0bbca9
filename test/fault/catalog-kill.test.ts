import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openSqliteCatalog } from '../../src/catalog/index.ts'
import { createStore, fileUri, localPath, removeStaleTemporaries } from '../../src/storage/index.ts'
import { bundleScript } from '../integration/support/bundle.ts'

const T = { namespace: ['ns'], name: 't' }

it('leaves a table whole whenever a writer is killed, and the next writer goes on from there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'icebox-'))
  const script = await bundleScript(new URL('../integration/support/catalog-writer.ts', import.meta.url))
  const path = join(folder, 'catalog.sqlite')
  const warehouse = fileUri(join(folder, 'warehouse'))
  const open = (create = false) => openSqliteCatalog({ path, warehouse, io: createStore(), create })
  try {
    const first = await open(true)
    await first.createNamespace(['ns'])
    const { metadata } = await first.createTable(T, {
      schema: {
        schemaId: 0,
        identifierFieldIds: [],
        fields: [{ id: 1, name: 'x', type: { kind: 'int' }, required: false }],
      },
    })
    await first.close()
    let committed = 0
    for (let round = 0; round < 12; round++) {
      const writer = spawn(process.execPath, [script.file, path, warehouse, `r${round}`, '1000000'], {
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      const ended = once(writer, 'close')
      const watcher = await open()
      // Killed at no particular point of a commit, once it has made a few.
      const goal = committed + 2 + Math.floor(Math.random() * 10)
      while (versionOf(await watcher.metadataLocation(T)) < goal) {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 5))
      }
      writer.kill('SIGKILL')
      await ended
      await watcher.close()

      const reader = await open()
      const loaded = await reader.loadTable(T)
      const mine = Object.keys(loaded.metadata.properties).filter((key) => /^r\d+-\d+$/.test(key))
      // One property a commit: the metadata that the name leads to holds all of them.
      expect(mine).toHaveLength(versionOf(loaded.metadataLocation))
      expect(mine.length).toBeGreaterThanOrEqual(goal)
      for (const entry of loaded.metadata.metadataLog) await createStore().head(entry.metadataFile)
      committed = mine.length
      await reader.close()
    }
    const metadataFolder = join(localPath(metadata.location), 'metadata')
    await removeStaleTemporaries(folder, { olderThanMs: 0, nowMs: Date.now() + 1000 })
    const left = await readdir(metadataFolder)
    expect(left.filter((name) => !name.endsWith('.metadata.json'))).toEqual([])
    // 21 that are named, and at most one or two that each kill left behind for orphan removal.
    expect(left.length).toBeLessThanOrEqual(21 + 2 * 12)
  } finally {
    await rm(script.folder, { recursive: true })
    await rm(folder, { recursive: true })
  }
})

function versionOf(location: string): number {
  return Number(/\/(\d+)-[^/]*$/.exec(location)?.[1])
}
