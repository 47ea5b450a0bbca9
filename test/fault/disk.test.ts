import { chmod, chown, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { errorOf, type FaultLake, faultLake, filesBelow, ordersCsv } from './support/lake.ts'
import { mountTmpfs, smallDisk } from './support/mount.ts'

const MB = 1_000_000
const NOBODY = 65_534

/** Text that does not compress. */
function randomCsv(rows: number): string {
  const lines = ['id,text']
  for (let id = 0; id < rows; id++) {
    const text = Array.from({ length: 6 }, () => Math.random().toString(36).slice(2)).join('')
    lines.push(`${id},${text}`)
  }
  return `${lines.join('\n')}\n`
}

async function refused(lake: FaultLake, code: string, args: readonly string[], stdin?: string): Promise<string> {
  const ran = await lake.run([...args, '--json'], stdin === undefined ? {} : { stdin })
  expect([ran.signal, ran.code, ran.err], ran.out).toEqual([null, 1, ''])
  const error = errorOf(ran)
  expect(error.code, error.message).toBe(code)
  return `${error.message} ${error.remedy ?? ''}`
}

describe('a full disk', () => {
  it('for the warehouse leaves every table as it was, gives the room back, and all works when there is room', async (context) => {
    await using lake = await faultLake()
    await using disk = await smallDisk(context, lake.folder.in('disk'), 12 * MB)
    await mkdir(join(disk.path, 'a'))
    await symlink(join(disk.path, 'a'), join(lake.path, 'warehouse/a'))
    await writeFile(lake.folder.in('orders.csv'), ordersCsv(1000))
    await writeFile(lake.folder.in('random.csv'), randomCsv(30_000))
    await lake.json(['import', 'a.t', '../orders.csv', '--partition-by', 'month(d)'])
    await lake.json(['sql', 'insert into a.t select 5000, 1, 1, null, null'])
    const before = await filesBelow(disk.path)
    const state = await lake.row('select count(*), sum(id)::bigint from a.t')

    // Not full before the start, full in the middle.
    const grown = 'create table a.grown as select i, uuid() as u, uuid() as v from range(400000) r(i)'
    expect(await refused(lake, 'storage/full', ['sql', grown])).toMatch(/space/)
    expect(await lake.remains()).toEqual([])
    await disk.fill()
    for (const args of [
      ['import', 'a.new', '../random.csv'],
      ['import', 'a.t', '../orders.csv', '--append'],
      ['import', 'a.t', '../orders.csv', '--replace'],
      ['sql', 'insert into a.t select 6000, 1, 1, null, null'],
      ['sql', 'create table a.empty (i int)'],
      ['sql', 'create table a.few as select 1 as i'],
      ['sql', 'delete from a.t'],
      ['sql', 'alter table a.t add column more int'],
    ]) {
      const said = await refused(lake, 'storage/full', args)
      expect(said).toMatch(/free space/)
    }
    expect(await lake.row('select count(*), sum(id)::bigint from a.t')).toEqual(state)
    await disk.empty()
    expect(await lake.remains()).toEqual([])
    expect(await filesBelow(disk.path)).toEqual(before)
    await lake.json(['import', 'a.t', '../orders.csv', '--append'])
    expect(await lake.row('select count(*) from a.t')).toEqual([2001])
  })

  it('for the state folder or the spill ends with a code, not with a crash', async (context) => {
    await using lake = await faultLake()
    await using disk = await smallDisk(context, lake.folder.in('disk'), 6 * MB)
    await rm(join(lake.path, '.icebox'), { recursive: true })
    await mkdir(join(disk.path, 'state'))
    await symlink(join(disk.path, 'state'), join(lake.path, '.icebox'))
    await writeFile(lake.folder.in('orders.csv'), ordersCsv(30_000))
    const bad = Array.from({ length: 90_000 }, (_, at) => `${'x'.repeat(60)},${at}`).join('\n')
    await writeFile(
      lake.folder.in('bad.csv'),
      `${ordersCsv(25_000)
        .replaceAll(/^(\d+),(\d+),.*$/gm, '$1,$2')
        .replace(/^id.*$/m, 'id,k')}${bad}\n`,
    )

    // More than the disk holds is imported piece by piece; what must be spooled as a whole does not fit.
    const piped = await lake.run(['import', 'a.piped', '-', '--format', 'csv', '--json'], { stdin: randomCsv(150_000) })
    expect([piped.code, piped.err]).toEqual([0, ''])
    expect(await lake.row('select count(*) from a.piped')).toEqual([150_000])
    const whole = ['import', 'a.t', '-', '--format', 'csv', '--on-error', 'reject']
    await refused(lake, 'storage/full', whole, randomCsv(150_000))
    await refused(lake, 'storage/full', ['import', 'a.t', '../bad.csv', '--on-error', 'reject'])
    const sort = 'select max(u) from (select uuid() as u, uuid() as v from range(4000000) order by u offset 10)'
    await refused(lake, 'engine/out-of-disk', ['sql', sort, '--memory', '256MB'])
    expect(await filesBelow(disk.path)).toEqual([])

    await disk.fill()
    for (const args of [
      ['import', 'a.t', '../orders.csv'],
      ['sql', 'select 1'],
      ['sql', 'create table a.c as select 1 as i'],
    ])
      await refused(lake, 'storage/full', args)
    await disk.empty()
    expect(await lake.remains()).toEqual([])
    await lake.json(['import', 'a.t', '../orders.csv'])
    expect(await lake.row('select count(*) from a.t')).toEqual([30_000])
  })

  it('for the whole lakehouse, catalog included, loses nothing', async (context) => {
    await using lake = await faultLake()
    await using disk = await smallDisk(context, lake.folder.in('disk'), 24 * MB)
    const path = join(disk.path, 'lake')
    await lake.run(['init', path])
    const at = (...args: string[]) => ['-C', path, ...args]
    await writeFile(lake.folder.in('orders.csv'), ordersCsv(500))
    await lake.json(at('import', 'a.t', '../orders.csv'))
    await disk.fill()
    for (const args of [at('import', 'a.t', '../orders.csv', '--append'), at('sql', 'create schema s')]) {
      const ran = await lake.run([...args, '--json'])
      // A schema may still fit into the log of the database, which has room of its own.
      if (ran.code !== 0) expect(errorOf(ran).code).toBe('storage/full')
    }
    await disk.empty()
    const document = await lake.json(at('sql', 'select count(*) from a.t'))
    expect(document).toMatchObject({ rows: [[500]] })
    await lake.json(at('import', 'a.t', '../orders.csv', '--append'))
  })
})

describe('a folder that cannot be written', () => {
  it('is named, on a device mounted read-only, and reading goes on where the spill folder is elsewhere', async (context) => {
    await using lake = await faultLake()
    await using disk = await smallDisk(context, lake.folder.in('disk'), 24 * MB)
    await writeFile(lake.folder.in('orders.csv'), ordersCsv(500))
    await lake.json(['import', 'a.t', '../orders.csv'])
    await mkdir(join(disk.path, 'a'))
    await symlink(join(disk.path, 'a'), join(lake.path, 'warehouse/b'))
    await lake.json(['sql', 'create schema b'])
    await lake.json(['sql', 'create table b.t as select 1 as id'])
    await disk.readOnly(true)
    for (const args of [
      ['import', 'b.new', '../orders.csv'],
      ['sql', 'insert into b.t select 2'],
      ['sql', 'create table b.c as select 1 as i'],
      ['sql', 'create table b.e (i int)'],
      ['sql', 'delete from b.t'],
      ['sql', 'select 1', '--output', '../disk/x.csv', '--format', 'csv'],
    ]) {
      const ran = await lake.run([...args, '--json'])
      expect([ran.code, errorOf(ran).code], ran.out).toEqual([1, 'storage/denied'])
    }
    expect(await lake.row('select id from b.t')).toEqual([1])
    expect(await lake.remains()).toEqual([])
    await disk.readOnly(false)
    await lake.json(['sql', 'insert into b.t select 2'])
  })

  it.skipIf(process.getuid?.() !== 0)('is named for a user without the right, and nothing is left', async () => {
    await using lake = await faultLake()
    await writeFile(lake.folder.in('orders.csv'), ordersCsv(500))
    await lake.json(['import', 'a.t', '../orders.csv'])
    await chmod(lake.folder.path, 0o755)
    const uid = NOBODY
    // The lakehouse of root: readable, not writable.
    for (const args of [
      ['import', 'a.n', '../orders.csv'],
      ['init', join(lake.folder.path, 'mine')],
    ]) {
      const ran = await lake.run([...args, '--json'], { uid })
      expect([ran.code, errorOf(ran).code, ran.err], ran.out).toEqual([1, 'storage/denied', ''])
    }
    // All but the folder of the data is the user's.
    for (const path of await folders(lake.path)) await chown(path, uid, uid)
    for (const file of await filesBelow(lake.path)) await chown(file, uid, uid)
    await chown(join(lake.path, 'warehouse/a/t/data'), 0, 0)
    const ran = await lake.run(['import', 'a.t', '../orders.csv', '--append', '--json'], { uid })
    expect([ran.code, errorOf(ran).code], ran.out).toEqual([1, 'storage/denied'])
    expect(await lake.row('select count(*) from a.t')).toEqual([500])
    expect(await lake.remains()).toEqual([])
    expect(await readdir(join(lake.path, 'warehouse/a/t/data'))).toHaveLength(1)
  })
})

describe('a spill folder that is memory', () => {
  it('is refused by name', async (context) => {
    await using lake = await faultLake()
    const path = lake.folder.in('memory')
    await using _mounted = await mountTmpfs(context, path)
    await writeFile(lake.folder.in('orders.csv'), ordersCsv(10))
    for (const args of [
      ['import', 'a.t', '../orders.csv'],
      ['sql', 'select 1'],
    ]) {
      const set = ['--set', `performance.memory.spill_directory=${path}`]
      expect(await refused(lake, 'storage/spill-on-memory', [...args, ...set])).toContain(path)
    }
    expect(await lake.remains()).toEqual([])
  })
})

async function folders(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  return [path, ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))]
}
