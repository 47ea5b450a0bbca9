import { IceboxError, throwIfCancelled } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import { explainParquetError } from '../inspect/parquet.ts'
import type { ImportPlan } from '../plan/import-plan.ts'
import { explainCsvError } from '../read/csv-errors.ts'
import { NUL_MARK } from '../read/csv-select.ts'
import { explainJsonError } from '../read/json-errors.ts'
import { isUnknownField } from '../read/json-faults.ts'
import { firstFaultyLine } from '../read/json-lines.ts'
import { unknownKeysSql } from '../read/json-select.ts'
import type { SelectOptions } from '../read/source-select.ts'
import { explainTypedError } from '../read/typed-errors.ts'
import { failedBy } from '../sql.ts'
import type { ExecuteOptions } from './execute-options.ts'

/** A NUL byte was found; not where. */
export function isAboutNul(error: unknown): boolean {
  return failedBy(error, NUL_MARK)
}

/** What the engine said of a source as an error of ours. */
export async function explained(
  error: unknown,
  plan: ImportPlan,
  scene: { readonly session: EngineSession; readonly read?: SelectOptions; readonly signal?: AbortSignal },
  stopped: AbortSignal,
): Promise<unknown> {
  throwIfCancelled(scene.signal)
  if (stopped.aborted) return stopped.reason
  if (isAboutNul(error)) return error
  const { source, mapping } = plan.details
  if (source.format === 'csv') return explainCsvError(error, source, mapping, scene)
  if (source.format === 'json' || source.format === 'ndjson') return explainJsonError(error, source, mapping, scene)
  const misfit = await explainTypedError(error, source, mapping, scene)
  if (misfit !== undefined) return misfit
  return explainParquetError(error, plan.files[0]?.path ?? '')
}

/** Fields that the sample did not show would be dropped in silence. */
export async function refuseUnknownKeys(
  plan: ImportPlan,
  session: EngineSession,
  signal: AbortSignal,
  options: ExecuteOptions,
): Promise<void> {
  const { source } = plan.details
  if (source.format !== 'json' && source.format !== 'ndjson') return
  if (plan.onError === 'reject' && source.format === 'ndjson') return
  let rows: Record<string, unknown>[]
  try {
    rows = await session.all(unknownKeysSql(source), { signal })
  } catch (error) {
    const scene = { session, ...(options.signal === undefined ? {} : { signal: options.signal }) }
    throw await explained(error, plan, scene, new AbortController().signal)
  }
  const names = rows.map((row) => String(row['name']))
  if (names.length === 0) return
  const first = await firstFaultyLine(source, { session, signal })
  const place = first !== undefined && isUnknownField(first.fault) ? { file: first.file, line: first.line } : undefined
  const where = place === undefined ? (plan.files[0]?.path ?? '') : `${place.file}, line ${place.line}:`
  throw new IceboxError('schema/mismatch', {
    message: `${where} has fields that the first ${plan.details.sampledRows} objects did not show: ${names.slice(0, 10).join(', ')}`,
    remedy: 'raise ingest.sample_rows so that the sample shows them, or declare them with --schema',
    context: { ...place, fields: names.slice(0, 100) },
  })
}
