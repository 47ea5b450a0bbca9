import { link, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import {
  hasThreadEnded,
  IceboxError,
  judgeProcess,
  ownProcess,
  ownThread,
  type ProcessIdentity,
  systemCode,
  type ThreadIdentity,
} from '../../base/index.ts'
import { fileError } from '../write/files.ts'

const OWNER = /^owner\.(\d{1,9})$/
/** A process of another container or machine that was silent for so long is dead; as in the journal of writes. */
const SILENCE_MS = 15 * 60_000

/** Who owns a stream: a process, or one worker thread of it. */
interface OwnerIdentity extends ProcessIdentity {
  readonly thread: ThreadIdentity | null
}

/** That this process, and no other, writes and commits a stream (invariant N11). */
export interface Ownership {
  /** Before a commit. Rejects `storage/io` when another process took the stream over. */
  hold(): Promise<void>
  /** Tells processes that cannot see this one's pid that it lives. */
  signOfLife(): Promise<void>
  /** Lets any process take the stream over. */
  release(): Promise<void>
}

/**
 * Takes over a stream whose owner is gone or released it; undefined while the owner lives. The owner is a process, or a worker
 * thread of one, which may end alone: what it acknowledged need not wait for the end of the process. Owners are numbered files: a
 * claim makes the next one, which the file system allows once, so that two processes that judge the same owner dead
 * cannot both have the stream. `becomes` is the folder's later name, for one that is still being made.
 */
export async function claim(folder: string, becomes = folder): Promise<Ownership | undefined> {
  const last = await lastOwner(folder)
  if (last > 0 && !(await isFree(join(folder, `owner.${last}`)))) return undefined
  return (await take(folder, last + 1, { ...ownProcess(), thread: ownThread() }))
    ? new Owner(becomes, last + 1)
    : undefined
}

class Owner implements Ownership {
  readonly #folder: string
  readonly #number: number

  constructor(folder: string, number: number) {
    this.#folder = folder
    this.#number = number
  }

  async hold(): Promise<void> {
    if ((await lastOwner(this.#folder)) === this.#number) return
    throw new IceboxError('storage/io', {
      message: `another process took over the stream in ${this.#folder}, since this one was silent for too long`,
      remedy: 'open the appender again; what was acknowledged is committed by the other process',
      context: { folder: this.#folder },
    })
  }

  async signOfLife(): Promise<void> {
    const now = new Date()
    // One that is gone is noticed by `hold`.
    await utimes(join(this.#folder, `owner.${this.#number}`), now, now).catch(() => undefined)
  }

  async release(): Promise<void> {
    await take(this.#folder, this.#number + 1, null)
    await rm(join(this.#folder, `owner.${this.#number}`), { force: true })
  }
}

/** Makes the file of an owner, whole or not at all; false where it is there already or the stream is gone. */
async function take(folder: string, number: number, identity: OwnerIdentity | null): Promise<boolean> {
  const temporary = join(folder, `claim-${randomUUID()}`)
  try {
    await writeFile(temporary, JSON.stringify(identity), { flag: 'wx' })
    await link(temporary, join(folder, `owner.${number}`))
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST' || systemCode(error) === 'ENOENT') return false
    throw fileError(`${folder} cannot be claimed`, error)
  } finally {
    await rm(temporary, { force: true })
  }
}

async function lastOwner(folder: string): Promise<number> {
  let last = 0
  try {
    for (const name of await readdir(folder)) last = Math.max(last, Number(OWNER.exec(name)?.[1] ?? 0))
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw fileError(`${folder} cannot be read`, error)
  }
  return last
}

async function isFree(path: string): Promise<boolean> {
  try {
    const identity = parseIdentity(await readFile(path, 'utf8'))
    if (identity === null) return true
    const state = judgeProcess(identity)
    if (state === 'alive' && identity.thread !== null) return hasThreadEnded(identity.pid, identity.thread)
    return state === 'gone' || (state === 'unknown' && Date.now() - (await stat(path)).mtimeMs > SILENCE_MS)
  } catch (error) {
    // Another process took the stream over and removed it.
    if (systemCode(error) === 'ENOENT') return false
    throw error instanceof IceboxError ? error : fileError(`${path} cannot be read`, error)
  }
}

/** Null for a stream that was released. */
function parseIdentity(text: string): OwnerIdentity | null {
  const value: unknown = JSON.parse(text)
  if (value === null) return null
  const fields = new Map<string, unknown>(typeof value === 'object' ? Object.entries(value) : [])
  const pid = fields.get('pid')
  const host = fields.get('host')
  if (typeof pid !== 'number' || typeof host !== 'string') {
    throw new IceboxError('storage/io', { message: `'${text.slice(0, 100)}' names no process` })
  }
  const textOrNull = (name: string) => {
    const field = fields.get(name)
    return typeof field === 'string' ? field : null
  }
  return {
    pid,
    host,
    processStart: textOrNull('processStart'),
    boot: textOrNull('boot'),
    pidNamespace: textOrNull('pidNamespace'),
    thread: parseThread(fields.get('thread')),
  }
}

function parseThread(value: unknown): ThreadIdentity | null {
  const fields = new Map<string, unknown>(typeof value === 'object' && value !== null ? Object.entries(value) : [])
  const tid = fields.get('tid')
  const threadStart = fields.get('threadStart')
  return typeof tid === 'number' && typeof threadStart === 'string' ? { tid, threadStart } : null
}
