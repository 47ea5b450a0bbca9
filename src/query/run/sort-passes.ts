import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isIceboxError, makeFolders } from '../../base/index.ts'
import type { EngineSession, RunOptions } from '../../engine/index.ts'
import { canDivideBy, type DescribedColumn, describeColumns, sortIntoFiles } from '../../ingest/index.ts'
import type { EnginePlan, MemoryPlan } from '../../memory/index.ts'
import type { QueryServices } from '../port.ts'
import { readSortedQuery, type SortedQuery } from '../pruning/sorted-query.ts'
import { quoteText } from '../text/names.ts'
import { textOf } from './result-text.ts'

/** Rows that lie on disk in their order: `sql` reads them so on one thread, or where the order of rows is kept. */
export interface SortedRows extends AsyncDisposable {
  readonly sql: string
  /** Of a row, on average, as they lie in the files. */
  readonly rowWidthBytes: number
}

export interface SortRequest {
  readonly session: EngineSession
  /** A SELECT that ends in ORDER BY, as the engine gets it. */
  readonly sql: string
  /** Of `sql`. */
  readonly run: RunOptions
  readonly plan: MemoryPlan
  /** The plan of a query however small. */
  readonly explain: () => Promise<MemoryPlan>
  readonly engine: EnginePlan
  readonly services: Pick<QueryServices, 'scratch' | 'stagingDirectory'>
}

/**
 * An external sort of any size: the rows go to disk with their keys, are sorted range by range of the first key, each range
 * within what the engine can sort, and are read in the order of the ranges. Undefined where the query is none that can be
 * done so. Rejects `memory/exhausted` where a range does not fit however many there are: rows of one key, or rows too wide.
 */
export async function sortInPasses(request: SortRequest): Promise<SortedRows | undefined> {
  const { stagingDirectory, scratch } = request.services
  const query = await readQuery(request)
  if (query === undefined) return undefined
  const entry = await scratch.journal.begin({ folders: (id) => [join(stagingDirectory, `sort-${id}`)] })
  const [folder = ''] = entry.folders
  const dispose = async (): Promise<void> => {
    await rm(folder, { recursive: true, force: true })
    await scratch.journal.end(entry)
  }
  try {
    await makeFolders(folder)
    const sorted = await sortIntoFiles({
      ...request,
      rows: query.sql,
      columns: query.columns.map(({ name }) => name),
      keys: query.keys,
      keyType: query.keyType,
      folder,
    })
    return { ...sorted, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** Whether a query can be sorted in passes; false where it would be sorted as it is. */
export async function canSortInPasses(request: Pick<SortRequest, 'session' | 'sql' | 'run'>): Promise<boolean> {
  return (await readQuery(request)) !== undefined
}

interface QueryToSort extends SortedQuery {
  /** The rows in any order, keys after the columns. */
  readonly sql: string
  readonly columns: readonly DescribedColumn[]
  readonly keyType: string
}

async function readQuery({
  session,
  sql,
  run,
}: Pick<SortRequest, 'session' | 'sql' | 'run'>): Promise<QueryToSort | undefined> {
  const { signal } = run
  const quiet = signal === undefined ? {} : { signal }
  const columns = await describeColumns(session, sql, run)
  const [serialized] = await session.all(`SELECT json_serialize_sql(${quoteText(sql)}) AS v`, quiet)
  const sorted = readSortedQuery(
    textOf(serialized?.['v']),
    columns.map(({ name }) => name),
  )
  if (sorted === undefined) return undefined
  const [written] = await session.all(`SELECT json_deserialize_sql(${quoteText(sorted.rows)}) AS v`, quiet)
  const rows = textOf(written?.['v'])
  const staged = await describeColumns(session, rows, run)
  const names = new Set(staged.map(({ name }) => name.toLowerCase()))
  // What DuckDB wrote of its own reading must mean the same, and each column have a name of its own in a file.
  const isSame =
    staged.length === columns.length + sorted.added &&
    names.size === staged.length &&
    columns.every(({ name, type }, at) => staged[at]?.name === name && staged[at].type === type)
  const keyType = staged.find(({ name }) => name === sorted.keys[0]?.column)?.type
  if (!isSame || keyType === undefined || !canDivideBy(keyType)) return undefined
  return staged.every(({ type }) => isKept(type)) ? { ...sorted, sql: rows, columns, keyType } : undefined
}

/** Lists of what is kept, and no other nested types: their text is not worth taking apart here. Arrays come back as lists. */
function isKept(type: string): boolean {
  return canDivideBy(type.replace(/(\[\])+$/, ''))
}

/**
 * Runs a query as it is where its sort fits the engine by plan, in passes where it does not or where memory ran out.
 * `ordered` gets the sorted rows, to read and to dispose of.
 */
export async function withinSort<T>(
  request: SortRequest,
  asItIs: () => Promise<T>,
  ordered: (rows: SortedRows) => Promise<T>,
): Promise<T> {
  const { sortPasses = 1 } = request.plan
  if (sortPasses > 1) {
    const rows = await sortInPasses(request)
    return rows === undefined ? await asItIs() : await ordered(rows)
  }
  try {
    return await asItIs()
  } catch (error) {
    const rows = isIceboxError(error, 'memory/exhausted') ? await sortAfterAll(request) : undefined
    if (rows === undefined) throw error
    return await ordered(rows)
  }
}

/** A query over small files was let in unexplained: what it does is found out now. */
async function sortAfterAll(request: SortRequest): Promise<SortedRows | undefined> {
  const plan = request.plan.operators.length === 0 ? await request.explain() : request.plan
  return plan.sortPasses === undefined ? undefined : await sortInPasses({ ...request, plan })
}
