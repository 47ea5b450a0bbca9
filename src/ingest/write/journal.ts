import { randomUUID } from 'node:crypto'
import { access, readdir, readFile, rename, rm, stat, unlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  IceboxError,
  judgeProcess,
  makeFolders,
  messageOf,
  ownProcess,
  type ProcessIdentity,
  systemCode,
} from '../../base/index.ts'
import { fileError } from './files.ts'

/** A write that is under way: enough to remove its files if its process dies (invariant N6). */
export interface JournalEntry extends ProcessIdentity {
  readonly writeId: string
  readonly startedAtMs: number
  /** Folders and files that only this write uses; their names hold its id. */
  readonly folders: readonly string[]
  /** The folder in which files named `…-<writeId>.parquet` appear before the commit; null for a write without data files. */
  readonly dataFolder: string | null
  /** The folder that the commit writes metadata to; null where there is no commit. */
  readonly metadataFolder: string | null
}

export interface PlannedWrite {
  readonly folders?: (writeId: string) => readonly string[]
  readonly dataFolder?: string
  readonly metadataFolder?: string
}

/** How often a live writer touches its entry, for processes that cannot see it by its pid. */
const SIGN_OF_LIFE_MS = 60_000
/** An entry of another container or machine that was not touched for so long is that of a dead process. */
const SILENCE_MS = 15 * 60_000
const TEMPORARY = /^(\d+)-[0-9a-f-]{36}\.tmp$/

/** Journal of writes under way: a file each in `<state>/writes`. */
export class WriteJournal {
  readonly #folder: string
  readonly #own = new Set<string>()
  #timer: NodeJS.Timeout | undefined

  constructor(stateDirectory: string) {
    this.#folder = join(stateDirectory, 'writes')
  }

  /** Rejects `storage/full`, `storage/denied`, `storage/io`. */
  async begin(write: PlannedWrite): Promise<JournalEntry> {
    const writeId = randomUUID()
    const entry: JournalEntry = {
      writeId,
      ...ownProcess(),
      startedAtMs: Date.now(),
      folders: write.folders?.(writeId) ?? [],
      dataFolder: write.dataFolder ?? null,
      metadataFolder: write.metadataFolder ?? null,
    }
    // Whole or not at all: half an entry could never be judged.
    const temporary = join(this.#folder, `${process.pid}-${writeId}.tmp`)
    try {
      await makeFolders(this.#folder)
      await writeFile(temporary, JSON.stringify(entry), { flag: 'wx' })
      await rename(temporary, this.#path(writeId))
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined)
      throw fileError(`the journal of writes ${this.#folder} cannot be written`, error)
    }
    this.#own.add(writeId)
    this.#timer ??= setInterval(() => void this.#signOfLife(), SIGN_OF_LIFE_MS).unref()
    return entry
  }

  /**
   * Forgets a write. An entry that cannot be removed now (a folder that became read-only) is left to the next start, which
   * finds its files named by the table, or removes them.
   */
  async end(entry: JournalEntry): Promise<void> {
    this.leave(entry)
    await unlink(this.#path(entry.writeId)).catch(() => undefined)
  }

  /** Leaves what a write could not remove to a start after this process. */
  leave(entry: JournalEntry): void {
    this.#own.delete(entry.writeId)
    if (this.#own.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /**
   * To be asked before a commit. Rejects `storage/io` when the entry is gone: another process took this one for dead, or
   * somebody emptied the folder, and the files of the write may be removed.
   */
  async hold(entry: JournalEntry): Promise<void> {
    try {
      await access(this.#path(entry.writeId))
    } catch (error) {
      throw new IceboxError('storage/io', {
        message: `the write is no longer in the journal ${this.#folder}: its files may have been removed`,
        remedy: 'repeat it, and leave the folder alone while something runs',
        context: { entry: this.#path(entry.writeId) },
        cause: error,
      })
    }
  }

  /** Writes whose process is gone. A file that is no entry is left and named in `unreadable`. */
  async abandoned(): Promise<{ entries: JournalEntry[]; unreadable: string[] }> {
    const entries: JournalEntry[] = []
    const unreadable: string[] = []
    for (const name of await this.#names()) {
      const path = join(this.#folder, name)
      try {
        const pid = TEMPORARY.exec(name)?.[1]
        if (pid !== undefined) await this.#removeTemporary(path, Number(pid))
        if (!name.endsWith('.json')) continue
        const entry = parseEntry(await readFile(path, 'utf8'))
        const state = judgeProcess(entry)
        if (state === 'gone' || (state === 'unknown' && (await isSilent(path)))) entries.push(entry)
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') unreadable.push(`${path}: ${messageOf(error)}`)
      }
    }
    return { entries, unreadable }
  }

  async #names(): Promise<string[]> {
    try {
      return await readdir(this.#folder)
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return []
      throw fileError(`the journal of writes ${this.#folder} cannot be read`, error)
    }
  }

  /** Of a process that died between the two steps of `begin`. */
  async #removeTemporary(path: string, pid: number): Promise<void> {
    const isOld = judgeProcess({ ...ownProcess(), pid, processStart: null }) === 'gone' || (await isSilent(path))
    if (isOld) await rm(path, { force: true })
  }

  async #signOfLife(): Promise<void> {
    const now = new Date()
    // One that was removed meanwhile is noticed by `hold`.
    for (const writeId of this.#own) await utimes(this.#path(writeId), now, now).catch(() => undefined)
  }

  #path(writeId: string): string {
    return join(this.#folder, `${writeId}.json`)
  }
}

async function isSilent(path: string): Promise<boolean> {
  return Date.now() - (await stat(path)).mtimeMs > SILENCE_MS
}

function parseEntry(text: string): JournalEntry {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null) throw noEntry()
  const fields = new Map<string, unknown>(Object.entries(value))
  const writeId = fields.get('writeId')
  const pid = fields.get('pid')
  const startedAtMs = fields.get('startedAtMs')
  const folders = fields.get('folders')
  const host = fields.get('host')
  if (typeof writeId !== 'string' || !/^[0-9a-f-]{36}$/.test(writeId)) throw noEntry()
  if (typeof pid !== 'number' || typeof startedAtMs !== 'number' || typeof host !== 'string') throw noEntry()
  if (!Array.isArray(folders)) throw noEntry()
  const textField = (name: string) => {
    const field = fields.get(name)
    if (typeof field === 'string' || field === null) return field
    throw noEntry()
  }
  return {
    writeId,
    pid,
    startedAtMs,
    host,
    processStart: textField('processStart'),
    boot: textField('boot'),
    pidNamespace: textField('pidNamespace'),
    dataFolder: textField('dataFolder'),
    metadataFolder: textField('metadataFolder'),
    folders: folders.filter(
      (folder: unknown): folder is string => typeof folder === 'string' && folder.includes(writeId),
    ),
  }
}

function noEntry(): IceboxError {
  return new IceboxError('storage/io', { message: 'not an entry of the journal of writes' })
}
