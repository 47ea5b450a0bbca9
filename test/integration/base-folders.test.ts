import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { makeFolders, missingFolders } from '../../src/base/index.ts'

describe('makeFolders', () => {
  let root: string
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'icebox-'))
  })
  afterAll(() => rm(root, { recursive: true }))

  it('gives the folders in which names are new, the innermost first, and none for what was there', async () => {
    const path = join(root, 'a/b/c')
    expect(await makeFolders(path)).toEqual([join(root, 'a/b'), join(root, 'a'), root])
    expect(await makeFolders(join(path, 'd'))).toEqual([path])
    expect(await makeFolders(path)).toEqual([])
  })

  it('many at once make the same folders, and each is new to one', async () => {
    const paths = ['m/a/b', 'm/a/b', 'm/a/c', 'm'].map((path) => join(root, path))
    const made = await Promise.all(paths.map((path) => makeFolders(path)))
    expect(made.flat().sort()).toEqual([root, join(root, 'm'), join(root, 'm/a'), join(root, 'm/a')].sort())
  })

  it('a file in the way is an error', async () => {
    await writeFile(join(root, 'file'), '')
    await expect(makeFolders(join(root, 'file'))).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(makeFolders(join(root, 'file/below'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  // Only where there is such a file system.
  it.runIf(existsSync('/proc/self'))(
    'a folder that takes no new one is an error instead of a loop without end',
    async () => {
      await expect(makeFolders('/proc/icebox/spill')).rejects.toMatchObject({ code: 'ENOENT' })
    },
  )
})

describe('missingFolders', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'icebox-'))
  })
  afterEach(() => rm(root, { recursive: true }))
  const below = async () => (await readdir(root, { recursive: true })).sort()

  it('takes away what was made in vain, and nothing that was there or has a file in it', async () => {
    await mkdir(join(root, 'there/data'), { recursive: true })
    const paths = ['there/data', 'there/metadata', 's/new/data', 's/new/metadata', 's/used/data'].map((path) =>
      join(root, path),
    )
    const missing = await missingFolders(paths)
    await missing.removeEmpty()
    for (const path of paths) await mkdir(join(path, 'part=1', 'x=2'), { recursive: true })
    await writeFile(join(root, 's/used/data/part=1/file'), '')
    await missing.removeEmpty()
    // `part=1` below a folder that was there may be anybody's.
    expect(await below()).toEqual(
      [
        's',
        's/used',
        's/used/data',
        's/used/data/part=1',
        's/used/data/part=1/file',
        'there',
        'there/data',
        'there/data/part=1',
        'there/data/part=1/x=2',
      ].sort(),
    )
  })

  it('leaves the folder in which another process is writing', async () => {
    const missing = await missingFolders([join(root, 't/data')])
    await mkdir(join(root, 't/data/.icebox-7'), { recursive: true })
    await missing.removeEmpty()
    expect(await below()).toEqual(['t', 't/data', 't/data/.icebox-7'])
  })
})
