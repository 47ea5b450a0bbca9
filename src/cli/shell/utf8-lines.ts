import { Buffer } from 'node:buffer'
import { formatBytes, IceboxError, textOfUtf8 } from '../../base/index.ts'
import { MAX_STATEMENT_CHARS } from './statement-splitter.ts'

const NEW_LINE = 10

/**
 * The lines of a UTF-8 text without their `\n`, as they come; everything else stays as it is (`node:readline` takes `\r` and
 * U+2028 for line ends too, also inside strings). `name` is how errors call the text. Rejects `source/encoding` with the line,
 * `usage/invalid` for a line that no statement can be as long as.
 */
export async function* utf8Lines(chunks: AsyncIterable<Buffer | string>, name: string): AsyncGenerator<string> {
  let pieces: Buffer[] = []
  let size = 0
  let number = 1
  const keep = (bytes: Buffer) => {
    pieces.push(bytes)
    size += bytes.length
    if (size > MAX_STATEMENT_CHARS) throw longLine(name, number)
  }
  const take = (): string => {
    const text = textOfUtf8(
      pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces),
      name,
      number,
    )
    pieces = []
    size = 0
    number++
    return text
  }
  for await (const chunk of chunks) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    let start = 0
    for (let end = bytes.indexOf(NEW_LINE); end >= 0; end = bytes.indexOf(NEW_LINE, start)) {
      keep(bytes.subarray(start, end))
      start = end + 1
      yield take()
    }
    if (start < bytes.length) keep(bytes.subarray(start))
  }
  if (size > 0) yield take()
}

function longLine(name: string, line: number): IceboxError {
  return new IceboxError('usage/invalid', {
    message: `line ${line} of ${name} is longer than ${formatBytes(MAX_STATEMENT_CHARS)}`,
    remedy: 'end statements with ; and begin each in a line of its own, and load large data with icebox import',
    context: { file: name, line },
  })
}
