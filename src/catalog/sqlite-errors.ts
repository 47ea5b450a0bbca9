import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { type ErrorDetails, IceboxError, messageOf } from '../base/index.ts'

/** Primary result codes (https://sqlite.org/rescode.html). */
const ERROR = 1
const BUSY = 5
const LOCKED = 6
const READONLY = 8
const IOERR = 10
const CORRUPT = 11
const FULL = 13
const CANTOPEN = 14
const PROTOCOL = 15
const CONSTRAINT = 19
const NOTADB = 26

/** The primary result code of an SQLite error; undefined for anything else. */
export function sqliteCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode & 0xff
    : undefined
}

/** True where another connection holds the database: waiting helps, and nothing was changed. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === BUSY || code === LOCKED || code === PROTOCOL
}

/** True where SQLite cannot open the file, or make the files that it needs beside it: which of the two codes it is differs by the reason. */
export function isCannotOpen(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === CANTOPEN || code === READONLY
}

/** True for a row that breaks a key. */
export function isConstraint(error: unknown): boolean {
  return sqliteCode(error) === CONSTRAINT
}

/** An SQLite error in the terms of the room; IceboxErrors pass unchanged. */
export function catalogError(error: unknown, path: string): IceboxError {
  if (error instanceof IceboxError) return error
  const code = sqliteCode(error)
  const details = { context: { path, sqliteCode: code ?? null }, cause: error }
  switch (code ?? -1) {
    case FULL:
      return full(path, details)
    case READONLY:
      return new IceboxError('storage/denied', {
        message: `the catalog database ${path} cannot be written: ${messageOf(error)}`,
        remedy: 'give this user write access to the file and its folder',
        ...details,
      })
    case CANTOPEN:
      return new IceboxError('catalog/unreadable', {
        message: `the catalog database ${path} cannot be opened: ${messageOf(error)}`,
        remedy: `check that ${path} is a file, that its folder exists, and that this user may write in that folder`,
        ...details,
      })
    case CORRUPT:
    case NOTADB:
      return unreadable(path, code === NOTADB ? 'is not an SQLite database' : 'is damaged', details.cause)
    case IOERR:
      // SQLite has no word of its own for a full disk where it grows the index of its log.
      if (isFull(path)) return full(path, details)
      return new IceboxError('storage/io', {
        message: `the catalog database ${path} could not be read or written: ${messageOf(error)}`,
        remedy: 'check the disk',
        ...details,
      })
    case ERROR:
      return unreadable(path, `does not have the tables of an Iceberg catalog (${messageOf(error)})`, details.cause)
    default:
      return new IceboxError('catalog/unreadable', {
        message: `the catalog database ${path} failed: ${messageOf(error)}`,
        remedy: 'check the file with the sqlite3 shell (PRAGMA integrity_check)',
        ...details,
      })
  }
}

function full(path: string, details: Pick<ErrorDetails, 'context' | 'cause'>): IceboxError {
  return new IceboxError('storage/full', {
    message: `no space left for the catalog database ${path}`,
    remedy: 'free space on that file system; nothing was changed',
    ...details,
  })
}

/** The index of the log (`-shm`) grows by 32 KiB. */
const LEAST_FREE_BYTES = 64 * 1024

function isFull(path: string): boolean {
  const { bavail, bsize } = statfsSync(dirname(path))
  return bavail * bsize < LEAST_FREE_BYTES
}

/** `catalog/unreadable`: what the file is instead, and how to get on without it. */
export function unreadable(path: string, what: string, cause?: unknown): IceboxError {
  return new IceboxError('catalog/unreadable', {
    message: `the catalog database ${path} ${what}; it was left as it is`,
    remedy:
      'restore it from a copy, or move it and icebox.yaml away, run icebox init there and adopt each table with icebox table register NS.TABLE METADATA_FILE',
    context: { path },
    cause,
  })
}

/** `catalog/locked` after waiting in vain. */
export function lockedError(path: string, waitedMs: number, cause: unknown): IceboxError {
  return new IceboxError('catalog/locked', {
    message: `another process held the catalog database ${path} for more than ${waitedMs} ms`,
    remedy: 'wait for the other process, or end it, and try again; nothing was changed',
    context: { path, waitedMs },
    retryable: true,
    cause,
  })
}
