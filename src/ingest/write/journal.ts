import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { IceboxError, isIceboxError, messageOf, systemCode } from '../../base/index.ts'

/** A write that is under way: enough to remove its files if its process dies (invariant N6). */
export interface JournalEntry {
  readonly writeId: string
  readonly pid: number
  /** Start of the process in clock ticks after boot (`/proc/<pid>/stat`), since pids are used again; null where unknown. */
  readonly processStart: string | null
  readonly startedAtMs: number
  /** Folders that only this write uses. */
  readonly folders: readonly string[]
  /** The folder in which files named `…-<writeId>.parquet` appear before the commit. */
  readonly dataFolder: string
}

/** Journal of writes under way: a file each in `<state>/writes`. */
export class WriteJournal {
  readonly #folder: string

  constructor(stateDirectory: string) {
    this.#folder = join(stateDirectory, 'writes')
  }

  async begin(entry: {
    readonly folders: (writeId: string) => readonly string[]
    readonly dataFolder: string
  }): Promise<JournalEntry> {
    const writeId = randomUUID()
    const made: JournalEntry = {
      writeId,
      pid: process.pid,
      processStart: await processStart(process.pid),
      startedAtMs: Date.now(),
      folders: entry.folders(writeId),
      dataFolder: entry.dataFolder,
    }
    await mkdir(this.#folder, { recursive: true })
    await writeFile(this.#path(writeId), JSON.stringify(made), { flag: 'wx' })
    return made
  }

  async end(entry: JournalEntry): Promise<void> {
    await rm(this.#path(entry.writeId), { force: true })
  }

  /** Writes whose process is gone. A file that is no entry is left and named in `unreadable`. */
  async abandoned(): Promise<{ entries: JournalEntry[]; unreadable: string[] }> {
    const entries: JournalEntry[] = []
    const unreadable: string[] = []
    for (const name of await readdir(this.#folder).catch(noFolder)) {
      if (!name.endsWith('.json')) continue
      const path = join(this.#folder, name)
      try {
        const entry = parseEntry(await readFile(path, 'utf8'))
        if (!(await isAlive(entry))) entries.push(entry)
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') unreadable.push(`${path}: ${messageOf(error)}`)
      }
    }
    return { entries, unreadable }
  }

  #path(writeId: string): string {
    return join(this.#folder, `${writeId}.json`)
  }
}

function noFolder(error: unknown): string[] {
  if (systemCode(error) === 'ENOENT') return []
  throw new IceboxError('storage/io', {
    message: `the journal of writes cannot be read: ${messageOf(error)}`,
    cause: error,
  })
}

function parseEntry(text: string): JournalEntry {
  const value: unknown = JSON.parse(text)
  if (
    typeof value === 'object' &&
    value !== null &&
    'writeId' in value &&
    typeof value.writeId === 'string' &&
    /^[0-9a-f-]{36}$/.test(value.writeId) &&
    'pid' in value &&
    typeof value.pid === 'number' &&
    'processStart' in value &&
    (typeof value.processStart === 'string' || value.processStart === null) &&
    'startedAtMs' in value &&
    typeof value.startedAtMs === 'number' &&
    'dataFolder' in value &&
    typeof value.dataFolder === 'string' &&
    'folders' in value &&
    Array.isArray(value.folders)
  ) {
    const { writeId, pid, processStart: start, startedAtMs, dataFolder } = value
    const folders = value.folders.filter(
      (folder: unknown): folder is string => typeof folder === 'string' && folder.includes(writeId),
    )
    return { writeId, pid, processStart: start, startedAtMs, dataFolder, folders }
  }
  throw new IceboxError('storage/io', { message: 'not an entry of the journal of writes' })
}

async function isAlive(entry: JournalEntry): Promise<boolean> {
  try {
    process.kill(entry.pid, 0)
  } catch (error) {
    // EPERM: a process of another user has the pid now.
    if (systemCode(error) === 'ESRCH') return false
  }
  return entry.processStart === null || (await processStart(entry.pid)) === entry.processStart
}

async function processStart(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name in brackets may hold spaces; field 22 counts from after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch (error) {
    if (isIceboxError(error)) throw error
    return null
  }
}
