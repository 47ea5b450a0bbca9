import { formatCount, IceboxError } from '../../base/index.ts'
import type { Reservation } from '../../memory/index.ts'
import { localPath } from '../../storage/index.ts'
import type { ImportPlan } from '../plan/import-plan.ts'
import { pieceBytes, TEXT_TO_PARQUET } from '../plan/piece-size.ts'
import type { SourceDescription } from '../read/description.ts'
import type { Pipe, PipeSegment } from '../source/pipe.ts'
import { ofPipe } from '../source/pipe-errors.ts'
import { removeFolder } from '../write/files.ts'
import { writtenFilesBytes } from '../write/packed-metrics.ts'
import type { WriteResult } from '../write/data-files.ts'
import { targetSize } from '../write/table-properties.ts'
import { needDiskSpace } from '../write/disk-space.ts'
import type { ExecuteOptions } from './execute-options.ts'
import type { Target } from './target.ts'

/** Chunks of the pipe on their way to the disk. */
const PIPE_BYTES = 4_000_000

/** What was written of a source that came in pieces. */
export interface PipeWritten {
  readonly result: WriteResult
  readonly rejects: { readonly count: number; readonly file: null }
  readonly notes: readonly string[]
}

/**
 * Copies the pieces of a pipe, each while the next is read, to data files near the target size; nothing is committed. On
 * disk are two pieces at most. Rejects as the copy does, with lines counted from the start of the pipe.
 */
export async function writePipe(
  pipe: Pipe,
  plan: ImportPlan,
  target: Target,
  options: ExecuteOptions,
  write: (part: ImportPlan, options: ExecuteOptions) => Promise<{ readonly result: WriteResult }>,
): Promise<PipeWritten> {
  const { services, signal, onProgress } = options
  const { governor, operation } = services
  const withSignal = signal === undefined ? {} : { signal }
  const { location, properties } = target.base.metadata
  const fileBytes = targetSize(properties, services.settings.targetFileSizeBytes)
  const done: WriteResult[] = []
  const held: Reservation[] = [
    await governor.reserve({ consumer: `${operation}/pipe`, bytes: PIPE_BYTES, ...withSignal }),
  ]
  let rows = 0
  const report = () =>
    onProgress?.({ phase: 'write', rows, bytesRead: pipe.rawBytes, bytesTotal: undefined, fraction: undefined })
  try {
    const first = plan.files.map(({ path, sizeBytes }) => ({ path, bytes: sizeBytes, firstLine: 1, headerLines: 0 }))
    // The piece that was looked at is small: it is copied with the next one.
    const second = await pipe.next()
    let segments: PipeSegment[] = second === undefined ? first : [...first, second]
    while (segments.length > 0) {
      const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0)
      await needDiskSpace(localPath(location), bytes * TEXT_TO_PARQUET)
      const { result } = await write(partOf(plan, segments), { ...options, onProgress: report }).catch(
        (error: unknown) => {
          throw ofPipe(error, segments, pipe.name)
        },
      )
      done.push(result)
      rows += Number(result.rows)
      const ratio = Number(result.sizeBytes) / bytes
      if (ratio > 0) pipe.segmentBytes = pieceBytes(fileBytes, ratio)
      report()
      const metrics = writtenFilesBytes(result.files.length, plan.columns.length)
      held.push(await governor.reserve({ consumer: `${operation}/files`, bytes: metrics, ...withSignal }))
      for (const { path } of segments) await removeFolder(path)
      const next = await pipe.next()
      segments = next === undefined ? [] : [next]
    }
    const notes = done.length > 1 ? [`${pipe.name} was written in ${formatCount(done.length)} pieces`] : []
    return { result: together(done), rejects: { count: 0, file: null }, notes }
  } catch (error) {
    for (const result of done) await result.discard()
    throw error
  } finally {
    for (const reservation of held) reservation.release()
  }
}

function partOf(plan: ImportPlan, segments: readonly PipeSegment[]): ImportPlan {
  const paths = segments.map(({ path }) => path)
  return {
    ...plan,
    files: segments.map(({ path, bytes }) => ({ path, sizeBytes: bytes, compression: 'none' })),
    details: { ...plan.details, source: sourceOf(plan.details.source, paths) },
  }
}

function sourceOf(source: SourceDescription, paths: readonly string[]): SourceDescription {
  if (source.format === 'csv') return { ...source, groups: source.groups.map((group) => ({ ...group, paths })) }
  if (source.format === 'ndjson' || source.format === 'json') return { ...source, paths }
  throw new IceboxError('internal/unreachable', { message: `a pipe of ${source.format} was cut` })
}

/** Several writes that are committed, or discarded, as one. */
function together(results: readonly WriteResult[]): WriteResult {
  const all = async (action: (result: WriteResult) => Promise<void>) => {
    for (const result of results) await action(result)
  }
  const durable = Promise.all(results.map((result) => result.durable)).then(() => undefined)
  durable.catch(() => undefined)
  return {
    files: results.flatMap(({ files }) => files),
    durable,
    rows: results.reduce((sum, { rows }) => sum + rows, 0n),
    sizeBytes: results.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0n),
    strategy: { kind: 'plain' },
    notes: [...new Set(results.flatMap(({ notes }) => notes))],
    hold: () => all((result) => result.hold()),
    settle: () => all((result) => result.settle()),
    discard: () => all((result) => result.discard()),
  }
}
