import { stat } from 'node:fs/promises'
import type { RunOptions, SqlValue } from '../../engine/index.ts'
import { estimateRowBytes, rowGroupSize } from '../../memory/index.ts'
import type { Meter, QueryServices, StatementOptions, StatementResult } from '../port.ts'
import { quoteText } from '../text/names.ts'
import type { StatementText } from '../text/statements.ts'
import { admit, planMemory } from './memory-plan.ts'
import { prepare, type QueryParts, runOptions, type SessionState } from './query.ts'
import { doneResult } from './results.ts'
import { withinSort } from './sort-passes.ts'
import { writableQuery } from './write.ts'

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
  const plan = await planMemory(prepared, query, services, options)
  using operation = await admit(services, 'export', plan, options)
  const rowGroup = rowGroupSize({
    rowWidthBytes: Math.max(
      estimateRowBytes(writable.columns.map((column) => column.type)),
      ...plan.operators.map(({ rowBytes }) => rowBytes),
    ),
    // A sort that fills the engine leaves little for the rows that leave it.
    ...(plan.spillBytes > 0 ? { targetBytes: plan.limitBytes * FULL_ENGINE_SHARE } : {}),
  })
  const { parameters: _, ...bound } = runOptions({ ...options, signal: operation.signal })
  const { session } = prepared.lease
  const copy = (sql: string, run: RunOptions = bound): Promise<Record<string, SqlValue>[]> =>
    session.all(
      `COPY (${sql}\n) TO ${quoteText(file)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${rowGroup})`,
      run,
    )
  try {
    const { plan: engine } = await services.engine()
    const sort = { session, sql: writable.sql, run: bound, plan, engine, services }
    const copied = await withinSort(
      sort,
      () => copy(writable.sql),
      async (rows) => {
        await using _ = rows
        return await copy(rows.sql, { ...bound, threads: engine.copyThreads })
      },
    )
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
  }
}
