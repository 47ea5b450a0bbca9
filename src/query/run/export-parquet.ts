import { stat } from 'node:fs/promises'
import { estimateRowBytes, rowGroupSize } from '../../memory/index.ts'
import type { Meter, StatementOptions, StatementResult } from '../port.ts'
import { quoteText } from '../text/names.ts'
import type { StatementText } from '../text/statements.ts'
import { prepare, type QueryParts, runOptions, type SessionState } from './query.ts'
import { doneResult } from './results.ts'
import { writableQuery } from './write.ts'

/** Runs a query whose rows the engine writes to one Parquet file on this machine; an ORDER BY holds in the file. */
export async function runExport(
  query: StatementText,
  file: string,
  state: SessionState,
  options: StatementOptions,
  parts: QueryParts,
  meter: Meter,
): Promise<StatementResult> {
  await using prepared = await prepare(parts, query, state, options)
  await using writable = await writableQuery(prepared, options)
  const rowGroup = rowGroupSize({ rowWidthBytes: estimateRowBytes(writable.columns.map((column) => column.type)) })
  const { parameters: _, ...bound } = runOptions(options)
  try {
    const copied = await prepared.lease.session.all(
      `COPY (${writable.sql}\n) TO ${quoteText(file)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${rowGroup})`,
      bound,
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
