import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileUri, LocalStore, removeStaleTemporaries } from '../../src/storage/index.ts'

const run = promisify(execFile)
const text = (value: string) => new TextEncoder().encode(value)

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icebox-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('LocalStore on a real file system', () => {
  it('hides the temporary of a write under way from list, and leaves none after it', async () => {
    const store = new LocalStore()
    const onDisk: string[] = []
    const listed: string[] = []
    async function* body(): AsyncIterable<Uint8Array> {
      yield text('1')
      onDisk.push(...(await readdir(folder)))
      for await (const info of store.list(folder)) listed.push(info.uri)
      yield text('2')
    }
    await store.create(`${folder}/x`, body())
    expect(onDisk).toEqual([expect.stringMatching(/^\.\d+-[0-9a-f]{16}\.icebox-tmp$/)])
    expect(listed).toEqual([])
    expect(await readdir(folder)).toEqual(['x'])
    expect((await stat(`${folder}/x`)).nlink).toBe(1)
  })

  it('leaves only the object when what was created unflushed is durable', async () => {
    const store = new LocalStore()
    const objects = await Promise.all(
      ['u', 'v', 'w'].map((name) => store.createUnflushed(`${folder}/u/${name}`, text(name))),
    )
    await Promise.all(objects.map(({ durable }) => durable))
    expect((await readdir(`${folder}/u`)).sort()).toEqual(['u', 'v', 'w'])
    expect((await stat(`${folder}/u/v`)).nlink).toBe(1)
  })

  it('says storage/full and removes the half-written file when the disk is full; storage/denied when it is read-only', async (context) => {
    const mount = join(folder, 'small')
    await mkdir(mount)
    try {
      await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', mount])
    } catch {
      context.skip('this user may not mount a small file system')
    }
    try {
      const store = new LocalStore()
      await expect(store.create(`${mount}/big`, new Uint8Array(200_000))).rejects.toMatchObject({
        code: 'storage/full',
      })
      expect(await readdir(mount)).toEqual([])
      await store.create(`${mount}/fits`, new Uint8Array(20_000))
      await run('mount', ['-o', 'remount,ro', mount])
      await expect(store.create(`${mount}/more`, text('x'))).rejects.toMatchObject({ code: 'storage/denied' })
      await expect(store.delete([`${mount}/fits`])).rejects.toMatchObject({ code: 'storage/denied' })
      expect(await readdir(mount)).toEqual(['fits'])
    } finally {
      await run('umount', [mount])
    }
  })

  it('says storage/denied for a folder without permission', async () => {
    // Root may do everything, so it acts as an ordinary user for a moment.
    const isRoot = process.getuid?.() === 0
    await writeFile(join(folder, 'secret'), 'x', { mode: 0o000 })
    await chmod(folder, 0o555)
    try {
      if (isRoot) process.seteuid?.(65_534)
      const store = new LocalStore()
      await expect(store.create(`${folder}/x`, text('x'))).rejects.toMatchObject({ code: 'storage/denied' })
      await expect(store.create(`${folder}/a/b/x`, text('x'))).rejects.toMatchObject({ code: 'storage/denied' })
      await expect(store.read(`${folder}/secret`)).rejects.toMatchObject({ code: 'storage/denied' })
    } finally {
      if (isRoot) process.seteuid?.(0)
      await chmod(folder, 0o755)
    }
  })

  it('tries all deletes and names the first that failed', async () => {
    const store = new LocalStore()
    await mkdir(join(folder, 'is-a-folder'))
    await store.create(`${folder}/a`, text('a'))
    await store.create(`${folder}/z`, text('z'))
    await expect(store.delete([`${folder}/a`, `${folder}/is-a-folder`, `${folder}/z`])).rejects.toMatchObject({
      context: { uri: `${folder}/is-a-folder` },
    })
    expect(await readdir(folder)).toEqual(['is-a-folder'])
  })

  it('does not follow links to folders when it lists, which may lead in a circle', async () => {
    const store = new LocalStore()
    await store.create(`${folder}/t/a`, text('a'))
    await symlink(folder, join(folder, 't', 'circle'))
    await symlink(join(folder, 't', 'a'), join(folder, 't', 'link'))
    const names: string[] = []
    for await (const info of store.list(fileUri(folder))) names.push(info.uri.slice(fileUri(folder).length))
    expect(names.sort()).toEqual(['/t/a', '/t/link'])
  })

  it('takes a name as long as the file system allows', async () => {
    const uri = `${folder}/${'n'.repeat(255)}`
    await new LocalStore().create(uri, text('x'))
    await expect(new LocalStore().create(`${uri}n`, text('x'))).rejects.toMatchObject({ code: 'storage/io' })
    expect(await readdir(folder)).toEqual(['n'.repeat(255)])
  })
})

describe('removeStaleTemporaries', () => {
  it('removes what killed writers left, however deep, and spares live writers and everything else', async () => {
    const old = join(folder, 'ns/t/metadata/.4711-0123456789abcdef.icebox-tmp')
    const fresh = join(folder, 'ns/t/metadata/.4712-0123456789abcdef.icebox-tmp')
    const other = join(folder, 'ns/t/metadata/.hidden.icebox-tmp')
    await mkdir(join(folder, 'ns/t/metadata'), { recursive: true })
    for (const path of [old, fresh, other]) await writeFile(path, 'x')
    const nowMs = Date.now()
    const twoHoursAgo = new Date(nowMs - 2 * 3_600_000)
    await utimes(old, twoHoursAgo, twoHoursAgo)
    await utimes(other, twoHoursAgo, twoHoursAgo)
    expect(await removeStaleTemporaries(fileUri(folder), { nowMs })).toBe(1)
    expect((await readdir(join(folder, 'ns/t/metadata'))).sort()).toEqual([
      '.4712-0123456789abcdef.icebox-tmp',
      '.hidden.icebox-tmp',
    ])
    expect(await removeStaleTemporaries(join(folder, 'not-there'))).toBe(0)
  })
})
