import { isPrimitive, type Type } from '../../iceberg/index.ts'
import { castOrFail, checkedCast, CHECK_MARK } from '../inspect/checked-cast.ts'
import { toDuckDbType } from '../types/mapping.ts'
import { HELPER_PREFIX } from '../write/projection.ts'
import { hiveSetting, quoteIdentifier, quoteList, quoteText } from '../sql.ts'
import { csvBuffers, type CsvReadOptions, onlyWhere } from './csv-select.ts'
import type { ColumnMapping, JsonDescription, JsonShape } from './description.ts'
import { exactNumbers, exactSample } from './json-exact.ts'
import { faultOf, isAsSampled, isCounted, unknownFields } from './json-faults.ts'
import { isMapText, mapEntries, type MapType, takesObjects } from './json-maps.ts'
import { isSound, judgedColumns } from './json-misfits.ts'

/** The text of an object, as the reader calls it: its other columns have the names of folders, `line` may be one. */
const LINE = `${HELPER_PREFIX}line`

/** A column of folders beside `line`, `s` and others of ours. */
function folderColumn(name: string): string {
  return quoteIdentifier(`${HELPER_PREFIX}in_${name}`)
}

/** What the reader gives beside the objects. */
export function hiveColumns({ hive }: JsonDescription): string {
  return hive.map((column) => `, ${folderColumn(column.name)}`).join('')
}

/**
 * The objects as the table's columns; a value that its type would change is an error, and so is one that would be dropped
 * ({@link FAULT_MARK}). They are read by the reader of CSV and taken apart afterwards: DuckDB's reader of JSON holds 45 to
 * 130 MB more, and passes over fields that it was not told of (docs/decisions/0026-lines-of-json.md).
 */
export function jsonSelect(
  description: JsonDescription,
  mapping: readonly ColumnMapping[],
  maxLineSizeBytes?: number,
): string {
  return `SELECT ${jsonColumns(description, mapping, false, 's.')} FROM ${soundLines(description, mapping, maxLineSizeBytes)}`
}

/** Stands before a fault ({@link faultOf}) in the error of {@link jsonSelect}. */
export const FAULT_MARK = 'icebox-fault: '

/** Rows of a column `s`, a struct with text in the leaves, beside the columns of folders. */
function soundLines(
  description: JsonDescription,
  mapping: readonly ColumnMapping[],
  maxLineSizeBytes: number | undefined,
): string {
  const { shape } = description
  const fault = faultOf(shape, 'line')
  const isSound = [isAsSampled(shape, 'line'), isCounted(shape, 'line', 's'), `${fault} IS NULL`]
  const isRow = `CASE WHEN ${isBlankLine('line')} THEN false ${isSound.map((is) => `WHEN ${is} THEN true`).join(' ')} ELSE error(${quoteText(FAULT_MARK)} || ${fault}) END`
  const struct = `CASE WHEN NOT ${isBlankLine('line')} THEN ${transformOf(description, 'line')} END`
  const options = maxLineSizeBytes === undefined ? {} : { maxLineSizeBytes }
  const hive = hiveColumns(description)
  const lines = `(SELECT line, ${struct} AS s${hive} FROM ${readLines(description, options)})`
  return onlyWhere(isRow, `s${hive}`, exactNumbers(shape, mapping, lines, hive, structureOf))
}

export function jsonColumns(
  description: JsonDescription,
  mapping: readonly ColumnMapping[],
  isChecked: boolean,
  prefix = '',
): string {
  return mapping
    .map((column) => {
      const isHive = description.hive.some((hive) => hive.name === column.source)
      const name = isHive ? folderColumn(column.source) : `${prefix}${quoteIdentifier(column.source)}`
      const shape = description.shape.fields.find((field) => field.name === column.source)?.shape
      const value =
        shape === undefined ? (isHive ? name : 'NULL') : converted(column.type, shape, name, column, isChecked, 0)
      return `${value} AS ${quoteIdentifier(column.name)}`
    })
    .join(', ')
}

/** `source` has the text type of `shape`; the result has the type of the table. */
function converted(
  type: Type,
  shape: JsonShape,
  source: string,
  column: ColumnMapping,
  isChecked: boolean,
  depth: number,
): string {
  if (type.kind === 'struct' && shape.kind === 'struct') {
    const fields = type.fields.map((field) => {
      const below = shape.fields.find((some) => some.name.toLowerCase() === field.name.toLowerCase())
      const value =
        below === undefined
          ? 'NULL'
          : converted(field.type, below.shape, `${source}.${quoteIdentifier(below.name)}`, column, isChecked, depth)
      return `${quoteIdentifier(field.name)} := ${value}`
    })
    return `CASE WHEN ${source} IS NOT NULL THEN struct_pack(${fields.join(', ')}) END`
  }
  if (type.kind === 'list' && shape.kind === 'list') {
    const item = `x${depth}`
    return `list_transform(${source}, lambda ${item}: ${converted(type.element, shape.element, item, column, isChecked, depth + 1)})`
  }
  if (type.kind === 'string') return source
  if (takesObjects(type)) return mapOf(type, source, column, isChecked, depth)
  // The sample had nothing but nulls here.
  if (!isPrimitive(type)) return nothingOrFail(type, source, column)
  const cast = checkedCast(type, source, { ...column, isJson: true })
  return isChecked ? cast.value : castOrFail(cast, column.source, source)
}

/** `source` is the text of the object. */
function mapOf(type: MapType, source: string, column: ColumnMapping, isChecked: boolean, depth: number): string {
  const entry = `m${depth}`
  const cast = checkedCast(type.value, `${entry}.v`, { ...column, isJson: true })
  const cell = isChecked ? cast.value : castOrFail(cast, column.source, `${entry}.v`)
  const value = type.valueRequired
    ? `CASE WHEN ${entry}.v IS NULL THEN ${failed(source, column)} ELSE ${cell} END`
    : cell
  const map = `map_from_entries(list_transform(${mapEntries(type, source, depth)}, lambda ${entry}: {'k': ${entry}.k, 'v': ${value}}))`
  return `CASE WHEN ${source} IS NULL THEN CAST(NULL AS ${toDuckDbType(type)}) WHEN ${isMapText(source)} THEN ${map} ELSE ${failed(source, column)} END`
}

function failed(source: string, column: ColumnMapping): string {
  return `error(${quoteText(`${CHECK_MARK} ${column.source}: `)} || left(CAST(${source} AS VARCHAR), 200))`
}

function nothingOrFail(type: Type, source: string, column: ColumnMapping): string {
  return `CASE WHEN ${source} IS NULL THEN CAST(NULL AS ${toDuckDbType(type)}) ELSE ${failed(source, column)} END`
}

/** True for rows all of whose values fit. */
export function goodJsonRow(description: JsonDescription, mapping: readonly ColumnMapping[], prefix = ''): string {
  const checks = judgedColumns(description, mapping, prefix).map(isSound)
  return checks.length === 0 ? 'true' : checks.join(' AND ')
}

/** Names of objects that the plan does not know, as text `path.name`, each once: a second reading, after one was found. */
export function unknownKeysSql(description: JsonDescription, options: CsvReadOptions = {}): string {
  const names = unknownFields(description.shape, 'json')
  return `SELECT DISTINCT unnest(${names}) AS name FROM ${jsonTexts(description, options)} LIMIT 100`
}

/**
 * The lines of NDJSON, read by `read_csv(…)`, a line a row. Its buffers are ours to choose; `read_json_objects` holds 85 MB whatever the objects are.
 */
function readLines(description: JsonDescription, options: CsvReadOptions): string {
  const maxLineBytes = options.maxLineSizeBytes ?? description.maxObjectBytes
  const settings = [
    quoteList(description.paths),
    'auto_detect = false',
    'header = false',
    'strict_mode = false',
    "quote = ''",
    "escape = ''",
    "delim = '\x01'",
    `columns = {'${LINE}': 'VARCHAR'}`,
    ...(description.compression === 'none' ? [] : [`compression = ${quoteText(description.compression)}`]),
    ...csvBuffers(maxLineBytes, maxLineBytes === undefined ? LINE_BUFFER_BYTES : 2 * maxLineBytes),
    hiveSetting(description.hive),
  ]
  const hive = description.hive.map(({ name }) => `, ${quoteIdentifier(name)} AS ${folderColumn(name)}`)
  return `(SELECT ${LINE} AS line${hive.join('')} FROM read_csv(${settings.join(', ')}))`
}

/** The smallest that takes lines of the reader's default: each JSON function holds ten times the texts of one buffer. */
const LINE_BUFFER_BYTES = 2_097_152
/** Ten times as long as the longest of a sample is not expected: an import that meets a line above the limit begins again. */
const SHORT_LINE_BYTES = 50_000
const SHORT_LINE_LIMIT = 500_000

/** `JsonDescription.maxObjectBytes` where a sample has no longer line; undefined: the reader's default. */
export function expectedLineLimit(longestBytes: number): number | undefined {
  return longestBytes <= SHORT_LINE_BYTES ? SHORT_LINE_LIMIT : undefined
}

/** Told by the first character, nearly always: `trim` looks at every one of a line, 12 ns each, and makes a copy. */
export function isBlankLine(line: string): string {
  return `CASE WHEN starts_with(${line}, '{') THEN false ELSE ${line} IS NULL OR ltrim(${line}) = '' END`
}

/** Rows of one column `json` with the objects as text; NULL for a blank line. Nothing is checked. */
export function jsonTexts(description: JsonDescription, options: CsvReadOptions = {}): string {
  return `(SELECT CASE WHEN ${isBlankLine('line')} THEN NULL ELSE line END AS json FROM ${readLines(description, options)})`
}

/** The same without blank lines: so many of them are so many objects. */
export function sampledTexts(description: JsonDescription, rows: number): string {
  return `(SELECT json FROM ${onlyWhere('json IS NOT NULL', 'json', jsonTexts(description))} LIMIT ${rows})`
}

/** Rows of one column `s`: the first objects as structs of the description's shape with text in the leaves. */
export function sampledRows(description: JsonDescription, rows: number): string {
  const struct = description.isTolerant === true ? structOf(description, 'json') : transformOf(description, 'json')
  const lines = `(SELECT json AS line, ${struct} AS s FROM ${sampledTexts(description, rows)})`
  return `(SELECT s FROM ${exactSample(description.shape, lines, structureOf)})`
}

/** Lines of NDJSON as text, and as a struct `s` of the description's shape where they are objects; blank lines too. */
export function ndjsonLines(
  description: JsonDescription,
  mapping: readonly ColumnMapping[],
  options: CsvReadOptions,
): string {
  const hive = hiveColumns(description)
  const lines = `(SELECT line, ${structOf(description, 'line')} AS s${hive} FROM ${readLines(description, options)})`
  return exactNumbers(description.shape, mapping, lines, hive, structureOf)
}

function structOf(description: JsonDescription, text: string): string {
  return `CASE WHEN json_valid(${text}) AND json_type(${text}) = 'OBJECT' THEN ${transformOf(description, text)} END`
}

function transformOf(description: JsonDescription, text: string): string {
  return `json_transform(${text}, ${quoteText(JSON.stringify(structureOf(description.shape)))})`
}

function structureOf(shape: JsonShape): unknown {
  if (shape.kind === 'list') return [structureOf(shape.element)]
  if (shape.kind === 'struct' && shape.fields.length > 0) {
    return Object.fromEntries(shape.fields.map((field) => [field.name, structureOf(field.shape)]))
  }
  return 'VARCHAR'
}
