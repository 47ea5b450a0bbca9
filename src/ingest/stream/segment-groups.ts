import { dirname } from 'node:path'
import { printJson } from '../../base/index.ts'
import { type Schema, schemaToJson } from '../../iceberg/index.ts'
import type { EnginePlan } from '../../memory/index.ts'
import { needDiskSpace } from '../write/disk-space.ts'
import { rowsOnly } from './rows-only.ts'
import type { SegmentGroup } from './rows-select.ts'
import type { SealedSegment } from './segment-file.ts'

/** What DuckDB's reader takes for each thread; a vector has the rows of one at most. */
const JSON_BUFFER_BYTES = 32 * 1024 * 1024
/** Rows are wide when so many of them fill this part of the engine's memory; the writer takes eight times their bytes. */
const WIDE_ROWS = { atOnce: 256, share: 32 }

/**
 * Segments by the schema of their rows. Those with appends that are left out, or with rows of which a vector would take
 * much of the engine's memory, are copied first: a vector holds rows of one file, and no frame has to be filtered out,
 * for which DuckDB gathers up to 2,048 rows however wide they are. Rejects `storage/*`.
 */
export async function groupSegments(
  segments: readonly SealedSegment[],
  repeated: ReadonlySet<number>,
  scratch: string,
  { memoryLimitBytes }: EnginePlan,
): Promise<SegmentGroup[]> {
  const kept = segments
    .map((segment) => ({ segment, frames: segment.frames.filter(({ sequence }) => !repeated.has(sequence)) }))
    .filter(({ frames }) => frames.length > 0)
  const longest = kept.reduce(
    (most, { frames }) => frames.reduce((more, frame) => Math.max(more, frame.longest), most),
    0,
  )
  const fileBytes = Math.min(JSON_BUFFER_BYTES, memoryLimitBytes / WIDE_ROWS.share)
  const isWide = longest * WIDE_ROWS.atOnce > fileBytes
  const isCopied = ({ segment, frames }: (typeof kept)[number]) => isWide || frames.length < segment.frames.length
  const copiedBytes = kept.reduce((sum, some) => sum + (isCopied(some) ? some.segment.bytes : 0), 0)
  await needDiskSpace(dirname(scratch), copiedBytes, 'the commit')
  const groups = new Map<string, { schema: Schema; paths: string[]; longest: number; hasFrames: boolean }>()
  for (const some of kept) {
    const { segment } = some
    const text = printJson(schemaToJson(segment.schema))
    const group = groups.get(text) ?? { schema: segment.schema, paths: [], longest, hasFrames: false }
    groups.set(text, group)
    if (isCopied(some)) {
      const copies = { without: repeated, fileBytes: isWide ? fileBytes : Number.POSITIVE_INFINITY, folder: scratch }
      group.paths.push(...(await rowsOnly(segment.path, copies)))
    } else {
      group.paths.push(segment.path)
      group.hasFrames = true
    }
  }
  return [...groups.values()]
}
