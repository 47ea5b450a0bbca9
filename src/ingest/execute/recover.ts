import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../base/index.ts'
import { localPath, removeStaleTemporaries } from '../../storage/index.ts'
import { fileError, removeFolder } from '../write/files.ts'
import type { WriteJournal } from '../write/journal.ts'

export interface RecoveryReport {
  readonly writes: number
  readonly removedFiles: readonly string[]
  /** Journal entries that could not be read; they are left. */
  readonly unreadable: readonly string[]
}

/**
 * Removes what writes of processes that are gone left behind: their own folders, half-written metadata, and data files unless
 * `isReferenced` says that a table's metadata names them (the process may have died after its commit).
 */
export async function recoverWrites(
  journal: WriteJournal,
  isReferenced: (paths: readonly string[]) => Promise<ReadonlySet<string>>,
): Promise<RecoveryReport> {
  const { entries, unreadable } = await journal.abandoned()
  const removedFiles: string[] = []
  for (const entry of entries) {
    for (const folder of entry.folders) await removeFolder(folder)
    if (entry.metadataFolder !== null) await removeStaleTemporaries(localPath(entry.metadataFolder), { pid: entry.pid })
    const files = entry.dataFolder === null ? [] : await filesOf(entry.dataFolder, `-${entry.writeId}.parquet`)
    const kept = files.length === 0 ? new Set<string>() : await isReferenced(files)
    for (const file of files) {
      if (kept.has(file)) continue
      await removeFolder(file)
      removedFiles.push(file)
    }
    await journal.end(entry)
  }
  return { writes: entries.length, removedFiles, unreadable }
}

async function filesOf(folder: string, ending: string): Promise<string[]> {
  try {
    const names = await readdir(folder, { recursive: true })
    return names.filter((name) => name.endsWith(ending)).map((name) => join(folder, name))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw fileError(`${folder} cannot be listed`, error)
  }
}
