import type { ImportRequest } from '../ingest/index.ts'
import type { ImportOptions } from './api.ts'
import { tableText } from '../catalog/index.ts'
import { checkOptions, parseTableName } from '../base/index.ts'
import { IMPORT_OPTIONS } from './options.ts'

/** The options of a caller as the request that ingest takes. Throws `usage/invalid`, `name/invalid`. */
export function importRequest(call: string, options: ImportOptions): ImportRequest {
  checkOptions(call, options, IMPORT_OPTIONS, ['table', 'source'])
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
