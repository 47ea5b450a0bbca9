import { availableParallelism } from 'node:os'
import type { ImportPlan } from '../plan/import-plan.ts'
import { scanText } from '../source/text-scan.ts'

const SMALL_BYTES = 256_000_000

/** Checks that run beside the copy. */
export interface Guard {
  /** Settles when all files were looked at; rejects with what was found. */
  readonly done: Promise<void>
  /** Worth waiting for when the copy failed: it may know better why. */
  readonly explainsFailures: boolean
}

/**
 * Looks at the bytes of text files for what DuckDB's readers pass over: NUL bytes, endless lines, gzip that ends early.
 * One file at a time: the copy has the cores.
 */
export function startGuard(plan: ImportPlan, maxLineSizeBytes: number, signal: AbortSignal): Guard {
  const { source } = plan.details
  const isText = source.format === 'csv' || source.format === 'ndjson' || source.format === 'json'
  const isWide = source.format === 'csv' && source.encoding !== undefined && !/^utf-?8$/i.test(source.encoding)
  // A pipe looks at its bytes as they come.
  const isLooked = plan.details.spooled?.pipe !== undefined
  const files =
    isText && !isWide && !isLooked ? plan.files.filter((file) => file.sizeBytes > 0 && file.compression !== 'zstd') : []
  const hasLines = source.format === 'csv' || (source.format === 'ndjson' && source.layout === 'newline_delimited')
  const limits = { maxLineSizeBytes: hasLines ? maxLineSizeBytes : Number.POSITIVE_INFINITY }
  const run = async () => {
    for (const file of files) await scanText(file.path, file.compression === 'gzip' ? 'gzip' : 'none', limits, signal)
  }
  const bytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  return {
    done: run(),
    explainsFailures:
      bytes <= SMALL_BYTES * availableParallelism() || files.some((file) => file.compression === 'gzip'),
  }
}
