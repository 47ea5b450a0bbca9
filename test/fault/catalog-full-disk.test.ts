import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { openSqliteCatalog } from '../../src/catalog/index.ts'
import type { Schema } from '../../src/iceberg/index.ts'
import { createStore, fileUri } from '../../src/storage/index.ts'

const run = promisify(execFile)
const SCHEMA: Schema = {
  schemaId: 0,
  identifierFieldIds: [],
  fields: [{ id: 1, name: 'x', type: { kind: 'int' }, required: false }],
}
const T = { namespace: ['ns'], name: 't' }

it('leaves catalog and table as they were when the disk is full, and goes on when there is room again', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'icebox-'))
  const mount = join(folder, 'small')
  await mkdir(mount)
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', mount])
  } catch {
    await rm(folder, { recursive: true })
    context.skip('this user may not mount a small file system')
  }
  try {
    const catalog = await openSqliteCatalog({
      path: join(mount, 'catalog.sqlite'),
      warehouse: fileUri(join(mount, 'warehouse')),
      io: createStore(),
      create: true,
    })
    await catalog.createNamespace(['ns'])
    const base = await catalog.createTable(T, { schema: SCHEMA })
    await fill(join(mount, 'ballast'))

    const change = [{ action: 'set-properties', updates: { note: 'x'.repeat(50_000) } } as const]
    await expect(catalog.commitTable(T, base, [], change)).rejects.toMatchObject({ code: 'storage/full' })
    // Many, since the log of the database has some room of its own.
    const names = Array.from({ length: 400 }, (_, i) => [`n${i}`])
    const outcomes = await Promise.allSettled(
      names.map((name) => catalog.createNamespace(name, { v: 'x'.repeat(900) })),
    )
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    expect(failures.length).toBeGreaterThan(0)
    for (const failure of failures) expect(failure).toMatchObject({ code: 'storage/full' })
    expect((await catalog.loadTable(T)).metadataLocation).toBe(base.metadataLocation)
    expect(await readdir(join(mount, 'warehouse/ns/t/metadata'))).toHaveLength(1)

    await rm(join(mount, 'ballast'))
    await catalog.commitTable(T, base, [], change)
    const made = outcomes.filter((outcome) => outcome.status === 'fulfilled').length
    expect(await catalog.listNamespaces()).toHaveLength(made + 1)
    await catalog.close()
  } finally {
    // Lazily: the binding lets go of the database file with the garbage collector (catalog README).
    await run('umount', ['-l', mount])
    await rm(folder, { recursive: true })
  }
})

/** Takes all the room that there is. */
async function fill(path: string): Promise<void> {
  try {
    await writeFile(path, new Uint8Array(4 * 1024 * 1024))
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' })
  }
}
