import { formatBytes, IceboxError } from '../../base/index.ts'
import type { SqlParameter } from '../../engine/index.ts'
import { quoteName, quoteText } from '../text/names.ts'
import { literalsOf } from '../text/parameter-literals.ts'
import type { StatementText } from '../text/statements.ts'
import { isKeyword, isSignificant, nameOf, stringValue, type Tokens } from '../text/tokenizer.ts'
import {
  closingBracket,
  isAlias,
  isTablePosition,
  nextSignificant,
  previousSignificant,
  significantBetween,
} from './position.ts'
import { lastLineBytes } from './long-last-line.ts'
import { type Replacement, replaceSpans } from './replace.ts'
import { cteScopes } from './scopes.ts'

const READERS = ['read_csv', 'read_csv_auto']
/** Of their files only those that are cut off matter here. */
const JSON_READERS = [
  'read_json',
  'read_json_auto',
  'read_json_objects',
  'read_json_objects_auto',
  'read_ndjson',
  'read_ndjson_auto',
  'read_ndjson_objects',
]
/** A call with one of these is about rows that are left out. */
const ABOUT_ROWS = ['ignore_errors', 'store_rejects']
const ABOUT_LINES = ['max_line_size', 'maximum_line_size']
/** With one of these a call is left as it is: it names the buffers, or its answer would change with the longest line that they hold. */
const ABOUT_BUFFERS = ['buffer_size', ...ABOUT_LINES, ...ABOUT_ROWS]

/** DuckDB's own buffers, and its longest line where nobody says otherwise. */
const OWN_BUFFER_BYTES = 32_000_000
const OWN_LINE_BYTES = 2_000_000

/** True where {@link csvFiles} may find something. */
export function mayReadFiles({ sql }: StatementText): boolean {
  return /\.csv|\.tsv|read_csv|json/i.test(sql)
}

export interface CsvReading {
  /** `buffer_size` of the files; undefined: DuckDB's own. */
  readonly bufferBytes: number | undefined
  /** True where the token there names a table. */
  readonly isTable: (at: number) => boolean
  /** Files that an expression of SQL names, as DuckDB finds them; undefined where it names none. */
  readonly filesOf: (expression: string) => Promise<readonly string[] | undefined>
  readonly parameters: readonly SqlParameter[]
  /** Rejects `source/truncated` for a compressed file that was cut off. */
  readonly requireWhole: (file: string) => Promise<void>
}

/**
 * CSV files that the statement reads, read with buffers of `bufferBytes`: `FROM 'x.csv'` is what DuckDB makes of it,
 * `read_csv_auto('x.csv')` under the file's name, and a call gets one argument more.
 *
 * A last line without quotes and without an end DuckDB 1.5.5 passes over without a word where it reaches into a third
 * buffer, and refuses it where it is longer than its longest line and does not: so a file that ends with one that DuckDB
 * refuses keeps DuckDB's buffers, and one that DuckDB would lose is refused (`source/line-too-long`).
 */
export async function csvFiles(statement: StatementText, reading: CsvReading): Promise<readonly Replacement[]> {
  const { bufferBytes } = reading
  const literals = literalsOf(statement, reading.parameters)
  const reads = findReads(statement, bufferBytes ?? OWN_BUFFER_BYTES, reading.isTable)
  const replacements: Replacement[] = []
  for (const read of reads) {
    const files = await filesOf(statement, read, literals, reading)
    for (const file of files ?? []) await reading.requireWhole(file)
    const isTailRead = files !== undefined && Number.isFinite(read.lostAbove)
    const tail = isTailRead ? await longestTail(files, read.lostAbove) : undefined
    if (tail !== undefined && tail.bytes > read.lostAbove) throw lostLine(tail.file, read.lostAbove)
    // Files that are not known keep DuckDB's buffers: nobody can say how they end.
    if (bufferBytes === undefined || read.replacement === undefined || files === undefined) continue
    if (tail === undefined || tail.bytes <= OWN_LINE_BYTES) replacements.push(read.replacement)
  }
  return replacements
}

interface CsvRead {
  /** The same with other buffers; undefined for a call that is left as it is. */
  readonly replacement: Replacement | undefined
  /** The file's name, or where in the text the expression stands that says which files are read. */
  readonly files: string | { readonly start: number; readonly end: number }
  /** A last line of more bytes without an end may be lost by the call as it is written. */
  readonly lostAbove: number
}

async function filesOf(
  { sql, tokens }: StatementText,
  { files }: CsvRead,
  literals: ReadonlyMap<number, string>,
  reading: CsvReading,
): Promise<readonly string[] | undefined> {
  if (typeof files === 'string') return isPattern(files) ? reading.filesOf(quoteText(files)) : [files]
  const { start, end } = files
  const inside = [...tokens.within(start, end)].filter(isSignificant)
  const only = inside.length === 1 ? stringValue(inside[0]) : undefined
  if (only !== undefined && !isPattern(only)) return [only]
  const bound = inside
    .filter(({ kind }) => kind === 'parameter')
    .map((token) => ({ start: token.start, end: token.end, text: literals.get(start + token.start) ?? 'NULL' }))
  return reading.filesOf(replaceSpans(sql.slice(start, end), bound))
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

function findReads(statement: StatementText, bufferBytes: number, isTable: (at: number) => boolean): CsvRead[] {
  const { tokens } = statement
  const setting = `buffer_size = ${bufferBytes}`
  const isCte = cteScopes(tokens)
  return [...tokens.of('word', 'string', 'quoted')].flatMap((at): CsvRead[] => {
    const token = tokens.at(at)
    const name = nameOf(token)?.toLowerCase()
    if (name !== undefined && tokens.at(nextSignificant(tokens, at + 1))?.text === '(') {
      if (JSON_READERS.includes(name)) return argument(tokens, at, setting).map(asJson)
      return READERS.includes(name) ? argument(tokens, at, setting) : []
    }
    if (token?.kind === 'word') return []
    const file = stringValue(token) ?? nameOf(token)
    if (file === undefined || !isTablePosition(tokens, at) || isCte(file, at) || isTable(at)) return []
    if (isJson(file)) return call(tokens, at, file, setting).map(asJson)
    return isCsv(file) ? call(tokens, at, file, setting) : []
  })
}

/** JSON has no buffers that matter, and a line that is cut is told. */
function asJson({ files }: CsvRead): CsvRead {
  return { files, replacement: undefined, lostAbove: Number.POSITIVE_INFINITY }
}

/** One argument more, behind the others. */
function argument(tokens: Tokens, at: number, setting: string): CsvRead[] {
  const open = nextSignificant(tokens, at + 1)
  const close = closingBracket(tokens, open)
  const end = tokens.at(close)?.start
  const inside = significantBetween(tokens, open + 1, close)
  const first = inside[0]
  if (end === undefined || first === undefined) return []
  const names = inside.flatMap((name, index) =>
    /^(=|:=|=>)$/.test(inside[index + 1]?.text ?? '')
      ? [{ name: nameOf(name)?.toLowerCase() ?? '', value: inside[index + 2]?.text ?? '' }]
      : [],
  )
  const isLeft = names.some(({ name }) => ABOUT_BUFFERS.includes(name))
  const behind = inside.find(({ text, depth }) => text === ',' && depth === first.depth)
  return [
    {
      replacement: isLeft ? undefined : { start: end, end, text: `, ${setting}` },
      files: { start: first.start, end: behind?.start ?? end },
      lostAbove: lostAbove(names),
    },
  ]
}

/** Lines that are to be left out may be; what is said in another way than by a number is not known. */
function lostAbove(names: readonly { readonly name: string; readonly value: string }[]): number {
  const valueOf = (...wanted: readonly string[]): number | undefined => {
    const value = names.find(({ name }) => wanted.includes(name))?.value
    if (value === undefined) return undefined
    return /^\d[\d_]*$/.test(value) ? Number(value.replaceAll('_', '')) : Number.POSITIVE_INFINITY
  }
  if (names.some(({ name }) => ABOUT_ROWS.includes(name))) return Number.POSITIVE_INFINITY
  return valueOf('buffer_size') ?? Math.max(OWN_BUFFER_BYTES, valueOf(...ABOUT_LINES) ?? 0)
}

/** The call that DuckDB makes of the file's name in the place of a table. */
function call(tokens: Tokens, at: number, file: string, setting: string): CsvRead[] {
  const token = tokens.at(at)
  const before = tokens.at(previousSignificant(tokens, at))
  const behind = tokens.at(nextSignificant(tokens, at + 1))
  // What these make of a file is an error, and stays the same.
  if (token === undefined || isKeyword(before, 'SHOW', 'INTO') || isKeyword(behind, 'AT')) return []
  const alias = isAlias(behind) || before?.text === ':' ? '' : ` AS ${quoteName(nameOfFile(file))}`
  const relation = `read_csv_auto(${quoteText(file)}, ${setting})${alias}`
  // These take a name or a query.
  const start = isKeyword(before, 'TABLE') ? (before?.start ?? token.start) : token.start
  const isQuery = isKeyword(before, 'TABLE', 'SUMMARIZE', 'DESCRIBE', 'DESC')
  const text = isQuery ? `FROM ${relation}` : relation
  return [{ replacement: { start, end: token.end, text }, files: file, lostAbove: OWN_BUFFER_BYTES }]
}

/** Files that DuckDB takes for CSV where their name stands for a table (1.5.5, `ReadCSVReplacement`). */
function isCsv(file: string): boolean {
  return /\.[ct]sv(\?.*)?(\.gz|\.zst)?$/i.test(file)
}

/** Files that DuckDB takes for JSON (`JSONFunctions::ReadJSONReplacement`). */
function isJson(file: string): boolean {
  return /\.(json|jsonl|ndjson)(\.gz|\.zst)?$/i.test(file)
}

/** What DuckDB calls a file in the place of a table: its name up to the first dot, and a pattern as it is written. */
function nameOfFile(file: string): string {
  if (isPattern(file)) return file
  const base = file.split('/').findLast((part) => part !== '') ?? file
  return base.split('.').find((part) => part !== '') ?? file
}

function isPattern(file: string): boolean {
  return /[*?[]/.test(file)
}
