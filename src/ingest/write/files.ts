import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { IceboxError, makeFolders, messageOf, systemCode } from '../../base/index.ts'

const TRIES = 3

/** Moves a staged file to its final place; gives the folders that have a new name in them, to be flushed with the file. */
export async function publish(from: string, to: string): Promise<string[]> {
  for (let tries = 1; ; tries++) {
    try {
      const made = await makeFolders(dirname(to))
      await rename(from, to)
      return [dirname(to), ...made]
    } catch (error) {
      // Between the two another process may have taken the empty folder away, which it had made in vain.
      if (systemCode(error) === 'ENOENT' && tries < TRIES) continue
      throw fileError(`${from} cannot be moved to ${to}`, error)
    }
  }
}

/** Flushes a file or folder to the disk. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** With its parents; gives the folders that have a new name in them. */
export async function makeFolder(path: string): Promise<string[]> {
  try {
    return await makeFolders(path)
  } catch (error) {
    throw fileError(`${path} cannot be made`, error)
  }
}

export async function removeFolder(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true })
  } catch (error) {
    throw fileError(`${path} cannot be removed`, error)
  }
}

export function fileError(what: string, error: unknown): IceboxError {
  const code = systemCode(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new IceboxError('storage/full', {
      message: `${what}: no space left`,
      remedy: 'free space on the device',
      cause: error,
    })
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new IceboxError('storage/denied', {
      message: `${what}: ${messageOf(error)}`,
      remedy: 'give this user the right to write there',
      cause: error,
    })
  }
  return new IceboxError('storage/io', { message: `${what}: ${messageOf(error)}`, cause: error })
}
