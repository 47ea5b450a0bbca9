import { mkdir, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCode } from './errors.ts'

/**
 * Makes a folder and its parents where they are missing; gives the folders that have a new name in them, the innermost
 * first: whoever needs the folder after a crash flushes them.
 */
export async function makeFolders(path: string): Promise<string[]> {
  const outermost = await makeMissing(path)
  const folders: string[] = []
  if (outermost === undefined) return folders
  for (let made = path; made.length >= outermost.length; made = dirname(made)) folders.push(dirname(made))
  return folders
}

/**
 * Gives the outermost that was made, as `mkdir` does. On a full device Node's own `recursive` says ENOENT (20.20): then a
 * single step is tried again for the true reason.
 */
async function makeMissing(path: string): Promise<string | undefined> {
  try {
    return await mkdir(path, { recursive: true })
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    return await makeOneByOne(path)
  }
}

async function makeOneByOne(path: string): Promise<string | undefined> {
  try {
    await mkdir(path)
    return path
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return undefined
    if (systemCode(error) !== 'ENOENT' || dirname(path) === path) throw error
  }
  const first = await makeOneByOne(dirname(path))
  await mkdir(path)
  return first ?? path
}

/** Bytes free on the device where a folder is, or will be made: one that is not there yet counts as its parent. */
export async function freeSpaceBytes(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' || dirname(path) === path) throw error
    return freeSpaceBytes(dirname(path))
  }
}
