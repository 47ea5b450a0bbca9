import { opendir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode, throwIfCancelled } from '../base/index.ts'
import { storageError } from './errors.ts'
import { isTemporaryName, temporaryPid } from './local-write.ts'
import { localPath } from './uri.ts'

/** A write that has not moved for this long is dead: a live one touches its file with every chunk. */
const DEFAULT_AGE_MS = 60 * 60 * 1000

/**
 * Removes the temporaries that killed writers left below a local folder and returns how many. Only names that this room
 * gives are touched, and only those not written for `olderThanMs` (default one hour), so that a writer at work keeps its file;
 * with `pid` only those of that process, which the caller knows to be gone, at any age.
 */
export async function removeStaleTemporaries(
  folder: string,
  options: { olderThanMs?: number; pid?: number; nowMs?: number; signal?: AbortSignal } = {},
): Promise<number> {
  const { pid } = options
  const beforeMs = (options.nowMs ?? Date.now()) - (options.olderThanMs ?? DEFAULT_AGE_MS)
  const isStale = async (path: string, name: string) =>
    pid === undefined ? (await stat(path)).mtimeMs <= beforeMs : temporaryPid(name) === pid
  const pending = [localPath(folder)]
  let removed = 0
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    throwIfCancelled(options.signal)
    try {
      for await (const entry of await opendir(path)) {
        const child = join(path, entry.name)
        if (entry.isDirectory()) pending.push(child)
        else if (isTemporaryName(entry.name) && (await isStale(child, entry.name))) {
          await rm(child, { force: true })
          removed++
        }
      }
    } catch (error) {
      // Gone meanwhile: its writer finished, or someone else cleans.
      if (systemCode(error) !== 'ENOENT') throw storageError(error, path, 'delete')
    }
  }
  return removed
}
