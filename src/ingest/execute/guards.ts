import { availableParallelism } from 'node:os'
import type { ImportPlan } from '../plan/import-plan.ts'
import type { SourceDescription } from '../read/description.ts'
import { isWide } from '../read/line-sizes.ts'
import { mayHaveLongLines, scanText } from '../source/text-scan.ts'
import { longestZstdLine } from '../source/zstd.ts'

const SMALL_BYTES = 256_000_000

/** Checks of a source's bytes, beside the copy or after it failed. */
export interface Guard {
  /** Bytes of the longest line, when all files that are looked at beside the copy were; rejects with what was found. */
  readonly done: Promise<number>
  /** Worth asking when the copy failed: it may know better why. */
  readonly explainsFailures: boolean
  /** Looks at the others, too. */
  explain(): Promise<void>
}

/**
 * Looks at the bytes of text files for what DuckDB's readers pass over: NUL bytes, endless lines, gzip that ends early.
 * One file at a time: the copy has the cores. Of plain CSV a small part is looked at, for endless lines: its
 * SELECT finds NUL bytes ({@link refusesNul}), and all of it is looked at where the copy failed.
 */
export function startGuard(plan: ImportPlan, maxLineSizeBytes: number, signal: AbortSignal): Guard {
  const { source } = plan.details
  const isText = source.format === 'csv' || source.format === 'ndjson' || source.format === 'json'
  // A pipe looks at its bytes as they come, and so does who makes lines of documents.
  const isLooked = plan.details.spooled?.pipe !== undefined || plan.details.documents !== undefined
  const files = isText && !isFullOfNul(source) && !isLooked ? plan.files.filter((file) => file.sizeBytes > 0) : []
  const limits = { maxLineSizeBytes }
  const look = ({ path, compression }: (typeof files)[number]): Promise<number> =>
    compression === 'zstd' ? longestZstdLine(path, signal) : scanText(path, compression, limits, signal)
  const isLazy = refusesNul(plan)
  const isLater = (file: (typeof files)[number]) => isLazy && file.compression === 'none'
  const bytes = files.reduce((sum, file) => sum + (file.compression === 'zstd' ? 0 : file.sizeBytes), 0)
  const beside = async (): Promise<number> => {
    let longest = 0
    for (const file of files) {
      // A line that is too long for the reader may be dropped by it without a word.
      if (!isLater(file) || (await mayHaveLongLines(file.path, signal))) longest = Math.max(longest, await look(file))
    }
    return longest
  }
  const done = beside()
  return {
    done,
    explainsFailures:
      bytes <= SMALL_BYTES * availableParallelism() || files.some((file) => file.compression === 'gzip'),
    async explain() {
      await done
      for (const file of files.filter(isLater)) await look(file)
    },
  }
}

/** Where the SELECT of a source finds NUL bytes, so that its bytes need not be looked at; a pipe has looked by then. */
export function refusesNul(plan: ImportPlan): boolean {
  const { source, spooled } = plan.details
  return source.format === 'csv' && plan.onError !== 'reject' && spooled?.pipe === undefined && !isFullOfNul(source)
}

/** UTF-16 and its kin are full of NUL bytes. */
function isFullOfNul(source: SourceDescription): boolean {
  return source.format === 'csv' && isWide(source.encoding)
}
