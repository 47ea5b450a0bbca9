import { mkdir, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemCode } from './errors.ts'

const MOST_TRIES = 3

/**
 * Makes a folder and its parents where they are missing; gives the folders that have a new name in them, the innermost
 * first: whoever needs the folder after a crash flushes them. One by one, since Node's own `recursive` (20.20) goes round for
 * ever where the parent is there and takes no folder (`/proc/x`), and says ENOENT for a full device.
 */
export async function makeFolders(path: string): Promise<string[]> {
  const above: string[] = []
  for (let tries = 0; ; tries++) {
    try {
      return [...(await makeOne(path)), ...above]
    } catch (error) {
      // Another process may take the parent away again, which it had made in vain.
      if (systemCode(error) !== 'ENOENT' || dirname(path) === path || tries === MOST_TRIES) throw error
    }
    above.push(...(await makeFolders(dirname(path))))
  }
}

/** Nothing where the folder is there. */
async function makeOne(path: string): Promise<string[]> {
  try {
    await mkdir(path)
    return [dirname(path)]
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' && (await isFolder(path))) return []
    throw error
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
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
