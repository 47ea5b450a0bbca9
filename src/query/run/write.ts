import { IceboxError, isIceboxError } from '../../base/index.ts'
import { commitTarget, type TableIdentifier } from '../../catalog/index.ts'
import type { RunOptions } from '../../engine/index.ts'
import {
  type CommitResult,
  type LoadedTable,
  metadataFolder,
  type NestedField,
  type PartitionSpec,
  type Schema,
  schemaOf,
  type SortOrder,
  Transaction,
  type TransactionOptions,
} from '../../iceberg/index.ts'
import {
  type DescribedColumn,
  describeColumns,
  refuseNamesakes,
  writeDataFiles,
  type WriteResult,
} from '../../ingest/index.ts'
import { advised, type MemoryPlan } from '../../memory/index.ts'
import type { QueryServices, StatementOptions, TableScanReport } from '../port.ts'
import { quoteName } from '../text/names.ts'
import type { StatementText } from '../text/statements.ts'
import { isKeyword } from '../text/tokenizer.ts'
import { readType } from '../views/read-type.ts'
import { admit, forRows, planMemory } from './memory-plan.ts'
import { isUtc, type Prepared, runOptions, type SessionState } from './query.ts'
import type { ChangeFigures } from './results.ts'
import { withinSort } from './sort-passes.ts'

/** A query whose rows are to be written: as text without parameters, and its columns. */
export interface WritableQuery extends AsyncDisposable {
  readonly sql: string
  readonly columns: readonly DescribedColumn[]
  /** Makes the rows that `sql` reads; undefined where they are there, or the query itself makes them. */
  readonly fill?: (options: RunOptions) => Promise<unknown>
}

export const STAGED = 'temp."icebox·rows"'
const TYPED = 'temp."icebox·typed"'

/**
 * The rows of a prepared query under a text that COPY takes. Parameters are bound once: such a query goes through a
 * temporary table, since the text is used more than once.
 */
export async function writableQuery(prepared: Prepared, options: StatementOptions): Promise<WritableQuery> {
  const { session } = prepared.lease
  const { signal } = options
  const isStaged = options.parameters !== undefined
  try {
    // COPY and DESCRIBE take a SELECT.
    const isTold = /^(describe|desc|show|summarize)\b/i.test(prepared.sql)
    const selected = isTold ? `SELECT * FROM (${prepared.sql}\n)` : prepared.sql
    if (isStaged)
      await session.run(`CREATE OR REPLACE TEMP TABLE ${STAGED.slice(5)} AS ${selected}`, runOptions(options))
    const sql = isStaged ? `SELECT * FROM ${STAGED}` : selected
    return {
      sql,
      columns: await describeColumns(session, sql, signal === undefined ? {} : { signal }),
      [Symbol.asyncDispose]: async () => {
        if (isStaged) await session.run(`DROP TABLE IF EXISTS ${STAGED}`)
      },
    }
  } catch (error) {
    throw await prepared.explain(error)
  }
}

/** The SELECT whose columns are the table's: `sources[i]` is the place in the query of the table's field `i`. */
function assignmentSql(query: Pick<WritableQuery, 'sql' | 'columns'>, targets: readonly Assignment[]): string {
  const names = sourceNames(query, targets)
  const columns = targets.map(
    ({ field, source }) => `CAST(${names[source]} AS ${readType(field.type, field.name)}) AS ${quoteName(field.name)}`,
  )
  return `SELECT ${columns.join(', ')} FROM (${query.sql}\n) AS s(${names.join(', ')})`
}

/** Casts that fail name their source: it is called as the column that it is written to. */
export function sourceNames(query: Pick<WritableQuery, 'columns'>, targets: readonly Assignment[]): string[] {
  const names = query.columns.map((_, at) => targets.find(({ source }) => source === at)?.field.name ?? `c${at}`)
  const isUnique = new Set(names.map((name) => name.toLowerCase())).size === names.length
  return names.map((name, at) => quoteName(isUnique ? name : `c${at}`))
}

export interface WriteTarget {
  readonly loaded: LoadedTable
  readonly schema: Schema
  readonly spec: PartitionSpec
  readonly sortOrder: SortOrder | undefined
}

export function targetOf(loaded: LoadedTable): WriteTarget {
  const { metadata } = loaded
  const spec = metadata.partitionSpecs.find((known) => known.specId === metadata.defaultSpecId)
  if (spec === undefined) {
    throw new IceboxError('iceberg/invalid-metadata', {
      message: `the table names partition spec ${metadata.defaultSpecId} and does not hold it`,
    })
  }
  const schema = schemaOf(metadata)
  refuseNamesakes(schema)
  return {
    loaded,
    schema,
    spec,
    sortOrder: metadata.sortOrders.find((order) => order.orderId === metadata.defaultSortOrderId),
  }
}

/** Which column of the query, by its place, goes into which field of the table. */
export interface Assignment {
  readonly field: NestedField
  readonly source: number
}

/** Writes the rows of a query as files of the table; nothing is committed. */
export async function writeRows(
  prepared: Prepared,
  query: WritableQuery,
  targets: readonly Assignment[],
  target: WriteTarget,
  services: QueryServices,
  options: StatementOptions,
  order: StatementText,
  state: SessionState,
): Promise<WriteResult> {
  const { metadata } = target.loaded
  const { session } = prepared.lease
  // A person's zone, calendar and collation hold for their query and its casts, not for what is derived when files are written.
  const isPlain = isUtc(state) && !state.settings.has('default_collation')
  const isTyped = query.fill === undefined && !isPlain
  const plan = await planMemory(prepared, order, services, options)
  using operation = await admit(services, 'write', plan, options)
  const { signal } = operation
  const { plan: engine } = await services.engine()
  const write = (select: string): Promise<WriteResult> =>
    writeDataFiles({
      session,
      engine: { plan: forRows(prepared, advised(engine, services.advice())) },
      select,
      columns: targets.map(({ field }) => field.name),
      schema: target.schema,
      spec: target.spec,
      ...(target.sortOrder === undefined || target.sortOrder.fields.length === 0
        ? {}
        : { sortOrder: target.sortOrder }),
      location: metadata.location,
      properties: metadata.properties,
      targetFileSizeBytes: services.targetFileSizeBytes,
      stagingDirectory: services.stagingDirectory,
      journal: services.journal,
      preserveOrder: isOrdered(order),
      signal,
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    })
  try {
    await query.fill?.({ signal })
    if (isTyped)
      await session.run(`CREATE OR REPLACE TEMP TABLE ${TYPED.slice(5)} AS ${assignmentSql(query, targets)}`, {
        signal,
      })
    if (!isPlain) await prepared.lease.unset()
    if (isTyped) return await write(`SELECT * FROM ${TYPED}`)
    const explain = (): Promise<MemoryPlan> => planMemory(prepared, order, services, options, true)
    const sort = { session, sql: query.sql, run: { signal }, plan, explain, engine, services }
    return await withinSort(
      sort,
      () => write(assignmentSql(query, targets)),
      async (rows) => {
        await using _ = rows
        return await write(assignmentSql({ ...query, sql: rows.sql }, targets))
      },
    )
  } catch (error) {
    throw await prepared.explain(error)
  } finally {
    if (isTyped) await session.run(`DROP TABLE IF EXISTS ${TYPED}`)
  }
}

/** ORDER BY of the whole query: its order is kept in the files. */
export function isOrdered(query: StatementText): boolean {
  return query.tokens.findWord((token) => token.depth === 0 && isKeyword(token, 'ORDER')) !== undefined
}

/** Commits written files; removes them when the commit failed for sure (I7). */
export async function commitWritten(
  written: WriteResult,
  services: QueryServices,
  identifier: TableIdentifier,
  base: LoadedTable,
  change: (transaction: Transaction) => void,
  options: StatementOptions,
  creates = false,
): Promise<CommitResult> {
  let result: CommitResult
  try {
    await written.hold()
    result = await transact(services, identifier, base, change, options, { creates, durable: written.durable })
  } catch (error) {
    // Whether the change is in the table is not known: its files stay, orphan removal finds them if it is not.
    if (isIceboxError(error, 'catalog/commit-unknown')) await written.settle()
    else await written.discard()
    throw error
  }
  // The table names the files by now: nothing that fails from here on may remove them.
  await written.settle()
  return result
}

/** The figures of a statement that wrote rows and committed them. */
export function writtenFigures(
  written: WriteResult,
  committed: CommitResult,
  scans: readonly TableScanReport[],
): ChangeFigures {
  return {
    rows: Number(written.rows),
    bytesRead: scans.reduce((sum, scan) => sum + scan.dataBytes + scan.manifestBytes, 0),
    bytesWritten: Number(written.sizeBytes) + committed.bytesWritten,
    files: written.files.length,
    snapshotId: committed.snapshot?.snapshotId,
  }
}

/** `1 row`, `7 rows` */
export function rowsText(rows: bigint): string {
  return `${rows} ${rows === 1n ? 'row' : 'rows'}`
}

/** Commits a change that adds no files; `becomes` where the change moves the table's folder. */
export async function commit(
  services: QueryServices,
  identifier: TableIdentifier,
  base: LoadedTable,
  change: (transaction: Transaction) => void,
  options: StatementOptions,
  creates = false,
  becomes: LoadedTable = base,
): Promise<CommitResult> {
  const { location, properties } = becomes.metadata
  const entry = await services.journal.begin({ metadataFolder: metadataFolder(location, properties) })
  try {
    return await transact(services, identifier, base, change, options, { creates })
  } finally {
    await services.journal.end(entry)
  }
}

async function transact(
  services: QueryServices,
  identifier: TableIdentifier,
  base: LoadedTable,
  change: (transaction: Transaction) => void,
  options: StatementOptions,
  more: Pick<TransactionOptions, 'creates' | 'durable'>,
): Promise<CommitResult> {
  const transaction = new Transaction({
    target: commitTarget(services.catalog, identifier),
    io: services.io,
    base,
    ...more,
    cache: services.manifests,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
  change(transaction)
  return transaction.commit()
}
