import type { SqlParameter } from '../../engine/index.ts'
import { quoteText } from '../text/names.ts'
import { literalsOf } from '../text/parameter-literals.ts'
import type { StatementText } from '../text/statements.ts'
import { isSignificant, stringValue } from '../text/tokenizer.ts'
import { csvSettings } from './csv-settings.ts'
import { type FileRead, findFileReads, isPath } from './file-reads.ts'
import { jsonSettings } from './json-settings.ts'
import { type Replacement, replaceSpans } from './replace.ts'

export interface FileReading {
  /** `buffer_size` of CSV files; undefined: DuckDB's own. */
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
 * CSV and JSON files that the statement reads, with the settings by which DuckDB reads them within its memory: `FROM 'x.csv'`
 * is what DuckDB makes of it, `read_csv_auto('x.csv')` under the file's name, and a call gets arguments more. Rejects
 * `source/truncated`, and `source/line-too-long` for a line that DuckDB would leave out.
 */
export async function fileSettings(statement: StatementText, reading: FileReading): Promise<readonly Replacement[]> {
  const literals = literalsOf(statement, reading.parameters)
  const replacements: Replacement[] = []
  for (const read of findFileReads(statement, reading.isTable)) {
    const files = await filesOf(statement, read, literals, reading)
    for (const file of files ?? []) await reading.requireWhole(file)
    const settings = await settingsOf(read, files, reading.bufferBytes)
    if (settings !== undefined) replacements.push(read.with(settings))
  }
  return replacements
}

async function settingsOf(
  read: FileRead,
  files: readonly string[] | undefined,
  bufferBytes: number | undefined,
): Promise<string | undefined> {
  if (read.reader === 'csv') return csvSettings(read, files, bufferBytes)
  return read.reader === 'lines' ? undefined : jsonSettings(read, files)
}

async function filesOf(
  { sql, tokens }: StatementText,
  { files }: FileRead,
  literals: ReadonlyMap<number, string>,
  reading: FileReading,
): Promise<readonly string[] | undefined> {
  if (typeof files === 'string') return isPath(files) ? [files] : reading.filesOf(quoteText(files))
  const { start, end } = files
  const inside = [...tokens.within(start, end)].filter(isSignificant)
  const only = inside.length === 1 ? stringValue(inside[0]) : undefined
  if (only !== undefined && isPath(only)) return [only]
  const bound = inside
    .filter(({ kind }) => kind === 'parameter')
    .map((token) => ({ start: token.start, end: token.end, text: literals.get(start + token.start) ?? 'NULL' }))
  return reading.filesOf(replaceSpans(sql.slice(start, end), bound))
}
