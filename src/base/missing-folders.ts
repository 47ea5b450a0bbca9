import { readdir, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemCode } from './errors.ts'

/** Folders that were not there when they were looked for. */
export interface MissingFolders {
  /** Removes those of them that are empty by now, and what is empty below: for whoever made them in vain. */
  removeEmpty(): Promise<void>
}

/**
 * Looks which of some folders, and of the folders that they lie in, are missing. What was there, and what has a file in it, is
 * never removed; another process that makes the same folders meanwhile makes them again (`makeFolders`).
 */
export async function missingFolders(paths: readonly string[]): Promise<MissingFolders> {
  const missing = new Set<string>()
  for (const path of paths) {
    for (let at = path; !missing.has(at) && (await isMissing(at)); at = dirname(at)) missing.add(at)
  }
  const roots = paths.filter((path) => missing.has(path))
  const innermostFirst = [...missing].sort((a, b) => b.length - a.length)
  return {
    removeEmpty: async () => {
      for (const root of roots) await removeEmptyBelow(root)
      for (const folder of innermostFirst) await removeIfEmpty(folder)
    },
  }
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await stat(path)
    return false
  } catch (error) {
    return systemCode(error) === 'ENOENT' && dirname(path) !== path
  }
}

/** A folder with a dot is where somebody writes, and is theirs to remove, empty or not. */
async function removeEmptyBelow(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue
    const path = join(folder, entry.name)
    await removeEmptyBelow(path)
    await removeIfEmpty(path)
  }
}

/** One that cannot be removed stays: an empty folder harms nobody, and the error that led here matters more. */
async function removeIfEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch(() => undefined)
}
