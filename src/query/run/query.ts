import type { Catalog } from '../../catalog/index.ts'
import type { ArrowOptions, Engine, Gate, ResultStream, RunOptions } from '../../engine/index.ts'
import { IceboxError } from '../../base/index.ts'
import type { ManifestCache } from '../../iceberg/index.ts'
import type { WholeFiles } from '../../ingest/index.ts'
import { csvBufferOfQuery } from '../../memory/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import type { StatementOptions, TableScanReport } from '../port.ts'
import { mayLoseNulls } from '../pruning/lost-nulls.ts'
import type { PlanReading } from '../pruning/plan.ts'
import { mayReadFiles } from '../resolve/file-reads.ts'
import { replaceSpans, type Replacement } from '../resolve/replace.ts'
import { resolveTables } from '../resolve/resolve.ts'
import type { ResolvedTable } from '../resolve/resolved-table.ts'
import { mentionedNames } from '../text/names.ts'
import type { StatementText } from '../text/statements.ts'
import type { ShapeCache } from '../views/shape.ts'
import type { Space, Spaces, ViewRequest } from '../views/space.ts'
import { explainError } from './errors.ts'
import { informationView } from './information-schema.ts'
import { mayGather } from './gathering.ts'
import { printsLargePlan } from './parameter-room.ts'
import { bareLimit, dataView, isWorthProbing, probe, probeView, type ScanNeed } from './scan-plan.ts'
import type { Lease, SessionPool } from './sessions.ts'
import { systemView } from './system-tables.ts'

/** What queries of one runner share. */
export interface QueryParts {
  readonly catalog: Catalog
  readonly io: ObjectStore
  readonly engine: () => Promise<Engine>
  readonly sessions: SessionPool
  /** Statements that begin at once; one leaves when it is done or its first rows are there. */
  readonly turns: Gate
  readonly spaces: Spaces
  readonly shapes: ShapeCache
  readonly manifests: ManifestCache
  /** Compressed files that statements have read. */
  readonly wholeFiles: WholeFiles
  readonly localFiles: boolean
  readonly maxValueBytes: number | undefined
  readonly arrow: ArrowOptions
  /** A Parquet file of one row and one column that no table has. */
  readonly probeFile: () => Promise<string>
}

/** What a person's connection has set. */
export interface SessionState {
  readonly settings: ReadonlyMap<string, string>
  readonly defaultNamespace: string | undefined
}

/** A statement whose tables are views in a space of the engine: any SQL of ours or the person's can be run over them. */
export interface Prepared extends AsyncDisposable {
  readonly lease: Lease
  readonly tables: readonly ResolvedTable[]
  /** By their numbers in the names of columns inside views. */
  readonly numbered: ReadonlyMap<number, ResolvedTable>
  readonly scans: readonly TableScanReport[]
  /** Bytes of a row in the file where rows are widest, where they are passed on as they come ({@link mayGather}); else undefined. */
  readonly wideRowBytes: number | undefined
  /** The statement's text as the engine gets it. */
  readonly sql: string
  readonly replacements: readonly Replacement[]
  readonly maxValueBytes: number | undefined
  /** An engine's error in the terms of the person's text. */
  explain(error: unknown): Promise<unknown>
}

/** A table of the session that the query's rows go into: it is made first, and `head` stands before the query at `at`. */
export interface RowsTarget {
  readonly table: string
  readonly definition: string
  readonly head: string
  /** Offset in the query's own text. */
  readonly at: number
}

/** Table functions that touch nothing: allowed where SQL may not read files. */
const HARMLESS_FUNCTIONS = new Set([
  'GENERATE_SERIES',
  'RANGE',
  'UNNEST',
  'REPEAT',
  'REPEAT_ROW',
  'JSON_EACH',
  'JSON_TREE',
  'GENERATE_SUBSCRIPTS',
])

/**
 * Makes the tables of a statement readable (query.md, the route of a SELECT): finds them, asks the optimizer what it
 * needs of each, plans files, makes the views and stands the session in them.
 * `query` is the part of the statement that is one SELECT (without EXPLAIN, INSERT INTO …). One that is explained is pruned
 * however small its tables are: people look at what pruning does. With `into` the text is the INSERT of its rows there.
 */
export async function prepare(
  parts: QueryParts,
  query: StatementText,
  state: SessionState,
  options: StatementOptions,
  how: { readonly isExplained?: boolean; readonly into?: RowsTarget | undefined } = {},
): Promise<Prepared> {
  const { signal } = options
  const { into } = how
  const lease = await parts.sessions.lease(state.settings)
  const spaces: Space[] = []
  const dispose = async (): Promise<void> => {
    for (const space of spaces.splice(0)) parts.spaces.release(space)
    try {
      if (into !== undefined && !lease.session.isLost) await lease.session.run(`DROP TABLE IF EXISTS ${into.table}`)
    } finally {
      await lease.release()
    }
  }
  let sent = query.sql
  let replacements: readonly Replacement[] = []
  let found: readonly ResolvedTable[] = []
  const explain = (error: unknown): Promise<unknown> =>
    explainError(error, query, sent, replacements, parts.catalog, found)
  try {
    const { defaultNamespace } = state
    const resolution = await resolveTables(query, {
      catalog: parts.catalog,
      io: parts.io,
      session: lease.session,
      defaultNamespace,
      signal,
      files:
        parts.localFiles && mayReadFiles(query)
          ? {
              bufferBytes: csvBufferOfQuery((await parts.engine()).plan),
              parameters: options.parameters ?? [],
              requireWhole: (file) => parts.wholeFiles.require(file, signal),
            }
          : undefined,
    })
    replacements = resolution.replacements
    if (into !== undefined) {
      replacements = [...replacements, { start: into.at, end: into.at, text: into.head }]
      await lease.session.run(`CREATE OR REPLACE TEMP TABLE ${into.table} (${into.definition})`)
    }
    found = resolution.tables
    sent = replaceSpans(query.sql, replacements)
    const tables = resolution.tables.toSorted(
      (a, b) => compareText(a.schemaName, b.schemaName) || compareText(a.viewName, b.viewName),
    )
    const numberOf = (table: ResolvedTable): number => parts.spaces.numberOf(table)
    const words = mentionedNames(query.tokens)
    const enter = async (views: readonly ViewRequest[]): Promise<readonly TableScanReport[]> => {
      const { space, reports } = await parts.spaces.acquire(views, words, lease.session, signal)
      spaces.push(space)
      await lease.use(space.database, defaultNamespace)
      return reports
    }
    const information = resolution.information.map((view) => informationView(view, parts.catalog))
    let reading: PlanReading | undefined
    const mayPrune =
      isWorthProbing(query.tokens, tables, how.isExplained === true) && !printsLargePlan(options.parameters)
    if (!parts.localFiles || mayPrune) {
      const probeFile = await parts.probeFile()
      const probes = tables.map((table) =>
        table.system === undefined ? probeView(table, numberOf(table), probeFile) : systemView(table, parts.manifests),
      )
      await enter(withNamespace([...probes, ...information], defaultNamespace))
      const data = new Map(
        tables.filter((table) => table.system === undefined).map((table) => [numberOf(table), table] as const),
      )
      reading = await probe(lease.session, sent, data, isUtc(state), runOptions(options))
      if (!parts.localFiles) refuseForeignScans(reading)
      if (!mayPrune) reading = undefined
    }
    const isShielded = mayLoseNulls(query.tokens)
    const limit = reading?.isBareLimit === true ? bareLimit(query.tokens) : undefined
    const ofTables = tables.map((table) =>
      table.system === undefined
        ? dataView(table, numberOf(table), needOf(reading, numberOf(table), limit, isShielded), parts)
        : systemView(table, parts.manifests),
    )
    const views = [...ofTables, ...information]
    let scans: readonly TableScanReport[] = []
    if (views.length > 0 || defaultNamespace !== undefined) scans = await enter(withNamespace(views, defaultNamespace))
    else await lease.use(undefined)
    await parts.spaces.trim(lease.session, parts.sessions)
    const widest = scans.reduce((most, scan) => Math.max(most, scan.rowBytes), 0)
    const areRowsWide = !mayGather(widest, (await parts.engine()).plan)
    await lease.gather(!areRowsWide)
    const { maxValueBytes } = parts
    return {
      lease,
      tables,
      numbered: new Map(tables.map((table) => [numberOf(table), table])),
      scans,
      wideRowBytes: areRowsWide ? widest : undefined,
      maxValueBytes,
      sql: sent,
      replacements,
      explain,
      [Symbol.asyncDispose]: dispose,
    }
  } catch (error) {
    await dispose()
    throw await explain(error)
  }
}

/** Opens the result of a prepared SELECT; the error of a mistake in it is explained. */
export async function openStream(
  prepared: Prepared,
  sql: string,
  options: StatementOptions,
  threads?: number,
): Promise<ResultStream> {
  try {
    const { maxValueBytes } = prepared
    const run = { ...runOptions(options), ...(threads === undefined ? {} : { threads }) }
    return await prepared.lease.session.stream(sql, maxValueBytes === undefined ? run : { ...run, maxValueBytes })
  } catch (error) {
    throw await prepared.explain(error)
  }
}

export function runOptions(options: StatementOptions): RunOptions {
  const { parameters, signal, onProgress } = options
  return {
    ...(parameters === undefined ? {} : { parameters }),
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onProgress }),
  }
}

/** True where casts between timestamps with and without zone keep their number. */
export function isUtc({ settings }: SessionState): boolean {
  const zone = settings.get('TimeZone')
  return (zone === undefined || /^(etc\/)?(utc|uct|zulu|gmt)$/i.test(zone)) && !settings.has('Calendar')
}

function needOf(
  reading: PlanReading | undefined,
  number: number,
  rowLimit: number | undefined,
  isShielded: boolean,
): ScanNeed {
  const table = reading?.tables.get(number)
  if (reading === undefined || table === undefined || table.scans === 0)
    return { predicate: { op: 'true' }, rowLimit: undefined, isUnjoined: false, isShielded }
  return { predicate: table.predicate, rowLimit, isUnjoined: !reading.hasJoins, isShielded }
}

/** The default namespace must be a schema of the space, with or without a table of it in the statement. */
function withNamespace(views: readonly ViewRequest[], namespace: string | undefined): readonly ViewRequest[] {
  if (namespace === undefined || views.some((view) => view.schema === namespace)) return views
  const view: ViewRequest = {
    schema: namespace,
    name: 'icebox·namespace',
    key: 'namespace',
    build: () => Promise.resolve({ select: 'SELECT 1 WHERE false', files: 0 }),
  }
  return [...views, view]
}

function refuseForeignScans(reading: PlanReading | undefined): void {
  const foreign = reading?.foreignScans.find((name) => !HARMLESS_FUNCTIONS.has(name.trim().toUpperCase()))
  if (reading !== undefined && foreign === undefined) return
  throw new IceboxError('sql/unsupported', {
    message: `the statement reads something that is not a table of the lakehouse${foreign === undefined ? '' : ` (${foreign.trim()})`}`,
    remedy: 'import the data first, then query the table',
  })
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
