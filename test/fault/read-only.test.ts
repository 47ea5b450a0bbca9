import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openSqliteCatalog } from '../../src/catalog/index.ts'
import { createStore, fileUri } from '../../src/storage/index.ts'
import { errorOf, faultLake, type FaultLake, filesBelow, lakeAt, ordersCsv } from './support/lake.ts'
import { bindReadOnly, mountTmpfs, smallDisk } from './support/mount.ts'

const MB = 1_000_000
const NOBODY = 65_534

/** A partitioned table of two commits. */
async function fillLake(lake: FaultLake): Promise<void> {
  await writeFile(lake.folder.in('orders.csv'), ordersCsv(500))
  await lake.json(['import', 'a.t', lake.folder.in('orders.csv'), '--partition-by', 'month(d)'])
  await lake.json(['import', 'a.t', lake.folder.in('orders.csv'), '--append'])
}

const WRITES = (source: string) => [
  ['import', 'a.t', source, '--append'],
  ['import', 'a.n', source],
  ['sql', "insert into a.t select 1, 1, 1, 'x', date '2024-01-01'"],
  ['sql', 'create table a.c as select 1 as i'],
  ['sql', 'create table a.e (i int)'],
  ['sql', 'create schema b'],
  ['sql', "delete from a.t where d >= '2024-03-01' and d < '2024-04-01'"],
  ['sql', 'alter table a.t add column x int'],
  ['sql', 'drop table a.t'],
  ['table', 'drop', 'a.t'],
  ['table', 'rename', 'a.t', 'a.u'],
]

/** A temporary folder that every user may write in, on a disk. */
async function openTemporary(lake: FaultLake): Promise<string> {
  const path = lake.folder.in('temporary')
  await mkdir(path)
  await chmod(path, 0o1777)
  return path
}

/** Reads in every way, and refuses every write, leaving all files as they were. */
async function readsAndRefuses(
  lake: FaultLake,
  options: { uid?: number; env?: Record<string, string>; set?: string[] } = {},
) {
  const { set = [], ...run } = options
  const json = async (args: readonly string[]) => {
    const ran = await lake.run([...args, ...set, '--json'], run)
    expect([ran.code, ran.err], ran.out).toEqual([0, ''])
    return JSON.parse(ran.out) as unknown
  }
  const before = await filesBelow(lake.path)
  expect(await json(['sql', 'select count(*), sum(id) from a.t'])).toMatchObject({ rows: [[1000, 249_500]] })
  // Larger than its share of memory: what it spills goes elsewhere.
  expect(
    await json([
      'sql',
      'select count(*) from (select distinct i, hash(i) from range(4000000) r(i))',
      '--memory',
      '256MB',
    ]),
  ).toMatchObject({ rows: [[4_000_000]] })
  expect(await json(['table', 'list'])).toMatchObject([{ table: 'a.t', rows: 1000, problem: null }])
  expect(await json(['table', 'show', 'a.t'])).toMatchObject({ table: 'a.t', rows: 1000 })
  expect(await json(['sql', 'select count(*) from a.t.snapshots'])).toMatchObject({ rows: [[2]] })
  for (const args of WRITES(lake.folder.in('orders.csv'))) {
    const ran = await lake.run([...args, ...set, '--json'], run)
    expect([args[1], ran.code, errorOf(ran).code], ran.out).toEqual([args[1], 1, 'storage/denied'])
  }
  expect(await filesBelow(lake.path)).toEqual(before)
}

describe('a lakehouse that can only be read', () => {
  it('on a device mounted read-only is read, and refuses every write', async (context) => {
    await using lake = await faultLake()
    await using disk = await smallDisk(context, lake.folder.in('disk'), 24 * MB)
    const onDisk = lakeAt(lake.folder, join(disk.path, 'a ?#%20 lake'))
    await lake.run(['init', onDisk.path])
    await fillLake(onDisk)
    await disk.readOnly(true)
    const env = { TMPDIR: await openTemporary(lake) }
    await readsAndRefuses(onDisk, { env })
    // What the reads put elsewhere went with them.
    expect(await readdir(env.TMPDIR)).toEqual([`icebox-${process.getuid?.()}`])
    expect(await filesBelow(env.TMPDIR)).toEqual([])
    await disk.readOnly(false)
    await onDisk.json(['sql', 'insert into a.t select * from a.t limit 1'])
    expect(await onDisk.row('select count(*) from a.t')).toEqual([1001])
  })

  it('of another user is read, and refuses every write', async (context) => {
    if (process.getuid?.() !== 0) context.skip('only root can be another user')
    await using lake = await faultLake()
    await fillLake(lake)
    await chmod(lake.folder.path, 0o755)
    await readsAndRefuses(lake, { uid: NOBODY, env: { TMPDIR: await openTemporary(lake) } })
    expect(await lake.row('select count(*) from a.t')).toEqual([1000])
  })

  it('keeps its state in the spill folder that is named, and refuses one that is memory', async (context) => {
    await using lake = await faultLake()
    await fillLake(lake)
    await using _view = await bindReadOnly(context, lake.path, lake.path)
    await using _tmpfs = await mountTmpfs(context, lake.folder.in('tmp'))
    const env = { TMPDIR: lake.folder.in('tmp') }
    const ran = await lake.run(['sql', 'select count(*) from a.t', '--json'], { env })
    expect([ran.code, errorOf(ran).code], ran.out).toEqual([1, 'storage/spill-on-memory'])
    // Without the engine nothing is spilled.
    expect((await lake.run(['table', 'list', '--json'], { env })).code).toBe(0)
    const set = ['--set', `performance.memory.spill_directory=${lake.folder.in('spill')}`]
    await readsAndRefuses(lake, { env, set })
    expect(await readdir(lake.folder.in('tmp'))).toEqual([`icebox-${process.getuid?.()}`])
  })

  it('sees what another process commits meanwhile, through all that becomes of the log of the catalog', async (context) => {
    await using lake = await faultLake()
    await fillLake(lake)
    await using _view = await bindReadOnly(context, lake.path, lake.folder.in('view'))
    const openAt = (path: string) =>
      openSqliteCatalog({
        path: join(path, 'catalog.sqlite'),
        io: createStore(),
        warehouse: fileUri(join(path, 'warehouse')),
      })
    // No log and no index of one: opened as a file that does not change.
    const reader = await openAt(lake.folder.in('view'))
    try {
      const namespaces = async () => (await reader.listNamespaces()).flat()
      expect(await namespaces()).toEqual(['a'])
      // A writer that came and went: the file is another.
      await lake.json(['sql', 'create schema b'])
      expect(await namespaces()).toEqual(['a', 'b'])
      // One that stays: its commits are in its log.
      const writer = await openAt(lake.path)
      try {
        for (const name of ['c', 'd']) {
          await writer.createNamespace([name])
          expect(await namespaces()).toContain(name)
        }
      } finally {
        await writer.close()
      }
      await lake.json(['sql', 'create schema e'])
      expect(await namespaces()).toEqual(['a', 'b', 'c', 'd', 'e'])
      await expect(reader.createNamespace(['f'])).rejects.toMatchObject({ code: 'storage/denied' })
    } finally {
      await reader.close()
    }
  })

  it('with a log that nobody can read there is refused, not read as if it had none', async (context) => {
    await using lake = await faultLake()
    await fillLake(lake)
    // As a copy of the files has it that was made while a process wrote: the log has a change, its index is not there.
    await writeFile(join(lake.path, 'catalog.sqlite-wal'), new Uint8Array(4096))
    await using _view = await bindReadOnly(context, lake.path, lake.folder.in('view'))
    const ran = await lakeAt(lake.folder, lake.folder.in('view')).run(['table', 'list', '--json'])
    expect([ran.code, errorOf(ran).code], ran.out).toEqual([1, 'catalog/unreadable'])
    expect(errorOf(ran).message).toContain('catalog.sqlite-wal holds changes')
  })
})
