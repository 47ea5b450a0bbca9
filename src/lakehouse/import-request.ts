import type { ImportRequest } from '../ingest/index.ts'
import type { ImportOptions } from './api.ts'
import { tableText } from '../catalog/index.ts'
import { parseTableName } from './names.ts'

/** The options of a caller as the request that ingest takes. Rejects `name/invalid`. */
export function importRequest(options: ImportOptions): ImportRequest {
  const { table: name, source, mode, ...rest } = options
  const { onProgress: _, ...request } = rest
  const table = parseTableName(name)
  const sources = typeof source === 'string' ? [source] : source
  return {
    ...request,
    table,
    tableName: tableText(table),
    sources,
    mode: mode ?? 'create',
  }
}
