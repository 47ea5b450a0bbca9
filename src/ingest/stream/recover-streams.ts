import { join } from 'node:path'
import { type IceboxError, isIceboxError } from '../../base/index.ts'
import { commitSegments } from './commit.ts'
import { type LeftOut, refusedLate } from './left-out.ts'
import type { SealedSegment } from './segment-file.ts'
import { segmentsOf, type StreamFolder, streamsIn, takeStream } from './stream-folder.ts'
import { finishStream } from './finish-stream.ts'
import type { StreamParts } from './table-stream.ts'

export interface StreamRecovery {
  /** Rows that were on disk, and now are in their table. */
  readonly rows: number
  readonly streams: number
  /**
   * Streams that could not be committed: their rows stay in the spool for the next try. Of code `ingest/duplicate-key`:
   * single appends, whose rows are in a file that the error names.
   */
  readonly failures: readonly { readonly folder: string; readonly error: IceboxError }[]
}

/**
 * Takes over the streams of processes that are gone, and commits what they had acknowledged, each append exactly once
 * (invariants N9 to N11). A stream that fails is left as it is and reported, so that it holds up nothing else.
 */
export async function recoverStreams(parts: StreamParts): Promise<StreamRecovery> {
  const failures: StreamRecovery['failures'][number][] = []
  let rows = 0
  let streams = 0
  for (const id of await streamsIn(parts.spoolDirectory)) {
    try {
      const stream = await takeStream(parts.spoolDirectory, id)
      if (stream === undefined) continue
      rows += await recover(stream, parts, ({ frame, aside }) => {
        if (aside !== null) failures.push({ folder: stream.path, error: refusedLate(frame, aside, undefined) })
      })
      streams++
    } catch (error) {
      if (!isIceboxError(error)) throw error
      failures.push({ folder: join(parts.spoolDirectory, id), error })
    }
  }
  return { rows, streams, failures }
}

async function recover(stream: StreamFolder, parts: StreamParts, onLeftOut: (one: LeftOut) => void): Promise<number> {
  try {
    return await commitAll(stream, parts, onLeftOut)
  } catch (error) {
    await stream.owner.release()
    throw error
  }
}

async function commitAll(stream: StreamFolder, parts: StreamParts, onLeftOut: (one: LeftOut) => void): Promise<number> {
  let rows = 0
  for (const segments of batches(await segmentsOf(stream), parts.commitBytes)) {
    const committed = await commitSegments(
      { streamId: stream.id, table: stream.table, segments, hold: () => stream.owner.hold() },
      await parts.services('stream recovery'),
    )
    rows += committed.rows
    for (const one of committed.leftOut) onLeftOut(one)
  }
  await finishStream(stream, parts)
  return rows
}

/** Segments in their order, each batch about as large as a commit. */
function batches(segments: readonly SealedSegment[], commitBytes: number): SealedSegment[][] {
  const all: SealedSegment[][] = []
  let sum = Number.POSITIVE_INFINITY
  for (const segment of segments) {
    if (sum + segment.bytes > commitBytes) {
      all.push([])
      sum = 0
    }
    all.at(-1)?.push(segment)
    sum += segment.bytes
  }
  return all
}
