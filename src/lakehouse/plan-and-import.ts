import { isIceboxError } from '../base/index.ts'
import {
  executeImport,
  type ImportOutcome,
  type ImportRequest,
  type ImportStep,
  type IngestServices,
  planImport,
} from '../ingest/index.ts'

/** What looking at a source takes of the engine: the sample of NDJSON ten times the texts of a buffer of 2 MiB, of two threads. */
const INSPECTION_BYTES = 40 * 1024 * 1024

export interface ImportWatch {
  readonly signal?: AbortSignal
  /** Awaited before the copy, with what it plans to take of the engine's memory. Rejects `cancelled`. */
  readonly hold: (bytes: number, capacityBytes: number) => Promise<void>
  readonly onProgress?: (step: ImportStep) => void
}

/**
 * Plans an import and runs it. Where the plan was to make a table that another process made meanwhile, it is planned again
 * once: the new table is what `--append`, `--replace` or a key that was used go by.
 */
export async function planAndImport(
  request: ImportRequest,
  services: IngestServices,
  { hold, ...watch }: ImportWatch,
): Promise<ImportOutcome> {
  const { memoryLimitBytes } = services.engine.plan
  const run = async () => {
    await hold(INSPECTION_BYTES, memoryLimitBytes)
    const plan = await planImport(request, services)
    // Of a pipe only the beginning is known.
    await hold(plan.memory?.wantedBytes ?? memoryLimitBytes / 2, memoryLimitBytes)
    return await executeImport(plan, { table: request.table, services, ...watch })
  }
  try {
    return await run()
  } catch (error) {
    // Standard input can be read once.
    const canRepeat = (request.mode !== 'create' || request.key !== undefined) && !request.sources.includes('-')
    if (!canRepeat || !isIceboxError(error, 'table/exists')) throw error
    return await run()
  }
}
