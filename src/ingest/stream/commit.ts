import { join } from 'node:path'
import { IceboxError, isIceboxError } from '../../base/index.ts'
import { commitTarget } from '../../catalog/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import {
  type CommitResult,
  isEvolvedFrom,
  isUnpartitioned,
  type LoadedTable,
  type PartitionSpec,
  type Schema,
  schemaOf,
  Transaction,
} from '../../iceberg/index.ts'
import { localPath } from '../../storage/index.ts'
import { needDiskSpace } from '../write/disk-space.ts'
import type { IngestServices } from '../plan/services.ts'
import { type WriteResult, writeDataFiles } from '../write/data-files.ts'
import { removeFolder } from '../write/files.ts'
import { project } from '../write/projection.ts'
import { type FoundTable, findTable, type StreamTable } from './find-table.ts'
import type { Frame } from './frame.ts'
import { heldKeys, KEYS_PROPERTY, printKeys } from './keys.ts'
import { type LeftOut, type RowsAside, setAside } from './left-out.ts'
import { markOf, markProperty, RANGE_PROPERTY } from './mark.ts'
import { rowsSelect } from './rows-select.ts'
import type { SealedSegment } from './segment-file.ts'
import { groupSegments } from './segment-groups.ts'

/** Segments of a stream that go into the table together. */
export interface SegmentBatch {
  readonly streamId: string
  readonly table: StreamTable
  /** In the order of their appends. */
  readonly segments: readonly SealedSegment[]
  /** Right before the commit: rejects when another process has the stream by now. */
  readonly hold: () => Promise<void>
}

export interface SegmentsCommitted {
  readonly table: LoadedTable
  /** Null where all was in the table already. */
  readonly snapshotId: bigint | null
  readonly rows: number
  readonly leftOut: readonly LeftOut[]
}

/** Other writers may change columns, or append the same keys, again and again; each time the files are written anew. */
const TRIES = 5
const SCAN_BYTES = 2_000_000
/** Parquet of NDJSON rows, measured on the appender's own: 0.1 to 0.3; disk is asked for with room to spare. */
const ROWS_TO_PARQUET = 0.5

/**
 * Puts the rows of segments into their table by one commit, which also says how far the stream is in the table (invariant
 * N10): whatever was committed before, by this process or one that died, is left out. Appends whose key a snapshot of the
 * table holds are left out, too; where it holds the key for other rows, theirs are put into a file. Rejects `table/gone`,
 * `storage/*`, `memory/*`, `catalog/*`; the table is as it was then, `catalog/commit-unknown` excepted.
 */
export async function commitSegments(batch: SegmentBatch, services: IngestServices): Promise<SegmentsCommitted> {
  for (let tries = 1; ; tries++) {
    const found = await findTable(services.catalog, batch.table)
    const segments = batch.segments.filter((segment) => lastOf(segment) > markOf(found.table.metadata, batch.streamId))
    if (segments.length === 0) return { table: found.table, snapshotId: null, rows: 0, leftOut: [] }
    try {
      return await commitOnce({ ...batch, segments }, found, services)
    } catch (error) {
      const isRace = isIceboxError(error, 'table/conflict') || error instanceof Overtaken
      if (!isRace || tries === TRIES) throw error
    }
  }
}

/** While a commit was tried again, another one brought in the same appends, or the same keys. */
class Overtaken extends IceboxError {
  constructor(streamId: string) {
    super('table/conflict', {
      message: `appends of the stream ${streamId} were committed by another process meanwhile`,
      remedy: 'commit again',
      retryable: true,
    })
  }
}

async function commitOnce(
  batch: SegmentBatch,
  found: FoundTable,
  services: IngestServices,
): Promise<SegmentsCommitted> {
  const { streamId, segments } = batch
  const { table } = found
  const frames = segments.flatMap((segment) => segment.frames)
  const held = heldKeys(table.metadata)
  const known = frames.filter(({ key }) => key !== null && held.has(key))
  const repeated = new Set(known.map(({ sequence }) => sequence))
  const fresh = frames.filter(({ sequence }) => !repeated.has(sequence))
  const keys = fresh.flatMap(({ key, crc }): [string, number][] => (key === null ? [] : [[key, crc]]))
  const [first, last] = [frames[0]?.sequence ?? 0, frames.at(-1)?.sequence ?? 0]
  const places = await refuse(
    new Set(known.filter(({ key, crc }) => held.get(key ?? '') !== crc)),
    batch,
    found,
    services,
  )
  const leftOut = known.map((frame) => ({ frame, aside: places.get(frame) ?? null }))
  const written = fresh.length === 0 ? undefined : await write(segments, repeated, table, services)
  let committed: CommitResult
  try {
    const target = commitTarget(services.catalog, found.identifier)
    const transaction = new Transaction({
      target: {
        load: async () => {
          const now = await target.load()
          const keysNow = keys.length === 0 ? undefined : heldKeys(now.metadata)
          if (markOf(now.metadata, streamId) >= first || keys.some(([key]) => keysNow?.has(key)))
            throw new Overtaken(streamId)
          return now
        },
        commit: (...change) => target.commit(...change),
      },
      io: services.io,
      base: table,
      ...(written === undefined ? {} : { durable: written.durable }),
      ...(services.manifests === undefined ? {} : { cache: services.manifests }),
    })
    if (written !== undefined) {
      transaction.append(written.files, {
        summary: {
          [RANGE_PROPERTY]: `${streamId} ${first}-${last}`,
          ...(keys.length > 0 && { [KEYS_PROPERTY]: printKeys(keys) }),
        },
      })
    }
    transaction.setProperties({ [markProperty(streamId)]: String(last) })
    await written?.hold()
    await batch.hold()
    committed = await transaction.commit()
  } catch (error) {
    // The table may name the files: the mark tells the next try, the journal of writes the next start.
    if (!isIceboxError(error, 'catalog/commit-unknown')) await written?.discard()
    throw error
  }
  await written?.settle()
  return {
    table: committed.table,
    snapshotId: committed.snapshot?.snapshotId ?? null,
    rows: Number(written?.rows ?? 0n),
    leftOut,
  }
}

/** Where the rows of each append are: in a file for each segment, of the same name when the commit is tried again. */
async function refuse(
  appends: ReadonlySet<Frame>,
  { streamId, segments }: SegmentBatch,
  { identifier }: FoundTable,
  { settings }: IngestServices,
): Promise<Map<Frame, RowsAside>> {
  const places = new Map<Frame, RowsAside>()
  const table = [...identifier.namespace, identifier.name].join('.').replaceAll(/[^\w.-]/g, '_')
  for (const segment of segments) {
    const file = join(settings.rejectsDirectory, `${table}-${streamId}-${segment.frames[0]?.sequence ?? 0}.ndjson`)
    for (const [frame, place] of await setAside(segment, appends, file)) places.set(frame, place)
  }
  return places
}

async function write(
  segments: readonly SealedSegment[],
  repeated: ReadonlySet<number>,
  table: LoadedTable,
  services: IngestServices,
): Promise<WriteResult> {
  const { metadata } = table
  const schema = schemaOf(metadata)
  const spec = specOf(table)
  const { settings } = services
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0)
  const rows = segments.reduce((sum, { frames }) => sum + frames.reduce((inner, frame) => inner + frame.rows, 0), 0)
  await needDiskSpace(localPath(metadata.location), bytes * ROWS_TO_PARQUET)
  using _held = await services.governor.reserve({ consumer: `${services.operation}/files`, bytes: SCAN_BYTES })
  await using session = await services.engine.session()
  const scratch = (writeId: string) => join(settings.stagingDirectory, `stream-${writeId}`)
  const entry = await services.journal.begin({ folders: (id) => [scratch(id)] })
  const folder = scratch(entry.writeId)
  try {
    const groups = await groupSegments(segments, repeated, folder, services.engine.plan)
    if (!groups.every((group) => isEvolvedFrom(schema, group.schema))) throw replacedMeanwhile(table)
    const select = rowsSelect(groups, schema)
    const partitions = isUnpartitioned(spec) ? undefined : await countPartitions(session, select, schema, spec)
    const order = metadata.sortOrders.find((some) => some.orderId === metadata.defaultSortOrderId)
    return await writeDataFiles({
      session,
      engine: services.engine,
      select,
      columns: schema.fields.map((field) => field.name),
      schema,
      spec,
      ...(order === undefined || order.fields.length === 0 ? {} : { sortOrder: order }),
      location: metadata.location,
      properties: metadata.properties,
      targetFileSizeBytes: settings.targetFileSizeBytes,
      stagingDirectory: settings.stagingDirectory,
      journal: services.journal,
      rowWidthBytes: Math.max(8 * schema.fields.length, Math.ceil(bytes / Math.max(1, rows))),
      ...(partitions === undefined ? {} : { partitions }),
    })
  } finally {
    await removeFolder(folder)
    await services.journal.end(entry)
  }
}

/** Rows are found by field id, and an id may mean a column of another type since: rows must not be made of other rows. */
function replacedMeanwhile({ metadata }: LoadedTable): IceboxError {
  return new IceboxError('schema/mismatch', {
    message:
      'the table was replaced after these rows were appended, and its columns are others by now; they go in when it is replaced by one with the columns of before',
    remedy: 'replace it so, or remove the folder of the stream to give up its rows',
    context: { uuid: metadata.tableUuid, schemaId: metadata.currentSchemaId },
  })
}

function specOf({ metadata }: LoadedTable): PartitionSpec {
  const spec = metadata.partitionSpecs.find((some) => some.specId === metadata.defaultSpecId)
  if (spec !== undefined) return spec
  throw new IceboxError('iceberg/invalid-metadata', {
    message: `the metadata names a partition spec ${metadata.defaultSpecId} that it does not hold`,
  })
}

/** Exact, by a second reading of what is a commit's worth of rows: few partitions are written many times faster. */
async function countPartitions(
  session: EngineSession,
  select: string,
  schema: Schema,
  spec: PartitionSpec,
): Promise<number> {
  const projection = project({ select, selectColumns: schema.fields.map((field) => field.name), schema, spec })
  for (const key of projection.keys) await key.sql.register?.(session)
  const keys = projection.keys.map((key) => key.column).join(', ')
  if (keys === '') return 1
  const rows = await session.all(`SELECT count(*) AS n FROM (SELECT DISTINCT ${keys} FROM (${projection.sql}))`)
  return Number(rows[0]?.['n'] ?? 0)
}

function lastOf(segment: SealedSegment): number {
  return segment.frames.at(-1)?.sequence ?? 0
}
