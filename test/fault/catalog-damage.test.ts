import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, cp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { DatabaseSync } from '@photostructure/sqlite'
import { describe, expect, it } from 'vitest'
import { errorOf, type FaultLake, faultLake, lakeAt, ordersCsv } from './support/lake.ts'
import { temporaryFolder } from '../e2e/support/cli.ts'

async function lakeWithTable(): Promise<FaultLake> {
  const lake = await faultLake()
  await writeFile(lake.folder.in('orders.csv'), ordersCsv(100))
  await lake.json(['import', 'a.t', '../orders.csv'])
  await lake.json(['import', 'a.other', '../orders.csv'])
  return lake
}

/** What the commands that need the table say; each must end by itself, without a crash. */
async function saidBy(lake: FaultLake, commands: readonly (readonly string[])[]): Promise<string[]> {
  const codes: string[] = []
  for (const args of commands) {
    const ran = await lake.run([...args, '--json'])
    expect([ran.signal, ran.code, ran.err], `${args.join(' ')}: ${ran.out}`).toEqual([null, 1, ''])
    const { code, message } = errorOf(ran)
    expect(message).not.toBe('')
    codes.push(code)
  }
  return codes
}

const EVERYTHING = [
  ['sql', 'select count(*) from a.t'],
  ['import', 'a.t', '../orders.csv', '--append'],
  ['import', 'a.t', '../orders.csv', '--replace'],
  ['sql', 'insert into a.t select * from a.other'],
  ['sql', 'delete from a.t'],
  ['sql', 'alter table a.t add column x int'],
  ['table', 'show', 'a.t'],
]

describe('a catalog', () => {
  it('that another process holds is waited for, then catalog/locked, and nothing is left', async () => {
    await using lake = await lakeWithTable()
    // Another process: a lock of this one would not be one for SQLite's connections in it.
    const holder = spawn(
      process.execPath,
      [
        '-e',
        `const { DatabaseSync } = require('@photostructure/sqlite')
         const db = new DatabaseSync(process.argv[1])
         db.exec('BEGIN IMMEDIATE')
         process.stdout.write('held')
         setInterval(() => {}, 1000)`,
        join(lake.path, 'catalog.sqlite'),
      ],
      { cwd: join(import.meta.dirname, '../..'), stdio: ['ignore', 'pipe', 'inherit'] },
    )
    await once(holder.stdout, 'data')
    try {
      // Readers are not held up.
      expect(await lake.row('select count(*) from a.t')).toEqual([100])
      const codes = await saidBy(lake, [['import', 'a.t', '../orders.csv', '--append']])
      expect(codes).toEqual(['catalog/locked'])
    } finally {
      holder.kill('SIGKILL')
      await once(holder, 'close')
    }
    expect(await lake.row('select count(*) from a.t')).toEqual([100])
    expect(await lake.remains()).toEqual([])
    await lake.json(['import', 'a.t', '../orders.csv', '--append'])
  })

  it.each([
    ['cut in half', (path: string, size: number) => truncate(path, Math.floor(size / 2 / 4096) * 4096)],
    ['cut within its header', (path: string) => truncate(path, 60)],
    ['empty', (path: string) => truncate(path, 0)],
    ['gone', (path: string) => rm(path)],
    ['another file', (path: string) => writeFile(path, ordersCsv(1000))],
    [
      'a database of something else',
      (path: string) => {
        const database = new DatabaseSync(`${path}.new`)
        database.exec('CREATE TABLE t (x)')
        database.close()
        return copyFile(`${path}.new`, path)
      },
    ],
    [
      'of another version',
      (path: string) => {
        const database = new DatabaseSync(path)
        database.exec('ALTER TABLE iceberg_tables RENAME COLUMN metadata_location TO location')
        database.close()
      },
    ],
  ])('that is %s is catalog/unreadable, and is left as it is', async (_how, damage) => {
    await using lake = await lakeWithTable()
    const path = join(lake.path, 'catalog.sqlite')
    for (const name of await readdir(lake.path)) if (/sqlite-/.test(name)) await rm(join(lake.path, name))
    await damage(path, (await readFile(path)).length)
    const before = await readFile(path).catch(() => undefined)
    const codes = await saidBy(lake, [...EVERYTHING.slice(0, 2), ['table', 'list']])
    expect(new Set(codes)).toEqual(new Set(['catalog/unreadable']))
    expect(await readFile(path).catch(() => undefined)).toEqual(before)
  })
})

describe('metadata', () => {
  const current = async (lake: FaultLake) => {
    const document = (await lake.json(['table', 'show', 'a.t'])) as { metadataLocation: string }
    return document.metadataLocation.replace('file://', '')
  }

  it.each([
    ['missing', (path: string) => rm(path), ['storage/not-found']],
    [
      'cut in the middle',
      (path: string, text: string) => truncate(path, Math.floor(text.length / 2)),
      ['iceberg/invalid-metadata'],
    ],
    ['empty', (path: string) => truncate(path, 0), ['iceberg/invalid-metadata']],
    [
      'of version 4',
      (path: string, text: string) => writeFile(path, text.replace(/"format-version": ?2/, '"format-version":4')),
      ['iceberg/unsupported'],
    ],
    [
      'of version 99',
      (path: string, text: string) => writeFile(path, text.replace(/"format-version": ?2/, '"format-version":99')),
      ['iceberg/unsupported'],
    ],
    ['not JSON', (path: string) => writeFile(path, ordersCsv(10)), ['iceberg/invalid-metadata']],
    ['JSON of something else', (path: string) => writeFile(path, '{"a": [1, 2]}'), ['iceberg/invalid-metadata']],
    [
      'cut gzip',
      (path: string, text: string) => writeFile(path, gzipSync(text).subarray(0, 300)),
      ['iceberg/invalid-metadata'],
    ],
  ])(
    'that is %s is told with its file by every command, changes nothing and hides no other table',
    async (_how, damage, codes) => {
      await using lake = await lakeWithTable()
      const path = await current(lake)
      await damage(path, await readFile(path, 'utf8'))
      for (const code of await saidBy(lake, EVERYTHING.slice(0, 3))) expect(codes).toContain(code)
      const ran = await lake.run(['sql', 'select * from a.t', '--json'])
      expect(errorOf(ran).message).toContain(path.split('/').at(-1))
      expect(await lake.row('select count(*) from a.other')).toEqual([100])
      const list = JSON.stringify(await lake.json(['table', 'list']))
      expect(list).toContain('a.other')
      expect(list).toContain(codes[0])
    },
  )

  it('that is cut is told by every command', async () => {
    await using lake = await lakeWithTable()
    await truncate(await current(lake), 100)
    expect(new Set(await saidBy(lake, EVERYTHING))).toEqual(new Set(['iceberg/invalid-metadata']))
  })

  it.each([
    ['manifest list', /snap-.*avro$/],
    ['manifest', /-m\d+\.avro$/],
  ])('whose %s is missing, cut or garbage is told with its file', async (_what, pattern) => {
    await using lake = await lakeWithTable()
    const folder = join(lake.path, 'warehouse/a/t/metadata')
    const file = (await readdir(folder)).find((name) => pattern.test(name)) ?? ''
    const bytes = await readFile(join(folder, file))
    const commands = EVERYTHING.slice(0, 1)
    for (const damaged of [
      bytes.subarray(0, bytes.length / 2),
      bytes.subarray(0, 3),
      Buffer.from(ordersCsv(5)),
      undefined,
    ]) {
      if (damaged === undefined) await rm(join(folder, file))
      else await writeFile(join(folder, file), damaged)
      for (const code of await saidBy(lake, commands))
        expect(['iceberg/invalid-manifest', 'storage/not-found', 'storage/short-read']).toContain(code)
      expect(errorOf(await lake.run([...(commands[0] ?? []), '--json'])).message).toContain(file)
    }
  })

  it.each(['missing', 'cut', 'garbage'])(
    'whose data file is %s is told with the file, not with half of the rows',
    async (how) => {
      await using lake = await lakeWithTable()
      const folder = join(lake.path, 'warehouse/a/t/data')
      const file = (await readdir(folder)).find((name) => name.endsWith('.parquet')) ?? ''
      const bytes = await readFile(join(folder, file))
      if (how === 'missing') await rm(join(folder, file))
      else await writeFile(join(folder, file), how === 'cut' ? bytes.subarray(0, 400) : ordersCsv(50))
      const ran = await lake.run(['sql', 'select sum(id) from a.t', '--json'])
      expect([ran.signal, ran.code, ran.err], ran.out).toEqual([null, 1, ''])
      expect(errorOf(ran).message).toContain(file)
      expect(errorOf(ran).code).not.toMatch(/^internal|^sql\//)
    },
  )
})

it('a copy of a lakehouse is told apart from its original', async () => {
  await using lake = await lakeWithTable()
  await using folder = await temporaryFolder()
  await cp(lake.path, folder.in('lake'), { recursive: true })
  await writeFile(folder.in('orders.csv'), ordersCsv(10))
  const copy = lakeAt(folder, folder.in('lake'))
  expect(new Set(await saidBy(copy, EVERYTHING.slice(0, 4)))).toEqual(new Set(['lake/moved']))
  expect(await lake.row('select count(*) from a.t')).toEqual([100])
})
