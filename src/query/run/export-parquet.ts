import { stat } from 'node:fs/promises'
import type { RunOptions, SqlValue } from '../../engine/index.ts'
import { type DescribedColumn, isNegativeZero, refusingNegativeZero, textDictionaryBytes } from '../../ingest/index.ts'
import { estimateRowBytes, type MemoryPlan, rowGroupSize } from '../../memory/index.ts'
import type { Meter, QueryServices, StatementOptions, StatementResult } from '../port.ts'
import { quoteName, quoteText } from '../text/names.ts'
import type { StatementText } from '../text/statements.ts'
import { admit, planMemory } from './memory-plan.ts'
import { type ParquetForm, parquetForm } from './parquet-form.ts'
import { prepare, type QueryParts, runOptions, type SessionState } from './query.ts'
import { doneResult } from './results.ts'
import { withinSort } from './sort-passes.ts'
import { isOrdered, writableQuery } from './write.ts'

const FULL_ENGINE_SHARE = 1 / 32

/** Runs a query whose rows the engine writes to one Parquet file on this machine; an ORDER BY holds in the file. */
export async function runExport(
  query: StatementText,
  file: string,
  state: SessionState,
  options: StatementOptions,
  parts: QueryParts,
  services: QueryServices,
  meter: Meter,
): Promise<StatementResult> {
  await using prepared = await prepare(parts, query, state, options)
  await using writable = await writableQuery(prepared, options)
  const { session } = prepared.lease
  const form = await parquetForm(session, writable)
  const plan = await planMemory(prepared, query, services, options)
  using operation = await admit(services, 'export', plan, options)
  const rowGroup = rowGroupSize({
    rowWidthBytes: Math.max(
      estimateRowBytes(form.columns.map((column) => column.type)),
      ...plan.operators.map(({ rowBytes }) => rowBytes),
    ),
    // A sort that fills the engine leaves little for the rows that leave it.
    ...(plan.spillBytes > 0 ? { targetBytes: plan.limitBytes * FULL_ENGINE_SHARE } : {}),
  })
  const { parameters: _, ...bound } = runOptions({ ...options, signal: operation.signal })
  const zeros = zerosOf(form.columns, isOrdered(query))
  // The cast is a SELECT around the query, in which the engine keeps an order only where it is told to.
  const keepsOrder = form.isCast && isOrdered(query)
  const texts = textDictionaryBytes(textsIn(form.columns))
  const dictionaries = (areUsed: boolean): string =>
    areUsed ? `, STRING_DICTIONARY_PAGE_SIZE_LIMIT ${texts}` : ', DICTIONARY_SIZE_LIMIT 0'
  const copy = (
    sql: string,
    areUsed: boolean,
    rows = rowGroup,
    run: RunOptions = bound,
  ): Promise<Record<string, SqlValue>[]> =>
    session.all(
      `COPY (${sql}\n) TO ${quoteText(file)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${rows}${dictionaries(areUsed)})`,
      run,
    )
  const asItIs = async (): Promise<Record<string, SqlValue>[]> => {
    if (zeros !== 'watched') return await copy(form.sql, zeros === 'none')
    try {
      return await copy(watchingZeros(form), true)
    } catch (error) {
      if (!isNegativeZero(error)) throw error
      return await copy(form.sql, false)
    }
  }
  try {
    if (keepsOrder) await session.run('SET preserve_insertion_order = true')
    const { plan: engine } = await services.engine()
    const explain = (): Promise<MemoryPlan> => planMemory(prepared, query, services, options, true)
    const sort = { session, sql: writable.sql, run: bound, plan, explain, engine, services }
    const copied = await withinSort(sort, asItIs, async (rows) => {
      await using _ = rows
      const { rowWidthBytes } = rows
      const { sql } = await parquetForm(session, { sql: rows.sql, columns: writable.columns })
      const sorted = rowGroupSize({ rowWidthBytes, targetBytes: plan.limitBytes * FULL_ENGINE_SHARE })
      return await copy(sql, zeros === 'none', sorted, { ...bound, threads: engine.threads })
    })
    const scans = prepared.scans
    const figures = {
      rows: Number(copied[0]?.['Count'] ?? 0),
      bytesRead: scans.reduce((sum, scan) => sum + scan.dataBytes + scan.manifestBytes, 0),
      bytesWritten: (await stat(file)).size,
      files: 1,
    }
    return doneResult('select', '', meter, figures, undefined, scans)
  } catch (error) {
    throw await prepared.explain(error)
  } finally {
    if (keepsOrder) await session.run('SET preserve_insertion_order = false')
  }
}

/**
 * How the two zeros stay two in the file: DuckDB's dictionaries would make one of them (decision 0017). What is watched
 * for -0.0 goes through a SELECT more, which does not keep an order, and needs names that differ.
 */
function zerosOf(columns: readonly DescribedColumn[], isOrdered: boolean): 'none' | 'watched' | 'without dictionaries' {
  const real = columns.filter(({ type }) => /\b(FLOAT|DOUBLE)\b/.test(type))
  if (real.length === 0) return 'none'
  const names = new Set(columns.map(({ name }) => name.toLowerCase()))
  const mayBeWatched = !isOrdered && names.size === columns.length && real.every(isReal)
  return mayBeWatched ? 'watched' : 'without dictionaries'
}

/** Columns of text or bytes, those below lists, maps and structs among them. */
function textsIn(columns: readonly DescribedColumn[]): number {
  return columns.reduce((sum, { type }) => sum + (type.match(/\b(VARCHAR|BLOB|JSON)\b/g)?.length ?? 0), 0)
}

function watchingZeros({ sql, columns }: ParquetForm): string {
  const values = columns
    .filter(isReal)
    .map(({ name }) => `${refusingNegativeZero(quoteName(name))} AS ${quoteName(name)}`)
  return `SELECT * REPLACE (${values.join(', ')}) FROM (${sql}\n)`
}

function isReal({ type }: DescribedColumn): boolean {
  return type === 'DOUBLE' || type === 'FLOAT'
}
