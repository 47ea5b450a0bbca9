import { IceboxError } from '../../base/index.ts'
import { readGzipHead, readHead } from '../source/bytes.ts'
import type { PreparedFile, PreparedSource } from '../source/prepare.ts'

/** A header is looked for in so many. */
const HEADER_BYTES = 64 * 1024

/** The error of a source without a row: `source/empty`, or `source/row` where text follows that never becomes one. */
export async function headerOnly(prepared: PreparedSource): Promise<IceboxError> {
  const file = prepared.files[0]
  if (prepared.format === 'csv' && file !== undefined && (await hasTextBelowHeader(file))) {
    return new IceboxError('source/row', {
      message: `${file.path}, line 2: no row ends: a quote is not closed`,
      remedy: 'mend the row, or name the quote character with --quote',
      context: { file: file.path, line: 2 },
    })
  }
  return new IceboxError('source/empty', {
    message: `${prepared.files[0]?.path ?? ''} has a header and no rows`,
    remedy: 'check that the file was written whole; create an empty table with CREATE TABLE',
    context: { files: prepared.files.slice(0, 10).map((file) => file.path) },
  })
}

async function hasTextBelowHeader({ path, compression }: PreparedFile): Promise<boolean> {
  if (compression === 'zstd') return false
  const head = compression === 'gzip' ? await readGzipHead(path, HEADER_BYTES) : await readHead(path, HEADER_BYTES)
  // Blank lines before the header are passed over.
  const text = Buffer.from(head)
    .toString('latin1')
    .replace(/^[\r\n]+/, '')
  const end = text.search(/[\r\n]/)
  return end >= 0 && text.slice(end).trim() !== ''
}
