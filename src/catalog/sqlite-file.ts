import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite'
import { systemCode } from '../base/index.ts'
import { isBusy, isCannotOpen, unreadable } from './sqlite-errors.ts'

/** An open database file, and what keeps its reads whole while others write. */
export interface OpenFile {
  readonly database: DatabaseSyncInstance
  readonly path: string
  readonly isReadOnly: boolean
  /** As it was when it was opened without locks; undefined where SQLite's own locks do their work. */
  readonly seen: FileState | undefined
}

interface FileState {
  readonly file: string
  readonly logBytes: number
}

/** Looks whether the file, or its folder, in which SQLite puts its log, cannot be written by this user. */
export function isReadOnly(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    accessSync(dirname(path), constants.W_OK)
    return false
  } catch (error) {
    const code = systemCode(error)
    return code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
  }
}

/**
 * Opens a file that can be read only. While another process writes, its log and the index of the log are there, and SQLite
 * reads through them under its locks. Where they are not, it cannot make them, and the file is opened as one that never
 * changes, without locks: {@link isOutdated} then tells when that has stopped being true. A log with changes in it and
 * without its index would be passed over in that way: `catalog/unreadable`.
 */
export function openReadOnly(path: string, timeoutMs: number): OpenFile {
  const seen = stateOf(path)
  const database = openWithLocks(path, timeoutMs)
  if (database !== undefined) return { database, path, isReadOnly: true, seen: undefined }
  if (seen.logBytes > 0) {
    throw unreadable(path, `cannot be read: its log ${path}-wal holds changes, which need a folder that can be written`)
  }
  const uri = `${pathToFileURL(path).href}?immutable=1`
  return { database: new DatabaseSync(uri, { readOnly: true }), path, isReadOnly: true, seen }
}

/** Undefined where SQLite would have to make files beside it. */
function openWithLocks(path: string, timeoutMs: number): DatabaseSyncInstance | undefined {
  const database = new DatabaseSync(path, { readOnly: true, timeout: timeoutMs })
  try {
    // The log is looked for by the first read.
    database.prepare('PRAGMA schema_version').get()
    return database
  } catch (error) {
    // Held by another for a moment: it got as far as its locks.
    if (isBusy(error)) return database
    database.close()
    if (isCannotOpen(error)) return undefined
    throw error
  }
}

/**
 * True for a file that was opened without locks and that somebody opened or changed since: what was read may be old, or of
 * two states. A writer makes its log before it changes the file, so that a read is whole if this is false after it.
 */
export function isOutdated({ path, seen }: OpenFile): boolean {
  if (seen === undefined) return false
  const now = stateOf(path)
  return now.file !== seen.file || now.logBytes !== seen.logBytes
}

function stateOf(path: string): FileState {
  const { ino, size, mtimeNs } = statSync(path, { bigint: true })
  return { file: `${ino} ${size} ${mtimeNs}`, logBytes: statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0 }
}
