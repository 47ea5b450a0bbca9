import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join, normalize, relative, resolve } from 'node:path'
import { IceboxError, messageOf, systemCode, throwIfCancelled } from '../../base/index.ts'
import { formatOfName } from './format.ts'
import { globExpression, globRoot, isGlob } from './glob.ts'
import { hiveValues } from './hive.ts'

/** A file to import. */
export interface SourceFile {
  readonly path: string
  readonly sizeBytes: number
  readonly modifiedMs: number
  /** `year=2021/month=11` of its path below the source; null for the null partition. */
  readonly hive: ReadonlyMap<string, string | null>
  /** Several sources name it, or one does several times: it is one file all the same. */
  readonly isRepeated?: boolean
}

const MAX_FILES = 100_000

/**
 * The files that sources name: files, globs, folders (all data files below, hidden ones and `_SUCCESS` left out), in
 * order of their paths. Rejects `source/not-found` (nothing matches), `source/unreadable`, `source/empty` (no bytes at all).
 */
export async function locate(sources: readonly string[], signal?: AbortSignal): Promise<SourceFile[]> {
  const found = new Map<string, SourceFile>()
  for (const source of sources) {
    throwIfCancelled(signal)
    const files = await filesOf(source, signal)
    if (files.length === 0) throw nothing(source)
    for (const file of files) {
      const place = resolve(file.path)
      const before = found.get(place)
      found.set(place, before === undefined ? { ...file, path: asPath(file.path) } : { ...before, isRepeated: true })
      if (found.size > MAX_FILES) throw tooMany(source)
    }
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
}

/** `~/x.csv` and `file:/x.csv` below the working folder: the engine reads these names as those of other files. */
function asPath(path: string): string {
  return /^(~|[a-z][a-z0-9+.-]*:)/i.test(path) ? `./${path}` : path
}

async function filesOf(source: string, signal: AbortSignal | undefined): Promise<SourceFile[]> {
  if (!source.includes('\0')) {
    const info = await stat(source).catch((error: unknown) => notThere(source, error))
    if (info?.isDirectory() === true) return walk(source, source, signal, (path) => formatOfName(path) !== undefined)
    if (info !== undefined) {
      if (!info.isFile()) throw unreadable(source, 'it is neither a file nor a folder')
      return [{ path: source, sizeBytes: info.size, modifiedMs: info.mtimeMs, hive: new Map() }]
    }
  }
  if (!isGlob(source)) throw nothing(source)
  const expression = globExpression(normalize(source))
  const root = globRoot(source)
  return walk(root, root, signal, (path) => expression.test(normalize(path)))
}

async function walk(
  root: string,
  folder: string,
  signal: AbortSignal | undefined,
  takes: (path: string) => boolean,
): Promise<SourceFile[]> {
  throwIfCancelled(signal)
  const files: SourceFile[] = []
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown): Dirent[] => {
    if (systemCode(error) === 'ENOENT') return []
    throw unreadable(folder, messageOf(error), error)
  })
  for (const entry of entries) {
    if (entry.name.startsWith('.') || entry.name.startsWith('_')) continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) files.push(...(await walk(root, path, signal, takes)))
    else if (takes(path)) {
      const info = await stat(path).catch((error: unknown) => {
        throw unreadable(path, messageOf(error), error)
      })
      if (info.isFile()) {
        files.push({ path, sizeBytes: info.size, modifiedMs: info.mtimeMs, hive: hiveValues(relative(root, path)) })
      }
    }
    if (files.length > MAX_FILES) throw tooMany(root)
  }
  return files
}

function notThere(source: string, error: unknown): undefined {
  const code = systemCode(error)
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
  throw unreadable(source, messageOf(error), error)
}

function nothing(source: string): IceboxError {
  return new IceboxError('source/not-found', {
    message: `no data file matches ${source}`,
    remedy:
      'check the path; folders are searched for .csv, .tsv, .ndjson, .json, .parquet and .arrow files, also .gz and .zst',
    context: { source },
  })
}

function unreadable(source: string, why: string, cause?: unknown): IceboxError {
  return new IceboxError('source/unreadable', {
    message: `${source} cannot be read: ${why}`,
    remedy: 'check its permissions',
    context: { source },
    cause,
  })
}

function tooMany(source: string): IceboxError {
  return new IceboxError('source/unreadable', {
    message: `${source} holds more than ${MAX_FILES} files`,
    remedy: 'import it folder by folder',
    context: { source, limit: MAX_FILES },
  })
}
