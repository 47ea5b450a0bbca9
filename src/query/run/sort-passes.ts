import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isIceboxError, makeFolders } from '../../base/index.ts'
import type { EngineSession, RunOptions } from '../../engine/index.ts'
import { type EnginePlan, type MemoryPlan, passesOfSort, rowGroupSize } from '../../memory/index.ts'
import type { QueryServices } from '../port.ts'
import { readSortedQuery, type SortedQuery } from '../pruning/sorted-query.ts'
import { quoteName, quoteText } from '../text/names.ts'
import { columnsOf, type QueryColumn, textOf } from './write.ts'

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

/** Types that Parquet gives back as they were, alone and in lists; with others (HUGEINT) a query is sorted as it is. */
const KEPT =
  /^(boolean|tinyint|smallint|integer|bigint|utinyint|usmallint|uinteger|ubigint|float|double|varchar|date|time|timestamp|timestamp with time zone|uuid|blob|decimal\(\d+,\d+\))$/i
const SAMPLES_PER_PASS = 100
/** A bound only divides: the beginning of a text does as well. */
const BOUND_CHARACTERS = 64
/** Where the ranges turn out too large, as often as that. */
const MORE = 4
const MOST_PASSES = 256

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
    const { files, rowWidthBytes } = await new PassSort(request, query, folder).sort()
    const columns = query.columns.map(({ name }) => quoteName(name)).join(', ')
    return { sql: `SELECT ${columns} FROM ${filesText(files)}`, rowWidthBytes, [Symbol.asyncDispose]: dispose }
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
  readonly columns: readonly QueryColumn[]
  readonly keyType: string
}

async function readQuery({
  session,
  sql,
  run,
}: Pick<SortRequest, 'session' | 'sql' | 'run'>): Promise<QueryToSort | undefined> {
  const { signal } = run
  const quiet = signal === undefined ? {} : { signal }
  const columns = await columnsOf(session, sql, run)
  const [serialized] = await session.all(`SELECT json_serialize_sql(${quoteText(sql)}) AS v`, quiet)
  const sorted = readSortedQuery(
    textOf(serialized?.['v']),
    columns.map(({ name }) => name),
  )
  if (sorted === undefined) return undefined
  const [written] = await session.all(`SELECT json_deserialize_sql(${quoteText(sorted.rows)}) AS v`, quiet)
  const rows = textOf(written?.['v'])
  const staged = await columnsOf(session, rows, run)
  const names = new Set(staged.map(({ name }) => name.toLowerCase()))
  // What DuckDB wrote of its own reading must mean the same, and each column have a name of its own in a file.
  const isSame =
    staged.length === columns.length + sorted.added &&
    names.size === staged.length &&
    columns.every(({ name, type }, at) => staged[at]?.name === name && staged[at].type === type)
  const keyType = staged.find(({ name }) => name === sorted.keys[0]?.column)?.type
  if (!isSame || keyType === undefined || !KEPT.test(keyType)) return undefined
  return staged.every(({ type }) => isKept(type)) ? { ...sorted, sql: rows, columns, keyType } : undefined
}

/** Lists of what is kept, and no other nested types: their text is not worth taking apart here. Arrays come back as lists. */
function isKept(type: string): boolean {
  return KEPT.test(type.replace(/(\[\])+$/, ''))
}

class PassSort {
  readonly #request: SortRequest
  readonly #query: QueryToSort
  readonly #folder: string
  readonly #rows: string
  readonly #run: RunOptions

  constructor(request: SortRequest, query: QueryToSort, folder: string) {
    this.#request = request
    this.#query = query
    this.#folder = folder
    this.#rows = join(folder, 'rows.parquet')
    const { parameters: _, ...run } = request.run
    this.#run = run
  }

  /** Files that hold all rows in their order, one after the other. */
  async sort(): Promise<{ readonly files: readonly string[]; readonly rowWidthBytes: number }> {
    const { engine, run } = this.#request
    const rows = await this.#copy(this.#query.sql, this.#rows, UNKNOWN_ROW_BYTES, { ...run, threads: engine.threads })
    const width = await this.#rowWidth(rows)
    let passes = Math.max(2, passesOfSort(rows * (width + HELD_ROW_BYTES), engine))
    for (;;) {
      try {
        const files = await this.#sortRanges(await this.#ranges(passes), width)
        await rm(this.#rows)
        return { files, rowWidthBytes: width }
      } catch (error) {
        if (!isIceboxError(error, 'memory/exhausted') || passes >= MOST_PASSES) throw error
        passes = Math.min(MOST_PASSES, passes * MORE)
      }
    }
  }

  async #rowWidth(rows: number): Promise<number> {
    const [found] = await this.#request.session.all(
      `SELECT sum(total_uncompressed_size)::DOUBLE AS bytes FROM parquet_metadata(${quoteText(this.#rows)})`,
      this.#run,
    )
    return Math.max(1, Number(found?.['bytes'] ?? 0) / Math.max(1, rows))
  }

  async #sortRanges(ranges: readonly string[], rowWidthBytes: number): Promise<string[]> {
    const by = this.#query.keys.map(({ column, how }) => `${quoteName(column)}${how}`).join(', ')
    const columns = this.#query.columns.map(({ name }) => quoteName(name)).join(', ')
    const files: string[] = []
    for (const [at, range] of ranges.entries()) {
      const file = join(this.#folder, `sorted-${at}.parquet`)
      const select = `SELECT ${columns} FROM ${filesText([this.#rows])} WHERE ${range} ORDER BY ${by}`
      const rows = await this.#copy(select, file, rowWidthBytes, { ...this.#run, threads: 1 })
      if (rows > 0 || at === 0) files.push(file)
    }
    return files
  }

  /** Conditions on the first key, in the order of their rows. Every row meets one of them, and only one. */
  async #ranges(passes: number): Promise<string[]> {
    const { session } = this.#request
    const { keyType, keys } = this.#query
    const [{ column, how } = { column: '', how: '' }] = keys
    const key = quoteName(column)
    const bound = keyType === 'VARCHAR' ? `left(${key}, ${BOUND_CHARACTERS})` : key
    const sampled = await session.all(
      `SELECT CAST(k AS VARCHAR) AS t FROM (SELECT ${bound} AS k FROM ${filesText([this.#rows])} WHERE ${key} IS NOT NULL USING SAMPLE reservoir(${passes * SAMPLES_PER_PASS} ROWS) REPEATABLE (1)) ORDER BY k ASC`,
      { ...this.#run, threads: 1 },
    )
    const texts = Array.from({ length: passes - 1 }, (_, at) =>
      textOf(sampled[Math.floor(((at + 1) * sampled.length) / passes)]?.['t']),
    )
    const bounds = (sampled.length === 0 ? [] : [...new Set(texts)]).map(
      (text) => `CAST(${quoteText(text)} AS ${keyType})`,
    )
    const ranges = bounds.map((from, at) => {
      const below = bounds[at + 1]
      return below === undefined ? `${key} >= ${from}` : `${key} >= ${from} AND ${key} < ${below}`
    })
    ranges.unshift(bounds[0] === undefined ? `${key} IS NOT NULL` : `${key} < ${bounds[0]}`)
    const nulls = `${key} IS NULL`
    // Where the nulls come and whether values go up or down also depends on settings: two rows tell.
    const [first, second, third] = (
      await session.all(
        `SELECT n FROM (VALUES (NULL, 'null'), (1, 'low'), (2, 'high')) AS v(k, n) ORDER BY k${how}`,
        this.#run,
      )
    ).map((row) => textOf(row['n']))
    const low = first === 'null' ? second : first
    if (low === 'high') ranges.reverse()
    if (first === 'null') ranges.unshift(nulls)
    else if (third === 'null') ranges.push(nulls)
    return ranges
  }

  /** Rows written. */
  async #copy(select: string, file: string, rowWidthBytes: number, run: RunOptions): Promise<number> {
    const { engine, session } = this.#request
    const rowGroup = rowGroupSize({ rowWidthBytes, targetBytes: engine.memoryLimitBytes * ROW_GROUP_SHARE })
    // Dictionaries would make one value of the two zeros (decision 0017).
    const [copied] = await session.all(
      `COPY (${select}\n) TO ${quoteText(file)} (FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE ${rowGroup}, DICTIONARY_SIZE_LIMIT 0, WRITE_BLOOM_FILTER false)`,
      run,
    )
    return Number(copied?.['Count'] ?? 0)
  }
}

/** Rows are measured when they lie on disk; until then they are taken to be wide. */
const UNKNOWN_ROW_BYTES = 256
/** Beside its values: pointers of texts, places of nulls, the key that is compared. */
const HELD_ROW_BYTES = 32
/** A sort fills the engine: what it reads and writes beside must be small. */
const ROW_GROUP_SHARE = 1 / 64

function filesText(files: readonly string[]): string {
  return `read_parquet([${files.map(quoteText).join(', ')}], hive_partitioning = false)`
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
