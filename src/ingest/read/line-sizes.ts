import { isIceboxError } from '../../base/index.ts'
import { scanText } from '../source/text-scan.ts'
import type { CsvDescription } from './description.ts'

/**
 * Tries with the reader's default, then with larger and larger lines up to the limit: buffers grow with the longest line
 * that is allowed, so most imports should not pay for lines that they do not have.
 */
export async function withLineSizes<T>(
  limitBytes: number,
  attempt: (maxLineSizeBytes: number | undefined) => Promise<T>,
): Promise<T> {
  const sizes = [undefined, 16_000_000, limitBytes]
  for (let at = 0; ; at++) {
    try {
      return await attempt(sizes[at])
    } catch (error) {
      const next = sizes[at + 1]
      if (!isIceboxError(error, 'source/line-too-long') || next === undefined || next > limitBytes) throw error
      // The scan of the file found it beyond the limit already.
      const found = error.context['limitBytes']
      if (typeof found === 'number' && found >= limitBytes) throw error
    }
  }
}

/** DuckDB's `max_line_size` where none is given. */
export const DEFAULT_MAX_LINE_BYTES = 2_000_000

/**
 * DuckDB words a line that is longer than its buffer in many ways, as a ragged row among them. After an error of a row:
 * rejects with `source/line-too-long` (or what else {@link scanText} finds) where a line is longer than the reader allows.
 */
export async function refuseLongLines(
  description: CsvDescription,
  maxLineSizeBytes: number | undefined,
  signal?: AbortSignal,
): Promise<void> {
  if (description.encoding !== undefined && /^utf-?16/i.test(description.encoding)) return
  const limits = { maxLineSizeBytes: maxLineSizeBytes ?? description.maxLineSizeBytes ?? DEFAULT_MAX_LINE_BYTES }
  for (const group of description.groups) {
    if (group.compression === 'zstd') continue
    for (const path of group.paths) await scanText(path, group.compression, limits, signal)
  }
}
