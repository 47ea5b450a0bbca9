import { IceboxError } from '../../base/index.ts'
import { originalError } from '../original-error.ts'
import type { PlacedStatement } from './statement-splitter.ts'

/** Lines that errors mark are shortened to so many characters. */
const SHOWN_WIDTH = 100

/** An error of a statement that was run alone, with its places counted in the text that the statement stands in. */
export function placedError(error: unknown, { line: firstLine, before }: Omit<PlacedStatement, 'text'>): unknown {
  const first = originalError(error)
  if (!(first instanceof IceboxError) || (firstLine === 1 && before === '')) return error
  const { line, column } = first.context
  if (typeof line !== 'number' || typeof column !== 'number') return error
  const mark = `(line ${line}, column ${column})\n`
  const at = first.message.indexOf(mark)
  if (at < 0) return error
  const width = Array.from(before).length
  const moved = (text: string): string =>
    text.replaceAll(
      /\bline (\d+), column (\d+)/g,
      (_, row: string, place: string) =>
        `line ${Number(row) + firstLine - 1}, column ${Number(place) + (row === '1' ? width : 0)}`,
    )
  const said = first.message.slice(0, at)
  const marked = first.message.slice(at + mark.length)
  const isBehind = line === 1 && !marked.startsWith('…') && width + marked.indexOf('\n') <= SHOWN_WIDTH
  const shown = isBehind ? `${before.replaceAll('\t', ' ')}${marked.replace('\n', `\n${' '.repeat(width)}`)}` : marked
  const { offset: _, ...context } = first.context
  return new IceboxError(first.code, {
    message: `${moved(said + mark)}${shown}`,
    ...(first.remedy === undefined ? {} : { remedy: moved(first.remedy) }),
    context: { ...context, line: line + firstLine - 1, column: line === 1 ? column + width : column },
    retryable: first.retryable,
    cause: error,
  })
}
