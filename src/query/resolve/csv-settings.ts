import { formatBytes, IceboxError } from '../../base/index.ts'
import { lastLineBytes } from '../../ingest/index.ts'
import type { FileRead, NamedSetting } from './file-reads.ts'

/** A call with one of these is about rows that are left out. */
const ABOUT_ROWS = ['ignore_errors', 'store_rejects']
const ABOUT_LINES = ['max_line_size', 'maximum_line_size']
/** With one of these a call is left as it is: it names the buffers, or its answer would change with the longest line that they hold. */
const ABOUT_BUFFERS = ['buffer_size', ...ABOUT_LINES, ...ABOUT_ROWS]

/** DuckDB's own buffers, and its longest line where nobody says otherwise. */
const OWN_BUFFER_BYTES = 32_000_000
const OWN_LINE_BYTES = 2_000_000

/**
 * Buffers of `bufferBytes` for a read of CSV files; undefined where it keeps its own. A last line without quotes and without
 * an end DuckDB 1.5.5 passes over without a word where it reaches into a third buffer, and refuses it where it is longer
 * than its longest line and does not: so a file that ends with one that DuckDB refuses keeps DuckDB's buffers, and one that
 * DuckDB would lose is refused (`source/line-too-long`).
 */
export async function csvSettings(
  { named }: FileRead,
  files: readonly string[] | undefined,
  bufferBytes: number | undefined,
): Promise<string | undefined> {
  // Files that are not known keep DuckDB's buffers: nobody can say how they end.
  if (files === undefined) return undefined
  const lost = lostAbove(named)
  const tail = Number.isFinite(lost) ? await longestTail(files, lost) : undefined
  if (tail !== undefined && tail.bytes > lost) throw lostLine(tail.file, lost)
  if (bufferBytes === undefined || named.some(({ name }) => ABOUT_BUFFERS.includes(name))) return undefined
  return tail === undefined || tail.bytes <= OWN_LINE_BYTES ? `buffer_size = ${bufferBytes}` : undefined
}

/** Lines that are to be left out may be; what is said in another way than by a number is not known. */
function lostAbove(named: readonly NamedSetting[]): number {
  const valueOf = (...wanted: readonly string[]): number | undefined => {
    const value = named.find(({ name }) => wanted.includes(name))?.value
    if (value === undefined) return undefined
    return /^\d[\d_]*$/.test(value) ? Number(value.replaceAll('_', '')) : Number.POSITIVE_INFINITY
  }
  if (named.some(({ name }) => ABOUT_ROWS.includes(name))) return Number.POSITIVE_INFINITY
  return valueOf('buffer_size') ?? Math.max(OWN_BUFFER_BYTES, valueOf(...ABOUT_LINES) ?? 0)
}

/** The first file that ends with a line of more than `most` bytes, or the one that ends with the longest. */
async function longestTail(
  files: readonly string[],
  most: number,
): Promise<{ readonly file: string; readonly bytes: number } | undefined> {
  let longest: { readonly file: string; readonly bytes: number } | undefined
  // One after another: a pattern may name more files than a process can open.
  for (const file of files) {
    const bytes = await lastLineBytes(file, most)
    if (bytes > (longest?.bytes ?? 0)) longest = { file, bytes }
    if (bytes > most) break
  }
  return longest
}

function lostLine(file: string, bytes: number): IceboxError {
  return new IceboxError('source/line-too-long', {
    message: `${file}: the last line is longer than ${formatBytes(bytes)} and has no end; DuckDB would leave it out`,
    remedy:
      'check for missing line breaks or a quote that is not closed, or name a buffer_size and max_line_size of read_csv that hold it',
    context: { file, limitBytes: bytes },
  })
}
