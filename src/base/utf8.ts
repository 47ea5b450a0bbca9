import { isUtf8 } from 'node:buffer'
import { IceboxError } from './errors.ts'

const NEW_LINE = 10

/**
 * The text of bytes, without a byte order mark. Rejects `source/encoding` with the line where they are no UTF-8: Node's own
 * decoders write U+FFFD there without a word. `name` is how the error calls the source, `firstLine` the number of its first line.
 */
export function textOfUtf8(bytes: Uint8Array, name: string, firstLine = 1): string {
  const line = brokenUtf8Line(bytes)
  if (line === undefined) return new TextDecoder('utf-8').decode(bytes)
  const isWide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
  throw new IceboxError('source/encoding', {
    message: isWide
      ? `${name} is UTF-16 (its first bytes are a UTF-16 byte order mark)`
      : `${name}, line ${line + firstLine - 1}: the text is not UTF-8`,
    remedy: isWide
      ? 'convert it to UTF-8: iconv -f UTF-16 -t UTF-8'
      : 'convert it to UTF-8: iconv -f WINDOWS-1252 -t UTF-8, or what its encoding is',
    context: { file: name, line: line + firstLine - 1 },
  })
}

/** The first line, from 1, whose bytes are no UTF-8; undefined where all are. A line end is part of no other character. */
export function brokenUtf8Line(bytes: Uint8Array): number | undefined {
  if (isUtf8(bytes)) return undefined
  let line = 1
  for (let start = 0; ; line++) {
    const end = bytes.indexOf(NEW_LINE, start)
    if (end < 0 || !isUtf8(bytes.subarray(start, end))) return line
    start = end + 1
  }
}
