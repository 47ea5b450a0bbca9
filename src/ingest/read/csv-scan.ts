import { readChunks } from '../source/bytes.ts'
import type { CsvDescription } from './description.ts'
import { isWide } from './line-sizes.ts'

/** Something in a text that the engine does not read and does not place. */
export interface FoundText {
  readonly file: string
  readonly line: number
  readonly text: string
}

/** The first character beyond U+FFFF: of UTF-16 the engine reads those of one unit only. */
export function firstPair(description: CsvDescription, signal?: AbortSignal): Promise<FoundText | undefined> {
  return firstIn(description, signal, () => {
    let line = 1
    return (text) => {
      const at = text.search(/[\u{10000}-\u{10ffff}]/u)
      line += lineEnds(at < 0 ? text : text.slice(0, at))
      return at < 0 ? undefined : { line, text: String.fromCodePoint(text.codePointAt(at) ?? 0) }
    }
  })
}

/** The first line outside of quotes that ends otherwise than the first one, or holds a CR that ends none; `text` is its end. */
export function firstOtherEnd(description: CsvDescription, signal?: AbortSignal): Promise<FoundText | undefined> {
  return firstIn(description, signal, ({ quote, escape }) => {
    let line = 1
    let first: string | undefined
    let isQuoted = false
    let before = ''
    return (text) => {
      for (const character of text) {
        const isEscaped = escape !== quote && before === escape
        if (before === '\r' && character !== '\n' && !isQuoted) return { line, text: 'CR' }
        if (character === quote && !isEscaped) isQuoted = !isQuoted
        if (character === '\n') {
          const end = before === '\r' ? 'CRLF' : 'LF'
          if (!isQuoted) first ??= end
          if (!isQuoted && end !== first) return { line, text: end }
          line++
        }
        before = isEscaped && character === escape ? '' : character
      }
      return undefined
    }
  })
}

type Look = (text: string) => Omit<FoundText, 'file'> | undefined

async function firstIn(
  { groups, encoding }: CsvDescription,
  signal: AbortSignal | undefined,
  look: (dialect: CsvDescription['groups'][number]['dialect']) => Look,
): Promise<FoundText | undefined> {
  const label = encoding === undefined ? 'utf-8' : isWide(encoding) ? 'utf-16le' : 'latin1'
  for (const { paths, compression, dialect } of groups) {
    // Node 20 has no zstd.
    if (compression === 'zstd') continue
    for (const file of paths) {
      const decoder = new TextDecoder(label)
      const see = look(dialect)
      for await (const chunk of readChunks(file, compression, signal)) {
        const found = see(decoder.decode(chunk, { stream: true }))
        if (found !== undefined) return { file, ...found }
      }
    }
  }
  return undefined
}

function lineEnds(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++
  return count
}
