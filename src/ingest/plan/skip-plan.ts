import type { PreparedSource } from '../source/prepare.ts'
import type { ImportPlan } from './import-plan.ts'
import type { ImportRequest } from './import-request.ts'

/** The plan of an import that was done before, under the same key. */
export function skipPlan(request: ImportRequest, prepared: PreparedSource): ImportPlan {
  return {
    table: request.tableName,
    mode: request.mode,
    action: 'skip',
    format: prepared.format,
    files: prepared.files.map(({ path, sizeBytes, compression }) => ({ path, sizeBytes, compression })),
    columns: [],
    partitionBy: [],
    sortBy: [],
    onError: request.onError ?? 'abort',
    preserveOrder: false,
    estimate: {
      rows: 0,
      areRowsCounted: true,
      partitions: undefined,
      sourceBytes: 0,
      tableBytes: 0,
      dataFiles: 0,
      memoryBytes: 0,
      diskBytes: 0,
      rowWidthBytes: 0,
    },
    strategy: { kind: 'plain' },
    memory: undefined,
    key: request.key,
    notes: [`the key '${request.key}' was imported before: nothing is done`],
    details: {
      source: { format: 'arrow', paths: [], columns: [] },
      mapping: [],
      fields: [],
      changes: [],
      spec: undefined,
      sortOrder: undefined,
      division: undefined,
      fingerprint: prepared.fingerprint,
      sampledRows: 0,
      spooled: prepared.spooled,
      documents: undefined,
    },
  }
}
