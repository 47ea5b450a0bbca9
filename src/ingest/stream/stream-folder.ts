import { randomBytes } from 'node:crypto'
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { IceboxError, judgeProcess, makeFolders, ownProcess, systemCode } from '../../base/index.ts'
import { fileError, syncPath } from '../write/files.ts'
import type { StreamTable } from './find-table.ts'
import { claim, type Ownership } from './owner.ts'
import { type SealedSegment, SEGMENT_NAME, takeOver } from './segment-file.ts'

const META = 'stream.json'
const STREAM_ID = /^[0-9a-f]{16}$/
/** A stream in the making, with the pid of who makes it. */
const UNFINISHED = /^new-(\d+)-[0-9a-f]{16}$/

/** A stream of this process: its folder in the spool, and the right to it. */
export interface StreamFolder {
  readonly id: string
  readonly path: string
  readonly table: StreamTable
  readonly owner: Ownership
}

/** Makes the folder of a new stream, owned by this process. Rejects `storage/*`. */
export async function createStream(spool: string, table: StreamTable): Promise<StreamFolder> {
  const id = randomBytes(8).toString('hex')
  const unfinished = join(spool, `new-${process.pid}-${id}`)
  const path = join(spool, id)
  try {
    await makeFolders(unfinished)
    await writeFile(join(unfinished, META), JSON.stringify(table), { flush: true })
    // It appears with its owner, or not at all.
    const owner = await claim(unfinished, path)
    if (owner === undefined) throw new IceboxError('storage/io', { message: `${unfinished} is taken` })
    await syncPath(unfinished)
    await rename(unfinished, path)
    await syncPath(spool)
    return { id, path, table, owner }
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true }).catch(() => undefined)
    throw error instanceof IceboxError ? error : fileError(`a stream cannot be made in ${spool}`, error)
  }
}

/** Names of the streams in the spool, and away with what never became one. */
export async function streamsIn(spool: string): Promise<string[]> {
  const names = await namesIn(spool)
  for (const name of names) {
    const pid = UNFINISHED.exec(name)?.[1]
    if (pid !== undefined && judgeProcess({ ...ownProcess(), pid: Number(pid), processStart: null }) === 'gone')
      await rm(join(spool, name), { recursive: true, force: true })
  }
  return names.filter((name) => STREAM_ID.test(name))
}

/** A stream whose process is gone, from now on this one's; undefined while its process lives. Rejects `stream/damaged`, `storage/*`. */
export async function takeStream(spool: string, id: string): Promise<StreamFolder | undefined> {
  const path = join(spool, id)
  const owner = await claim(path)
  if (owner === undefined) return undefined
  try {
    return { id, path, table: await readTable(path), owner }
  } catch (error) {
    await owner.release()
    throw error
  }
}

/**
 * The segments that a stream of a process that is gone holds, sealed and in order; files without a whole append are
 * removed. Rejects `stream/damaged`, `storage/*`.
 */
export async function segmentsOf(stream: StreamFolder): Promise<SealedSegment[]> {
  const segments: SealedSegment[] = []
  for (const name of (await namesIn(stream.path)).filter((some) => SEGMENT_NAME.test(some)).sort()) {
    const path = join(stream.path, name)
    const segment = await takeOver(path)
    if (segment === undefined) await rm(path, { force: true })
    else segments.push(segment)
  }
  return segments
}

/**
 * Removes what is committed, so that not even a power loss brings it back. Rejects `stream/uncommitted`, and removes nothing,
 * where a segment begins after `mark`, the last append that is in the table.
 */
export async function removeSegments(stream: StreamFolder, mark: number): Promise<void> {
  const names = (await namesIn(stream.path)).filter((name) => SEGMENT_NAME.test(name))
  const later = names.find((name) => Number.parseInt(name, 10) > mark)
  if (later !== undefined) {
    throw new IceboxError('stream/uncommitted', {
      message: `the segment ${join(stream.path, later)} is not in the table, which has the stream up to append ${mark}`,
      remedy: 'open the lakehouse again: what is in the spool is committed then',
      context: { file: join(stream.path, later), mark },
    })
  }
  try {
    for (const name of names) await rm(join(stream.path, name), { force: true })
    if (names.length > 0) await syncPath(stream.path)
  } catch (error) {
    throw fileError(`segments in ${stream.path} cannot be removed`, error)
  }
}

/** When nothing of the stream is left to commit, and the table's mark of it is gone. */
export async function removeStream(stream: StreamFolder): Promise<void> {
  try {
    await rm(stream.path, { recursive: true, force: true })
  } catch (error) {
    throw fileError(`${stream.path} cannot be removed`, error)
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw fileError(`${folder} cannot be read`, error)
  }
}

async function readTable(folder: string): Promise<StreamTable> {
  const path = join(folder, META)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fileError(`${path} cannot be read`, error)
  })
  const table = parseTable(text)
  if (table !== undefined) return table
  throw new IceboxError('stream/damaged', {
    message: `${path} does not name the table of its stream`,
    remedy: 'restore the file, or remove the folder to give up its rows',
    context: { file: path },
  })
}

function parseTable(text: string): StreamTable | undefined {
  const value: unknown = JSON.parse(text)
  if (!isObject(value) || typeof value['uuid'] !== 'string' || !isObject(value['identifier'])) return undefined
  const { namespace, name } = value['identifier']
  if (!Array.isArray(namespace) || typeof name !== 'string') return undefined
  const levels: readonly unknown[] = namespace
  return {
    identifier: { namespace: levels.filter((level) => typeof level === 'string'), name },
    uuid: value['uuid'],
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
