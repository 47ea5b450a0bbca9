import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isIceboxError } from '../../base/index.ts'
import type { EngineSession, RunOptions } from '../../engine/index.ts'
import { type EnginePlan, passesOfSort, rowGroupSize } from '../../memory/index.ts'
import { quoteIdentifier, quoteText, readParquet, textOf } from '../sql.ts'

export interface SortKey {
  readonly column: string
  /** Direction and place of nulls, as they follow the key in SQL. */
  readonly how: string
}

export interface PassSortRequest {
  readonly session: EngineSession
  /** The rows in any order, with the keys among their columns; each name once. */
  readonly rows: string
  /** What is left of them in the end. */
  readonly columns: readonly string[]
  readonly keys: readonly SortKey[]
  /** Of the first key: one that {@link canDivideBy} takes. */
  readonly keyType: string
  /** On disk; it is there and empty. */
  readonly folder: string
  readonly engine: EnginePlan
  /** Of `rows`. */
  readonly run: RunOptions
}

export interface SortedFiles {
  /** Reads the rows in their order on one thread, or where the order of rows is kept. */
  readonly sql: string
  /** Of a row, on average, as they lie in the files. */
  readonly rowWidthBytes: number
}

/** Types that Parquet gives back as they were. */
const KEPT =
  /^(boolean|tinyint|smallint|integer|bigint|utinyint|usmallint|uinteger|ubigint|float|double|varchar|date|time|timestamp|timestamp with time zone|uuid|blob|decimal\(\d+,\d+\))$/i

/** Whether rows can be divided by ranges of a key of this type, whose bounds are written as text. */
export function canDivideBy(type: string): boolean {
  return KEPT.test(type)
}

const SAMPLES_PER_PASS = 100
/** A bound only divides: the beginning of a text does as well. */
const BOUND_CHARACTERS = 64
/** Where the ranges turn out too large, as often as that. */
const MORE = 4
const MOST_PASSES = 256

/**
 * An external sort of any size: the rows go to disk with their keys, are sorted range by range of the first key, each range
 * within what the engine can sort, into files that are read one after the other. Rejects `memory/exhausted` where a range
 * does not fit however many there are: rows of one key, or rows too wide. What is in the folder is the caller's to remove.
 */
export async function sortIntoFiles(request: PassSortRequest): Promise<SortedFiles> {
  const { files, rowWidthBytes } = await new PassSort(request).sort()
  const columns = request.columns.map(quoteIdentifier).join(', ')
  return { sql: `SELECT ${columns} FROM ${readParquet(files)}`, rowWidthBytes }
}

class PassSort {
  readonly #request: PassSortRequest
  readonly #rows: string
  readonly #run: RunOptions

  constructor(request: PassSortRequest) {
    this.#request = request
    this.#rows = join(request.folder, 'rows.parquet')
    const { parameters: _, ...run } = request.run
    this.#run = run
  }

  /** Files that hold all rows in their order, one after the other. */
  async sort(): Promise<{ readonly files: readonly string[]; readonly rowWidthBytes: number }> {
    const { engine, run, rows: select } = this.#request
    const rows = await this.#copy(select, this.#rows, UNKNOWN_ROW_BYTES, { ...run, threads: engine.threads })
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
    const { folder, keys } = this.#request
    const by = keys.map(({ column, how }) => `${quoteIdentifier(column)}${how}`).join(', ')
    const columns = this.#request.columns.map(quoteIdentifier).join(', ')
    const files: string[] = []
    for (const [at, range] of ranges.entries()) {
      const file = join(folder, `sorted-${at}.parquet`)
      const select = `SELECT ${columns} FROM ${readParquet([this.#rows])} WHERE ${range} ORDER BY ${by}`
      const rows = await this.#copy(select, file, rowWidthBytes, { ...this.#run, threads: 1 })
      if (rows > 0 || at === 0) files.push(file)
    }
    return files
  }

  /** Conditions on the first key, in the order of their rows. Every row meets one of them, and only one. */
  async #ranges(passes: number): Promise<string[]> {
    const { session, keyType, keys } = this.#request
    const [{ column, how } = { column: '', how: '' }] = keys
    const key = quoteIdentifier(column)
    const bound = keyType === 'VARCHAR' ? `left(${key}, ${BOUND_CHARACTERS})` : key
    const sampled = await session.all(
      `SELECT CAST(k AS VARCHAR) AS t FROM (SELECT ${bound} AS k FROM ${readParquet([this.#rows])} WHERE ${key} IS NOT NULL USING SAMPLE reservoir(${passes * SAMPLES_PER_PASS} ROWS) REPEATABLE (1)) ORDER BY k ASC`,
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
