import { dirname } from 'node:path'
import { throwIfCancelled } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import type { PartitionTuple } from '../../iceberg/index.ts'
import type { CopiedFile } from './copy.ts'
import type { DividableText, TextGroup } from './dividable-text.ts'
import { removeFolder } from './files.ts'
import { sideBySide } from './side-by-side.ts'

export interface PartsRequest {
  readonly text: DividableText
  /** Of the divided text; it is there and empty. */
  readonly folder: string
  readonly session: EngineSession
  /** Of the engine. */
  readonly threads: number
  /** Parts that are copied side by side. */
  readonly atOnce: number
  readonly copy: (select: string, threads: number, session: EngineSession) => AsyncGenerator<CopiedFile>
  /** The partition of all rows of a file; undefined where that is not sure. */
  readonly prove: (file: CopiedFile) => PartitionTuple | undefined
  readonly onProgress: (fraction: number) => void
  readonly signal?: AbortSignal | undefined
}

/** Of the time: dividing takes about so much. */
const DIVIDING_SHARE = 0.15

/**
 * Divides a text by what its partitions seem to be, and copies each part as a whole; gives the files whose partition is proved,
 * and returns the files of text that are left. Rejects `NotDividable`, and as the copies do.
 */
export async function* copyParts(request: PartsRequest): AsyncGenerator<CopiedFile, readonly string[]> {
  const { text, threads, atOnce, onProgress } = request
  const groups = await text.divide(request.folder, (fraction) => onProgress(fraction * DIVIDING_SHARE))
  const totalBytes = groups.reduce((sum, { bytes }) => sum + bytes, 0)
  const left = groups.filter(({ isOthers }) => isOthers).flatMap(({ paths }) => paths)
  const parts = groups.filter(({ isOthers }) => !isOthers)
  let bytesDone = 0
  const copyPart = async (part: TextGroup, session: EngineSession, itsThreads: number) => {
    throwIfCancelled(request.signal)
    const files = await copyProven(request, part, session, itsThreads)
    if (files === undefined) left.push(...part.paths)
    else for (const copied of part.paths) await removeFolder(copied)
    bytesDone += part.bytes
    onProgress(DIVIDING_SHARE + ((1 - DIVIDING_SHARE) * bytesDone) / totalBytes)
    return files ?? []
  }
  // One that has more than a thread's share of the rows is written by all threads.
  const isLarge = ({ bytes }: TextGroup) => bytes * threads > totalBytes
  for (const part of parts.filter(isLarge)) yield* await copyPart(part, request.session, threads)
  const small = parts.filter((part) => !isLarge(part))
  const sessions = [request.session]
  try {
    while (sessions.length < Math.min(atOnce, small.length)) sessions.push(await text.openSession())
    // The engine's threads beside those that wait for a statement, which work as well.
    const itsThreads = Math.max(1, threads - sessions.length + 1)
    for await (const files of sideBySide(small, sessions, (part, session) => copyPart(part, session, itsThreads))) {
      yield* files
    }
  } finally {
    for (const session of sessions.slice(1)) await session[Symbol.asyncDispose]()
  }
  return left
}

/** The files of a part whose rows are all of one partition; undefined, and no files, where that is not sure. */
async function copyProven(
  { text, copy, prove }: PartsRequest,
  part: TextGroup,
  session: EngineSession,
  threads: number,
): Promise<CopiedFile[] | undefined> {
  const files: CopiedFile[] = []
  for await (const file of copy(text.select(part.paths), threads, session)) {
    const partition = file.rows === 0n ? [] : prove(file)
    if (partition === undefined) {
      await removeFolder(dirname(file.path))
      return undefined
    }
    files.push({ ...file, partition })
  }
  return files
}
