import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeFolders } from '../../src/base/index.ts'

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
})
