import { isIceboxError } from '../../base/index.ts'
import type { Compression } from '../source/format.ts'
import { lastLineBytes } from '../source/last-line.ts'
import { scanText } from '../source/text-scan.ts'
import type { CsvDescription } from './description.ts'

/** Files whose lines may be long. */
export interface LongLines {
  readonly files: readonly { readonly path: string; readonly compression: Compression }[]
  /** A record is a line there (not in JSON over several lines, not in UTF-16). */
  readonly hasLines: boolean
  /** What the first attempt allows; default: {@link DEFAULT_MAX_LINE_BYTES}. */
  readonly firstBytes?: number | undefined
  /** `ingest.max_line_size` */
  readonly limitBytes: number
  readonly signal?: AbortSignal | undefined
}

/** A record can be a little longer than its line: its end, what the reader looks ahead. */
const SLACK = 1.02
/** Where lines cannot be measured, or quotes put several into one record: the next try allows so many times more. */
const STEP = 4

/**
 * Tries with the reader's default, then with the longest line that the files have: buffers are twice as long as the
 * lines that are allowed, so an import should not pay for lines that it does not have. A last line without an end is measured
 * before: where it reaches into a third buffer DuckDB 1.5.5 passes over it without a word.
 */
export async function withLineSizes<T>(
  lines: LongLines,
  attempt: (maxLineSizeBytes: number | undefined) => Promise<T>,
): Promise<T> {
  const { limitBytes } = lines
  let size = await sizeForTails(lines)
  for (;;) {
    try {
      return await attempt(size)
    } catch (error) {
      const now = allowedBytes(lines, size)
      if (!isIceboxError(error, 'source/line-too-long') || now >= limitBytes) throw error
      // The scan of the file found it beyond the limit already.
      const found = error.context['limitBytes']
      if (typeof found === 'number' && found >= limitBytes) throw error
      const longest = size === undefined ? await longestLine(lines) : 0
      size = Math.min(limitBytes, longest > now ? Math.ceil(longest * SLACK) : now * STEP)
    }
  }
}

/** The longest line that an attempt allows. */
export function allowedBytes({ firstBytes }: Pick<LongLines, 'firstBytes'>, maxLineSizeBytes?: number): number {
  return maxLineSizeBytes ?? firstBytes ?? DEFAULT_MAX_LINE_BYTES
}

/** What the reader must allow for last lines without an end; undefined where the first attempt does. Compressed files are not looked at. */
async function sizeForTails(lines: LongLines): Promise<number | undefined> {
  const { files, limitBytes } = lines
  let longest = 0
  for (const { path } of files.filter(({ compression }) => compression === 'none'))
    longest = Math.max(longest, await lastLineBytes(path, limitBytes))
  if (longest <= allowedBytes(lines)) return undefined
  // Says where it is.
  if (longest > limitBytes) await longestLine(lines)
  return Math.min(limitBytes, Math.ceil(longest * SLACK))
}

/** Bytes of the longest line; 0 where it cannot be found out. Rejects as {@link scanText} does. */
async function longestLine({ files, hasLines, limitBytes, signal }: LongLines): Promise<number> {
  let longest = 0
  for (const { path, compression } of hasLines ? files : []) {
    if (compression === 'zstd') return 0
    longest = Math.max(longest, await scanText(path, compression, { maxLineSizeBytes: limitBytes }, signal))
  }
  return longest
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
  if (isWide(description.encoding)) return
  const limits = { maxLineSizeBytes: maxLineSizeBytes ?? description.maxLineSizeBytes ?? DEFAULT_MAX_LINE_BYTES }
  for (const group of description.groups) {
    if (group.compression === 'zstd') continue
    for (const path of group.paths) await scanText(path, group.compression, limits, signal)
  }
}

/** Bytes of line ends are no bytes of their own there. */
export function isWide(encoding: string | undefined): boolean {
  return encoding !== undefined && /^utf-?16/i.test(encoding)
}
