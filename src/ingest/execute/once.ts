import { IceboxError, isIceboxError } from '../../base/index.ts'
import type { TableIdentifier } from '../../catalog/index.ts'
import type { CommitTarget, LoadedTable } from '../../iceberg/index.ts'
import { importedBefore } from '../plan/import-key.ts'
import type { ImportPlan } from '../plan/import-plan.ts'
import type { IngestServices } from '../plan/services.ts'

/** Whether the table holds the rows of this import already, under its key. Rejects `ingest/duplicate-key` (invariant N7). */
export function isRepeated(plan: ImportPlan, table: LoadedTable): boolean {
  return plan.key !== undefined && importedBefore(table, plan.key, plan.details.fingerprint)
}

/** Appends do not conflict with each other; two under one key must: what others committed is looked at before each retry. */
export function keyedTarget(plan: ImportPlan, target: CommitTarget): CommitTarget {
  if (plan.key === undefined) return target
  return {
    load: async () => {
      const table = await target.load()
      if (!isRepeated(plan, table)) return table
      throw new IceboxError('ingest/duplicate-key', {
        message: `the key '${plan.key}' was imported by another process meanwhile`,
        context: { key: plan.key ?? '', table: plan.table },
      })
    },
    commit: (...change) => target.commit(...change),
  }
}

/** Whether a commit failed because another process had imported the same source under the same key: then all is done. */
export async function wasFirst(
  plan: ImportPlan,
  table: TableIdentifier,
  { catalog }: IngestServices,
  error: unknown,
): Promise<boolean> {
  if (!isIceboxError(error, 'ingest/duplicate-key') && !isIceboxError(error, 'table/exists')) return false
  return isRepeated(plan, await catalog.loadTable(table))
}
