import { alignCsvBuffer } from '../../memory/index.ts'
import { acceptsText, castOrFail, checkedCast, computedCast } from '../inspect/checked-cast.ts'
import { toDuckDbType } from '../types/mapping.ts'
import { HELPER_PREFIX } from '../write/projection.ts'
import { columnsMap, hiveSetting, quoteIdentifier, quoteList, quoteText } from '../sql.ts'
import type { ColumnMapping, CsvDescription, CsvGroup } from './description.ts'

export interface CsvReadOptions {
  /** DuckDB's `buffer_size`, for each thread several; never below the longest line. */
  readonly bufferBytes?: number
  /** DuckDB's `max_line_size`: its buffers are 16 times as large, so it grows only when a line needs it. */
  readonly maxLineSizeBytes?: number
  /** Rows that DuckDB cannot split go to its temporary table `icebox_rejects` instead of failing. */
  readonly storesRejects?: boolean
  /** Columns that the reader parses itself, by name in the file; the others are text. */
  readonly types?: ReadonlyMap<string, string>
}

/**
 * `read_csv(…)` of a group, every column as text unless `types` says more; nothing is detected again. Never with
 * `parallel = false`: that reader holds all buffers that 2,048 rows lie in, 80 MB for rows of 40 kB, where the other ends
 * a chunk with its buffer (11 MB). Rows come in order where one thread reads, and below `row_number() OVER ()`.
 */
export function readCsv(description: CsvDescription, group: CsvGroup, options: CsvReadOptions): string {
  const { dialect } = group
  const settings = [
    quoteList(group.paths),
    'auto_detect = false',
    'strict_mode = true',
    `delim = ${quoteText(dialect.delimiter)}`,
    `quote = ${quoteText(dialect.quote)}`,
    `escape = ${quoteText(dialect.escape)}`,
    `header = ${dialect.hasHeader}`,
    ...(dialect.hasHeader && (group.blankLines ?? 0) > 0 ? [`skip = ${group.blankLines}`] : []),
    `columns = ${columnsMap(group.names.map((name) => [name, options.types?.get(name) ?? 'VARCHAR']))}`,
    ...(group.compression === 'none' ? [] : [`compression = ${quoteText(group.compression)}`]),
    ...(description.encoding === undefined ? [] : [`encoding = ${quoteText(description.encoding)}`]),
    ...(description.nullText === undefined ? [] : [`nullstr = ${quoteList(['', description.nullText])}`]),
    ...csvBuffers(options.maxLineSizeBytes ?? description.maxLineSizeBytes, options.bufferBytes),
    ...(options.storesRejects === true
      ? ["store_rejects = true, rejects_table = 'icebox_rejects', rejects_scan = 'icebox_reject_scans'"]
      : []),
    hiveSetting(description.hive),
  ]
  return `read_csv(${settings.join(', ')})`
}

/**
 * With a `max_line_size` DuckDB 1.5.5 divides a buffer into pieces of that size: a rest that is shorter than a line fails
 * the file (`does not support a full read`). So the buffer is a whole multiple, twice the size at least.
 */
export function csvBuffers(maxLineBytes: number | undefined, bufferBytes: number | undefined): string[] {
  if (maxLineBytes === undefined) {
    return bufferBytes === undefined ? [] : [`buffer_size = ${alignCsvBuffer(bufferBytes)}`]
  }
  const lineBytes = alignCsvBuffer(maxLineBytes)
  const pieces = Math.max(2, Math.floor((bufferBytes ?? 0) / lineBytes))
  return [`max_line_size = ${lineBytes}`, `buffer_size = ${lineBytes * pieces}`]
}

export interface CsvSelectOptions extends Omit<CsvReadOptions, 'types'> {
  /** Rows with a value that does not fit are left out. */
  readonly onlyGood?: boolean
  /**
   * The reader parses floating point numbers itself, and one that it cannot parse fails with {@link READ_AS_TEXT}. What it
   * parsed is to be trusted only from 0 to 2^53: whoever copies the rows looks at the smallest and the largest of them
   * (`wereParsedExactly`).
   */
  readonly parsesNumbers?: boolean
  /** Texts with a NUL byte fail with {@link NUL_MARK}; other types do not take one. */
  readonly refusesNul?: boolean
  /** Not those of columns with few values: whoever copies the rows looks at what was written (`refuseWrittenNul`). */
  readonly looksAtFewLater?: boolean
}

/** The error of {@link CsvSelectOptions.refusesNul}: where it is, a look at the bytes of the file says. */
export const NUL_MARK = 'icebox-nul'

/** SQL that fails with it. */
export const NUL_ERROR = `error(${quoteText(NUL_MARK)})`

/** What fails where {@link CsvSelectOptions.parsesNumbers} was too much; reading as text decides, and words the error. */
export const READ_AS_TEXT = /Error when converting column/

/** The rows of all groups as the table's columns; a value that its type would change is an error. */
export function csvSelect(
  description: CsvDescription,
  mapping: readonly ColumnMapping[],
  options: CsvSelectOptions,
): string {
  return description.groups.map((group) => groupSelect(description, group, mapping, options)).join(' UNION ALL ')
}

function groupSelect(
  description: CsvDescription,
  group: CsvGroup,
  mapping: readonly ColumnMapping[],
  options: CsvSelectOptions,
): string {
  const casts: string[] = []
  const types = new Map<string, string>()
  const columns = mapping.map((column, at) => {
    const isHere = group.names.includes(column.source)
    const text = quoteIdentifier(column.source)
    const name = quoteIdentifier(column.name)
    if (!isHere || isHive(description, column)) {
      return `${isHive(description, column) ? text : `CAST(NULL AS ${toDuckDbType(column.type)})`} AS ${name}`
    }
    if (options.parsesNumbers === true && options.onlyGood !== true && isParsedByReader(column)) {
      // The same parser as the cast's, without a text vector in between: 3% of an import of lineitem, which has three.
      types.set(column.source, 'DOUBLE')
      return `${text} AS ${name}`
    }
    const cast = checkedCast(column.type, text, column)
    if (options.refusesNul === true && column.type.kind === 'string') {
      if (options.looksAtFewLater === true && isOfFewTexts(column)) return `${text} AS ${name}`
      return `CASE WHEN ${hasNul(text, column)} THEN ${NUL_ERROR} ELSE ${text} END AS ${name}`
    }
    if (cast.isPlainly === undefined || options.onlyGood === true) return `${cast.value} AS ${name}`
    // Cast below, checked above: an expression that is used twice in a CASE is computed twice.
    const value = `${HELPER_PREFIX}v${at}`
    casts.push(`${computedCast(cast)} AS ${value}`)
    return `${castOrFail(cast, column.source, text, value)} AS ${name}`
  })
  const all = readCsv(description, group, { ...options, types })
  const read = options.onlyGood === true ? onlyWhere(goodRow(description, group, mapping), '*', all) : all
  const source = casts.length === 0 ? read : `(SELECT *, ${casts.join(', ')} FROM ${read})`
  return `SELECT ${columns.join(', ')} FROM ${source}`
}

/**
 * 13 ns a value, 5 of one character; looking at all bytes of the file beside the copy was 100 to 160 a row, and read it
 * twice (0017).
 */
function hasNul(text: string, column: ColumnMapping): string {
  return column.usualLength === 1
    ? `CASE WHEN strlen(${text}) = 1 THEN ${text} < chr(1) ELSE ${containsNul(text)} END`
    : containsNul(text)
}

/** Whether a text has a NUL byte. */
export function containsNul(text: string): string {
  return `contains(${text}, chr(0))`
}

/**
 * The rows of `from` for which a condition holds. Not by WHERE: a filter gathers the rows of small chunks, long texts and
 * all, until it has 2,048 (217 MB at a limit of 93 for texts of 1 MB; 87 so, at the same CPU).
 */
export function onlyWhere(condition: string, columns: string, from: string): string {
  return condition === 'true'
    ? from
    : `(SELECT ${columns}, unnest(CASE WHEN ${condition} THEN [true] END) AS ${HELPER_PREFIX}good FROM ${from})`
}

/** Columns that `parsesNumbers` is about; not those that have `nan` or the like in the sample. */
export function isParsedByReader(column: ColumnMapping): boolean {
  return column.type.kind === 'double' && column.sampledType !== 'VARCHAR'
}

/** Columns that `looksAtFewLater` is about. Long texts are not in dictionaries, nor to be read again. */
export function isOfFewTexts({ type, hasFewValues, usualLength }: ColumnMapping): boolean {
  return type.kind === 'string' && hasFewValues === true && usualLength !== undefined && usualLength <= SHORT_TEXT
}

const SHORT_TEXT = 100

function isHive(description: CsvDescription, column: ColumnMapping): boolean {
  return description.hive.some((hive) => hive.name === column.source)
}

/** A column that other files have and these have not, and that must not be NULL. */
export function isNullHere(description: CsvDescription, group: CsvGroup, column: ColumnMapping): boolean {
  return column.isRequired === true && !group.names.includes(column.source) && !isHive(description, column)
}

/** True for rows all of whose values fit. */
function goodRow(description: CsvDescription, group: CsvGroup, mapping: readonly ColumnMapping[]): string {
  if (mapping.some((column) => isNullHere(description, group, column))) return 'false'
  const checks = mapping
    .filter((column) => group.names.includes(column.source) && !isHive(description, column))
    .flatMap((column) => {
      const text = quoteIdentifier(column.source)
      const fits = acceptsText(checkedCast(column.type, text, column), text)
      return [...(column.isRequired === true ? [`${text} IS NOT NULL`] : []), ...(fits === 'true' ? [] : [fits])]
    })
  return checks.length === 0 ? 'true' : checks.join(' AND ')
}
