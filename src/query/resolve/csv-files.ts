import { quoteName, quoteText } from '../text/names.ts'
import type { StatementText } from '../text/statements.ts'
import { isKeyword, nameOf, stringValue, type Tokens } from '../text/tokenizer.ts'
import {
  closingBracket,
  isAlias,
  isTablePosition,
  nextSignificant,
  previousSignificant,
  significantBetween,
} from './position.ts'
import { hasLongLastLine } from './long-last-line.ts'
import type { Replacement } from './replace.ts'
import { cteScopes } from './scopes.ts'

const READERS = ['read_csv', 'read_csv_auto']
/** With one of these a call is left as it is: it names the buffers, or its answer would change with the longest line that they hold. */
const ABOUT_BUFFERS = ['buffer_size', 'max_line_size', 'maximum_line_size', 'ignore_errors', 'store_rejects']

/** True where {@link csvFiles} may find something. */
export function mayReadCsv({ sql }: StatementText): boolean {
  return /\.csv|\.tsv|read_csv/i.test(sql)
}

/**
 * CSV files that the statement reads, read with buffers of `bufferBytes`: `FROM 'x.csv'` is what DuckDB makes of it,
 * `read_csv_auto('x.csv')` under the file's name, and a call gets one argument more. `isTable`: the token there names one.
 */
export async function csvFiles(
  statement: StatementText,
  bufferBytes: number,
  isTable: (at: number) => boolean,
): Promise<readonly Replacement[]> {
  const reads = findReads(statement, bufferBytes, isTable)
  const areLong = await Promise.all(reads.map(({ files }) => Promise.all(files.map(hasLongLastLine))))
  return reads.filter((_, at) => areLong[at]?.includes(true) === false)
}

/** A replacement, and the files that its text names. */
interface CsvRead extends Replacement {
  readonly files: readonly string[]
}

function findReads(statement: StatementText, bufferBytes: number, isTable: (at: number) => boolean): CsvRead[] {
  const { tokens } = statement
  const setting = `buffer_size = ${bufferBytes}`
  const isCte = cteScopes(tokens)
  return [...tokens.of('word', 'string', 'quoted')].flatMap((at): CsvRead[] => {
    const token = tokens.at(at)
    if (token?.kind === 'word') return READERS.includes(token.text.toLowerCase()) ? argument(tokens, at, setting) : []
    const file = stringValue(token) ?? nameOf(token)
    if (file === undefined || !isCsv(file) || !isTablePosition(tokens, at)) return []
    return isCte(file, at) || isTable(at) ? [] : call(tokens, at, file, setting)
  })
}

/** One argument more, behind the others. */
function argument(tokens: Tokens, at: number, setting: string): CsvRead[] {
  const open = nextSignificant(tokens, at + 1)
  const close = tokens.at(open)?.text === '(' ? closingBracket(tokens, open) : -1
  const end = tokens.at(close)?.start
  const inside = significantBetween(tokens, open + 1, close)
  if (end === undefined || inside.length === 0) return []
  const names = inside.filter((_, index) => /^(=|:=|=>)$/.test(inside[index + 1]?.text ?? ''))
  if (names.some((name) => ABOUT_BUFFERS.includes(nameOf(name)?.toLowerCase() ?? ''))) return []
  const files = inside.flatMap((token) => stringValue(token) ?? [])
  return [{ start: end, end, text: `, ${setting}`, files }]
}

/** The call that DuckDB makes of the file's name in the place of a table. */
function call(tokens: Tokens, at: number, file: string, setting: string): CsvRead[] {
  const token = tokens.at(at)
  const before = tokens.at(previousSignificant(tokens, at))
  const behind = tokens.at(nextSignificant(tokens, at + 1))
  // What these make of a file is an error, and stays the same.
  if (token === undefined || isKeyword(before, 'SHOW', 'INTO') || isKeyword(behind, 'AT')) return []
  const alias = isAlias(behind) ? '' : ` AS ${quoteName(nameOfFile(file))}`
  const relation = `read_csv_auto(${quoteText(file)}, ${setting})${alias}`
  const { start, end } = token
  // These take a name or a query.
  if (isKeyword(before, 'TABLE'))
    return [{ start: before?.start ?? start, end, text: `FROM ${relation}`, files: [file] }]
  const isQuery = isKeyword(before, 'SUMMARIZE', 'DESCRIBE', 'DESC')
  return [{ start, end, text: isQuery ? `FROM ${relation}` : relation, files: [file] }]
}

/** Files that DuckDB takes for CSV where their name stands for a table (1.5.5, `ReadCSVReplacement`). */
function isCsv(file: string): boolean {
  return /\.[ct]sv(\?.*)?(\.gz|\.zst)?$/i.test(file)
}

/** What DuckDB calls a file in the place of a table: its name up to the first dot, and a pattern as it is written. */
function nameOfFile(file: string): string {
  if (/[*?[]/.test(file)) return file
  const base = file.split('/').findLast((part) => part !== '') ?? file
  return base.split('.').find((part) => part !== '') ?? file
}
