import { isIceboxError } from '../base/index.ts'
import {
  executeImport,
  type ImportOutcome,
  type ImportRequest,
  type ImportStep,
  type IngestServices,
  planImport,
} from '../ingest/index.ts'

export interface ImportWatch {
  readonly signal?: AbortSignal
  readonly onProgress?: (step: ImportStep) => void
}

/**
 * Plans an import and runs it. Where the plan was to make a table that another process made meanwhile, it is planned again
 * once: the new table is what `--append`, `--replace` or a key that was used go by.
 */
export async function planAndImport(
  request: ImportRequest,
  services: IngestServices,
  watch: ImportWatch,
): Promise<ImportOutcome> {
  const run = async () =>
    executeImport(await planImport(request, services), { table: request.table, services, ...watch })
  try {
    return await run()
  } catch (error) {
    // Standard input can be read once.
    const canRepeat = (request.mode !== 'create' || request.key !== undefined) && !request.sources.includes('-')
    if (!canRepeat || !isIceboxError(error, 'table/exists')) throw error
    return await run()
  }
}
