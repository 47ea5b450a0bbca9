import { readChunks } from './bytes.ts'
import type { Compression } from './format.ts'

/** A line of a text file. */
export interface TextLine {
  /** From 1. */
  readonly number: number
  /** Without its end; of a longer line the first {@link KEPT_CHARACTERS}. */
  readonly text: string
  readonly isWhole: boolean
}

const KEPT_CHARACTERS = 1_000_000

/** The lines of a UTF-8 file for naming places in errors; memory is that of one line's beginning. Not for zstd. */
export async function* textLines(
  path: string,
  compression: Compression,
  signal: AbortSignal | undefined,
): AsyncGenerator<TextLine> {
  const decoder = new TextDecoder()
  let kept = ''
  let length = 0
  let number = 0
  const take = (part: string) => {
    if (kept.length < KEPT_CHARACTERS) kept += part.slice(0, KEPT_CHARACTERS - kept.length)
    length += part.length
  }
  const end = (): TextLine => {
    number++
    const isWhole = kept.length === length
    const text = isWhole && kept.endsWith('\r') ? kept.slice(0, -1) : kept
    kept = ''
    length = 0
    return { number, text, isWhole }
  }
  for await (const chunk of readChunks(path, compression, signal)) {
    const text = decoder.decode(chunk, { stream: true })
    let start = 0
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', start)) {
      take(text.slice(start, at))
      start = at + 1
      yield end()
    }
    take(text.slice(start))
  }
  take(decoder.decode())
  if (length > 0) yield end()
}
