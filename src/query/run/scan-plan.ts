import { IceboxError, isIceboxError } from '../../base/index.ts'
import type { EngineSession, RunOptions } from '../../engine/index.ts'
import {
  type FileScanTask,
  isUnpartitioned,
  type ManifestCache,
  type Predicate,
  planFiles,
  type Snapshot,
} from '../../iceberg/index.ts'
import { localPath } from '../../storage/index.ts'
import type { TableScanReport } from '../port.ts'
import { widestRow } from './gathering.ts'
import { type PlanReading, probeCardinality, readPlan, scanColumn } from '../pruning/plan.ts'
import { significantBetween } from '../resolve/position.ts'
import type { ResolvedTable } from '../resolve/resolved-table.ts'
import { mentionsKeyword, quoteName } from '../text/names.ts'
import { isKeyword, type Tokens } from '../text/tokenizer.ts'
import { viewColumns } from '../views/columns.ts'
import { routesByIds } from '../views/projection.ts'
import { isWidened } from '../views/scan-files.ts'
import { emptySql, readParquet } from '../views/scan-sql.ts'
import type { ViewRequest } from '../views/space.ts'
import { buildTableView } from '../views/table-view.ts'
import type { ShapeCache } from '../views/shape.ts'
import { printPredicate } from './print-predicate.ts'

/** What of a table a statement needs. */
export interface ScanNeed {
  readonly predicate: Predicate
  /** Enough rows of any files, for a bare LIMIT; undefined: all. */
  readonly rowLimit: number | undefined
  /** True where the plan is known to make no join. */
  readonly isUnjoined: boolean
  /** True where the reader's row groups are not to be skipped by statistics: see `mayLoseNulls`. */
  readonly isShielded: boolean
}

/** Tables of fewer and smaller files are not probed: opening their footers costs the engine less than asking first. */
const PROBE_ABOVE_FILES = 16
/** From this size on a probe (about 5 ms) is nothing beside a scan; where partitions may rule out files, earlier. */
const PROBE_ABOVE_BYTES = 512_000_000
const PROBE_ABOVE_PARTITIONED_BYTES = 32_000_000

/** Rows of a group, of which a filter may skip others. */
const ROW_GROUP_ROWS = 122_880

/** Files of one scan: their tasks and names are held in memory, some 2 kB each. */
const MOST_FILES = 100_000

/** True where asking the optimizer first may save opening files; `always`: however small the tables are. */
export function isWorthProbing(tokens: Tokens, tables: readonly ResolvedTable[], always: boolean): boolean {
  if (!mentionsKeyword(tokens, 'WHERE', 'ON', 'HAVING', 'QUALIFY', 'LIMIT', 'FETCH')) return false
  // PIVOT becomes two statements, of which a plan shows one.
  if (mentionsKeyword(tokens, 'PIVOT', 'PIVOT_WIDER')) return false
  return tables.some((table) => table.system === undefined && (always || isLarge(table) || isWorthReaderCasts(table)))
}

/** True where knowing that nothing is joined lets a filter on a widened column skip row groups. */
function isWorthReaderCasts({ snapshot, loaded, schema }: ResolvedTable): boolean {
  if (snapshot === undefined || total(snapshot, 'total-records') <= ROW_GROUP_ROWS) return false
  return isWidened(loaded.metadata, schema)
}

function isLarge({ snapshot, loaded }: ResolvedTable): boolean {
  if (snapshot === undefined) return false
  return isLargeTable({
    files: total(snapshot, 'total-data-files'),
    bytes: total(snapshot, 'total-files-size'),
    isPartitioned: loaded.metadata.partitionSpecs.some((spec) => !isUnpartitioned(spec)),
  })
}

/** True where files that a filter rules out may be worth more than the probe that finds them. */
export function isLargeTable(table: { files: number; bytes: number; isPartitioned: boolean }): boolean {
  if (table.files > PROBE_ABOVE_FILES) return true
  return table.files > 1 && table.bytes > (table.isPartitioned ? PROBE_ABOVE_PARTITIONED_BYTES : PROBE_ABOVE_BYTES)
}

/** A sum of the snapshot's summary; infinite where the writer left it out. */
function total(snapshot: Snapshot, key: string): number {
  const text = snapshot.summary[key]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY
}

/**
 * Views that show the columns and no row, over one tiny file that has none of them: EXPLAIN over these says what reaches
 * each scan without a manifest being read. Two files, since the statistics of a single one would let the optimizer
 * simplify filters away.
 */
export function probeView(table: ResolvedTable, number: number, probeFile: string): ViewRequest {
  return {
    schema: table.schemaName,
    name: table.viewName,
    key: `probe ${number} ${tableKey(table)}`,
    build: () => {
      const columns = viewColumns(table.schema)
      if (columns.length === 0) return Promise.resolve({ select: emptySql([]), files: 0 })
      const named = columns.map(({ field, name }) => `${quoteName(scanColumn(number, field.id))} AS ${quoteName(name)}`)
      const scan = readParquet(number, {
        files: [probeFile, probeFile],
        rows: BigInt(probeCardinality(number)),
        routes: routesByIds(table.schema.fields, new Map(), false),
      })
      return Promise.resolve({ select: `SELECT ${named.join(', ')} FROM ${scan}`, files: 1 })
    },
  }
}

/** What names the rows of a table for ever: its metadata file and the snapshot. */
export function tableKey(table: ResolvedTable): string {
  const { loaded, snapshot, schema, system } = table
  // Where the files are read: the same metadata stands for others when paths may have moved.
  const place = table.locate(`${loaded.metadata.location}/data`)
  return `${loaded.metadataLocation} ${place} ${snapshot?.snapshotId ?? 'none'} ${schema.schemaId} ${system ?? ''}`
}

/** Asks the optimizer which filters reach which table. Undefined where the statement cannot be explained. */
export async function probe(
  session: EngineSession,
  sql: string,
  tables: ReadonlyMap<number, ResolvedTable>,
  isUtc: boolean,
  options: RunOptions,
): Promise<PlanReading | undefined> {
  const schemas = new Map([...tables].map(([number, table]) => [number, table.schema]))
  try {
    const rows = await session.all(`EXPLAIN (FORMAT json) ${sql}`, options)
    const plan = rows.find((row) => row['explain_key'] === 'physical_plan')?.['explain_value']
    return typeof plan === 'string' ? readPlan(plan, sql, schemas, isUtc) : undefined
  } catch (error) {
    // A mistake of the statement is the same without pruning; anything else that only EXPLAIN dislikes is none.
    if (isIceboxError(error, 'engine/failed') || isIceboxError(error, 'sql/unsupported')) return undefined
    throw error
  }
}

/** `LIMIT n [OFFSET m]` with literals at the end of a statement that has no other limit or sample: n + m. */
export function bareLimit(tokens: Tokens): number | undefined {
  const limits = [...tokens.of('word')].filter((at) =>
    isKeyword(tokens.at(at), 'LIMIT', 'OFFSET', 'FETCH', 'SAMPLE', 'TABLESAMPLE'),
  )
  const at = limits.find((index) => isKeyword(tokens.at(index), 'LIMIT') && tokens.at(index)?.depth === 0)
  if (at === undefined) return undefined
  const [, count, offset, skipped, ...rest] = significantBetween(tokens, at, Math.min(tokens.length, at + 20))
  if (!/^\d{1,9}$/.test(count?.text ?? '')) return undefined
  if (offset === undefined) return limits.length === 1 ? Number(count?.text) : undefined
  const isOffset = isKeyword(offset, 'OFFSET') && /^\d{1,9}$/.test(skipped?.text ?? '') && rest.length === 0
  return isOffset && limits.length === 2 ? Number(count?.text) + Number(skipped?.text) : undefined
}

export interface PlanParts {
  readonly manifests: ManifestCache
  readonly shapes: ShapeCache
}

/** The view of a table over the files that the statement needs; its report is written to `reports` when it is built. */
export function dataView(table: ResolvedTable, number: number, need: ScanNeed, parts: PlanParts): ViewRequest {
  const readerCasts = need.isUnjoined && isWidened(table.loaded.metadata, table.schema)
  const ways = `${readerCasts ? 'casts ' : ''}${need.isShielded ? 'shielded ' : ''}`
  return {
    schema: table.schemaName,
    name: table.viewName,
    key: `data ${number} ${tableKey(table)} ${need.rowLimit ?? ''} ${ways}${printPredicate(need.predicate)}`,
    build: async ({ session, helperSchema, signal }) => {
      const { tasks, report } = await planTable(table, need, parts.manifests, signal)
      const source = {
        metadata: table.loaded.metadata,
        schema: table.schema,
        io: table.io,
        locate: (uri: string) => localPath(table.locate(uri)),
      }
      const { isShielded } = need
      const builder = { session, shapes: parts.shapes, table: number, helperSchema, signal, readerCasts, isShielded }
      return { select: await buildTableView(source, tasks, builder), files: tasks.length, report }
    },
  }
}

export async function planTable(
  table: ResolvedTable,
  need: ScanNeed,
  manifests: ManifestCache,
  signal: AbortSignal | undefined,
): Promise<{ tasks: FileScanTask[]; report: TableScanReport }> {
  const { snapshot, loaded, io, schema } = table
  const plan = planFiles({
    metadata: loaded.metadata,
    io,
    filter: need.predicate,
    schema,
    cache: manifests,
    ...(snapshot === undefined ? {} : { snapshotId: snapshot.snapshotId }),
    ...(signal === undefined ? {} : { signal }),
  })
  const tasks: FileScanTask[] = []
  let rows = 0n
  if (need.rowLimit !== 0) {
    for await (const task of plan.tasks) {
      if (tasks.length === MOST_FILES) throw tooManyFiles(table)
      tasks.push(task)
      const isWhole =
        task.positionDeletes.length === 0 && task.equalityDeletes.length === 0 && task.deletionVector === undefined
      if (isWhole) rows += task.dataFile.recordCount
      if (need.rowLimit !== undefined && rows >= BigInt(need.rowLimit)) break
    }
  }
  const { manifestsTotal, manifestsRead, filesTotal, filesPruned, deleteFiles, bytesRead } = plan.report
  const report: TableScanReport = {
    table: table.label,
    snapshotId: snapshot === undefined ? null : String(snapshot.snapshotId),
    manifestsTotal,
    manifestsRead,
    filesTotal,
    filesRead: tasks.length,
    filesPruned: filesTotal === undefined ? filesPruned : filesTotal - tasks.length,
    deleteFiles,
    dataBytes: tasks.reduce((sum, task) => sum + Number(task.dataFile.fileSizeInBytes), 0),
    rowBytes: widestRow(tasks.map((task) => task.dataFile)),
    manifestBytes: bytesRead,
  }
  return { tasks, report }
}

function tooManyFiles(table: ResolvedTable): IceboxError {
  return new IceboxError('sql/unsupported', {
    message: `the statement would read more than ${MOST_FILES} files of ${table.label}`,
    remedy: 'filter by a column that the table is partitioned by, or compact the table',
    context: { table: table.label, mostFiles: MOST_FILES },
  })
}
