import { IceboxError } from '../../base/index.ts'

export interface Place {
  /** From 1. */
  readonly line: number
  /** From 1, in characters. */
  readonly column: number
  /** The line and a caret under the place, shortened to 100 characters. */
  readonly marked: string
}

const WIDTH = 100

/** Where `offset` is in `sql`. */
export function placeOf(sql: string, offset: number): Place {
  const at = Math.min(Math.max(offset, 0), sql.length)
  const lineStart = sql.lastIndexOf('\n', at - 1) + 1
  const newline = sql.indexOf('\n', at)
  const line = sql.slice(lineStart, newline === -1 ? sql.length : newline).replaceAll(/[\t\r]/g, ' ')
  const inLine = at - lineStart
  const from = inLine > WIDTH - 20 ? inLine - (WIDTH - 30) : 0
  const shown = `${from > 0 ? '…' : ''}${line.slice(from, from + WIDTH)}${line.length > from + WIDTH ? '…' : ''}`
  const caret = codePoints(line.slice(from, inLine)) + (from > 0 ? 1 : 0)
  return {
    line: sql.slice(0, at).split('\n').length,
    column: codePoints(sql.slice(lineStart, at)) + 1,
    marked: `${shown}\n${' '.repeat(caret)}^`,
  }
}

/** A `sql/syntax` error with the place marked in the text that the person wrote. */
export function syntaxError(sql: string, offset: number, what: string, remedy?: string): IceboxError {
  const place = placeOf(sql, offset)
  return new IceboxError('sql/syntax', {
    message: `${what} (line ${place.line}, column ${place.column})\n${place.marked}`,
    ...(remedy === undefined ? {} : { remedy }),
    context: { line: place.line, column: place.column, offset },
  })
}

/** Characters as a terminal counts them, near enough: surrogate pairs are one. */
function codePoints(text: string): number {
  return text.replaceAll(/[\ud800-\udbff][\udc00-\udfff]/g, '_').length
}
