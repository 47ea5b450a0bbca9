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
import type { Replacement } from './replace.ts'
import { cteScopes } from './scopes.ts'

/** `json objects` gives each value as one column; `lines` of JSON have a format that is named. */
export type FileReader = 'csv' | 'json' | 'json objects' | 'lines'

const READERS: ReadonlyMap<string, FileReader> = new Map([
  ['read_csv', 'csv'],
  ['read_csv_auto', 'csv'],
  ['read_json', 'json'],
  ['read_json_auto', 'json'],
  ['read_json_objects', 'json objects'],
  ['read_json_objects_auto', 'json objects'],
  ['read_ndjson', 'lines'],
  ['read_ndjson_auto', 'lines'],
  ['read_ndjson_objects', 'lines'],
])

/** A setting that a call names; its name in lower case, its value as it is written. */
export interface NamedSetting {
  readonly name: string
  readonly value: string
}

/** A place of a statement where text files are read. */
export interface FileRead {
  readonly reader: FileReader
  /** The file's name, or where in the text the expression stands that says which files are read. */
  readonly files: string | { readonly start: number; readonly end: number }
  readonly named: readonly NamedSetting[]
  /** The same read with more settings. */
  readonly with: (settings: string) => Replacement
}

/** True where {@link findFileReads} may find something. */
export function mayReadFiles({ sql }: StatementText): boolean {
  return /\.csv|\.tsv|read_csv|json/i.test(sql)
}

/** Calls of readers, and files whose names stand in the place of a table; `isTable`: the token there names a table. */
export function findFileReads(statement: StatementText, isTable: (at: number) => boolean): FileRead[] {
  const { tokens } = statement
  const isCte = cteScopes(tokens)
  return [...tokens.of('word', 'string', 'quoted')].flatMap((at): FileRead[] => {
    const token = tokens.at(at)
    const name = nameOf(token)?.toLowerCase()
    if (name !== undefined && tokens.at(nextSignificant(tokens, at + 1))?.text === '(') {
      const reader = READERS.get(name)
      return reader === undefined ? [] : callAsWritten(tokens, at, reader)
    }
    if (token?.kind === 'word') return []
    const file = stringValue(token) ?? nameOf(token)
    if (file === undefined || !isTablePosition(tokens, at) || isCte(file, at) || isTable(at)) return []
    if (isJson(file)) return callOfName(tokens, at, file, 'json')
    return isCsv(file) ? callOfName(tokens, at, file, 'csv') : []
  })
}

/** One argument more goes behind the others. */
function callAsWritten(tokens: Tokens, at: number, reader: FileReader): FileRead[] {
  const open = nextSignificant(tokens, at + 1)
  const close = closingBracket(tokens, open)
  const end = tokens.at(close)?.start
  const inside = significantBetween(tokens, open + 1, close)
  const first = inside[0]
  if (end === undefined || first === undefined) return []
  const named = inside.flatMap((name, index) =>
    /^(=|:=|=>)$/.test(inside[index + 1]?.text ?? '')
      ? [{ name: nameOf(name)?.toLowerCase() ?? '', value: inside[index + 2]?.text ?? '' }]
      : [],
  )
  const behind = inside.find(({ text, depth }) => text === ',' && depth === first.depth)
  const files = { start: first.start, end: behind?.start ?? end }
  return [{ reader, files, named, with: (settings) => ({ start: end, end, text: `, ${settings}` }) }]
}

/** The call that DuckDB makes of the file's name in the place of a table. */
function callOfName(tokens: Tokens, at: number, file: string, reader: 'csv' | 'json'): FileRead[] {
  const token = tokens.at(at)
  const before = tokens.at(previousSignificant(tokens, at))
  const behind = tokens.at(nextSignificant(tokens, at + 1))
  // What these make of a file is an error, and stays the same.
  if (token === undefined || isKeyword(before, 'SHOW', 'INTO') || isKeyword(behind, 'AT')) return []
  const alias = isAlias(behind) || before?.text === ':' ? '' : ` AS ${quoteName(nameOfFile(file))}`
  // These take a name or a query.
  const start = isKeyword(before, 'TABLE') ? (before?.start ?? token.start) : token.start
  const isQuery = isKeyword(before, 'TABLE', 'SUMMARIZE', 'DESCRIBE', 'DESC')
  const called = (settings: string): Replacement => {
    const relation = `read_${reader}_auto(${quoteText(file)}, ${settings})${alias}`
    return { start, end: token.end, text: isQuery ? `FROM ${relation}` : relation }
  }
  return [{ reader, files: file, named: [], with: called }]
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

/** False for what DuckDB makes a path of: patterns, `~/x.csv`, `file:///x.csv`. */
export function isPath(file: string): boolean {
  return !isPattern(file) && !/^(~|file:)/.test(file)
}

function isPattern(file: string): boolean {
  return /[*?[]/.test(file)
}
