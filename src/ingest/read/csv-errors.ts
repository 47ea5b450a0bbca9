import { formatBytes, IceboxError } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import { CHECK_MARK } from '../inspect/checked-cast.ts'
import { RecordSplitter, type RecordText } from '../inspect/records.ts'
import { readChunks } from '../source/bytes.ts'
import { quoteIdentifier } from '../sql.ts'
import {
  type BadRow,
  badRows,
  type BadValue,
  mayBeOfSource,
  SHOWN_LINE_CHARACTERS,
  quotedOrNull,
  verdictSql,
} from './bad-values.ts'
import { type CsvReadOptions, isNullHere, readCsv } from './csv-select.ts'
import { firstOtherEnd, firstPair } from './csv-scan.ts'
import type { ColumnMapping, CsvDescription, CsvGroup } from './description.ts'
import { explainGzipError } from './gzip-errors.ts'
import { DEFAULT_MAX_LINE_BYTES } from './line-sizes.ts'
import { ruleOf } from './value-rule.ts'

interface Scene {
  readonly session: EngineSession
  /** How the source was read when it failed. */
  readonly read?: CsvReadOptions
  readonly signal?: AbortSignal
}

/**
 * What DuckDB said of a CSV file as an error of ours, with file, line, column, value and expected type. A value that a
 * check refused is looked for in a second, ordered reading: errors are rare and the copy stays fast.
 */
export async function explainCsvError(
  error: unknown,
  description: CsvDescription,
  mapping: readonly ColumnMapping[],
  scene: Scene,
): Promise<unknown> {
  for (const { paths, compression } of description.groups) {
    const packed = await explainGzipError(error, paths, compression, scene.signal)
    if (packed !== undefined) return packed
  }
  if (!mayBeOfSource(error)) return error
  const text = error.message
  if (/not latin-1 encoded/i.test(text)) return notLatin(error, description, scene)
  if (/not utf-16 encoded/i.test(text)) return notWide(error, description, scene)
  if (/state machine reached an invalid state/i.test(text)) return mixedEnds(error, description, scene)
  const direct = readError(text, error, description, await recordOf(text, description, scene.signal))
  if (direct !== undefined) return direct
  if (
    mapping.length > 0 &&
    (error.code === 'schema/mismatch' ||
      text.includes(CHECK_MARK) ||
      /could not convert|could not parse|out of range|conversion|field (value|format)|invalid input|unknown timezone/i.test(
        text,
      ))
  ) {
    for (const group of description.groups) {
      for (const path of group.paths) {
        const bad = await firstBadValue(description, { ...group, paths: [path] }, mapping, scene)
        if (bad !== undefined) return badValueError(bad, error)
      }
    }
  }
  return error
}

export function badValueError(bad: BadValue, cause: unknown): IceboxError {
  return new IceboxError('source/row', {
    message: `${bad.file}, line ${bad.line}, column '${bad.column}': ${quotedOrNull(bad.value)} ${bad.rule}`,
    remedy: 'mend the row, declare another type with --schema, or set bad rows aside with --on-error reject',
    context: { file: bad.file, line: bad.line, column: bad.column, value: bad.value, rule: bad.rule },
    cause,
  })
}

/** The reader says that bytes are not Latin-1, not where: they are 0x80 to 0x9f, as of the euro sign in windows-1252. */
async function notLatin(cause: IceboxError, description: CsvDescription, scene: Scene): Promise<IceboxError> {
  const place = await firstControlByte(description, scene)
  const where = place === undefined ? (description.groups[0]?.paths[0] ?? '') : `${place.file}, line ${place.line}`
  return new IceboxError('source/encoding', {
    message: `${where}: the text is not latin-1: ${place === undefined ? 'a byte' : `the byte 0x${place.byte.toString(16)}`} is no character there`,
    remedy: 'it may be windows-1252: convert the file with iconv -f WINDOWS-1252 -t UTF-8',
    context: place === undefined ? {} : { file: place.file, line: place.line },
    cause,
  })
}

async function notWide(cause: IceboxError, description: CsvDescription, { signal }: Scene): Promise<IceboxError> {
  const found = await firstPair(description, signal)
  return new IceboxError('source/encoding', {
    message:
      found === undefined
        ? `${description.groups[0]?.paths[0] ?? ''}: the text is not utf-16`
        : `${found.file}, line ${found.line}: '${found.text}' is beyond U+FFFF, and such characters cannot be read from UTF-16`,
    remedy: 'convert the file: iconv -f UTF-16LE -t UTF-8',
    context: found === undefined ? {} : { file: found.file, line: found.line },
    cause,
  })
}

async function mixedEnds(cause: IceboxError, description: CsvDescription, { signal }: Scene): Promise<IceboxError> {
  const found = await firstOtherEnd(description, signal)
  const file = found?.file ?? description.groups[0]?.paths[0] ?? ''
  if (found === undefined)
    return rowError(`${file} has quotes, or a CR at its end, that cannot be read`, { file }, cause)
  const { line, text } = found
  if (text === 'CR') {
    return new IceboxError('source/format', {
      message: `${file}, line ${line} holds a CR without LF outside of quotes, which cannot be read`,
      remedy: String.raw`put the value into quotes, or convert the file: tr '\r' ' ' (tr '\r' '\n' where a CR ends lines)`,
      context: { file, line },
      cause,
    })
  }
  return new IceboxError('source/format', {
    message: `${file}, line ${line} ends with ${text} and the lines before it with ${text === 'LF' ? 'CRLF' : 'LF'}: mixed line ends cannot be read`,
    remedy: String.raw`make them alike: sed 's/\r$//' (line ends inside quotes too)`,
    context: { file, line },
    cause,
  })
}

async function firstControlByte(
  description: CsvDescription,
  { signal }: Scene,
): Promise<{ file: string; line: number; byte: number } | undefined> {
  for (const { paths, compression } of description.groups) {
    if (compression === 'zstd') continue
    for (const file of paths) {
      let line = 1
      for await (const chunk of readChunks(file, compression, signal)) {
        const at = chunk.findIndex((byte) => byte >= 0x80 && byte <= 0x9f)
        const end = at < 0 ? chunk.length : at
        for (let place = chunk.indexOf(10); place >= 0 && place < end; place = chunk.indexOf(10, place + 1)) line++
        if (at >= 0) return { file, line, byte: chunk[at] ?? 0 }
      }
    }
  }
  return undefined
}

function numberIn(text: string): number {
  return Number(/CSV Error on Line: (\d+)/.exec(text)?.[1] ?? Number.NaN)
}

function fileIn(text: string, { groups }: CsvDescription): string {
  return /^ {2}file = (.+)$/m.exec(text)?.[1] ?? groups[0]?.paths[0] ?? ''
}

/** The record that an error of the reader is about. */
async function recordOf(
  text: string,
  description: CsvDescription,
  signal: AbortSignal | undefined,
): Promise<RecordText | undefined> {
  const number = numberIn(text)
  if (Number.isNaN(number)) return undefined
  await using numbered = numberedRecords(fileIn(text, description), description, signal)
  return await numbered.recordOf(number)
}

export interface NumberedRecords extends AsyncDisposable {
  /** The record with a number of the engine, asked for in order; undefined where it cannot be told. */
  recordOf(number: number): Promise<RecordText | undefined>
}

/** The records of a file by the numbers that the engine gives them ({@link RecordText}). */
export function numberedRecords(
  path: string,
  description: CsvDescription,
  signal: AbortSignal | undefined,
): NumberedRecords {
  const group = description.groups.find(({ paths }) => paths.includes(path))
  // Node 20 has no zstd.
  const all =
    group === undefined || group.compression === 'zstd' ? undefined : records(path, group, description, signal)
  let last: RecordText | undefined
  return {
    recordOf: async (number) => {
      if (all === undefined) return undefined
      while ((last?.number ?? 0) < number) {
        const next = await all.next()
        if (next.done === true) return undefined
        last = next.value
      }
      return last?.number === number ? last : undefined
    },
    [Symbol.asyncDispose]: async () => {
      await all?.return(undefined)
    },
  }
}

/** Of the reader that looks for the bad value. */
const BUFFER_BYTES = 4_000_000

/** Errors that DuckDB's CSV reader places itself. */
function readError(
  text: string,
  cause: IceboxError,
  description: CsvDescription,
  record: RecordText | undefined,
): IceboxError | undefined {
  const line = record?.line ?? numberIn(text)
  const file = fileIn(text, description)
  const where = `${file}, line ${line}`
  const raw = (record?.raw.split('\n')[0] ?? /Original Line: ?(.*)/.exec(text)?.[1] ?? '').slice(0, 200)
  const context = Number.isNaN(line) ? { file } : { file, line, raw }
  if (/Maximum line size of (\d+)/i.test(text)) {
    const limit = Number(/Maximum line size of (\d+)/i.exec(text)?.[1])
    return new IceboxError('source/line-too-long', {
      message: `${Number.isNaN(line) ? file : where}: a record is longer than ${formatBytes(limit)}`,
      remedy: 'raise ingest.max_line_size, or check that quotes are balanced',
      context: { ...context, limitBytes: limit },
      cause,
    })
  }
  if (/does not support a full read on this file/.test(text)) {
    // What the parallel reader says of a record that is longer than its buffer.
    const limit = description.maxLineSizeBytes ?? DEFAULT_MAX_LINE_BYTES
    return new IceboxError('source/line-too-long', {
      message: `${file}: a record is longer than ${formatBytes(limit)}`,
      remedy: 'raise ingest.max_line_size, or check that quotes are balanced',
      context: { file, limitBytes: limit },
      cause,
    })
  }
  if (/invalid unicode|not utf-8 encoded/i.test(text)) {
    return new IceboxError('source/encoding', {
      message: `${Number.isNaN(line) ? file : where}: the text is not ${description.encoding ?? 'UTF-8'}`,
      remedy: 'convert the file to UTF-8, or name its encoding (utf-16, latin-1)',
      context,
      cause,
    })
  }
  const columns = /Expected Number of Columns: (\d+) Found: (\d+)/.exec(text)
  if (columns !== null) {
    const [, expected = '', found = ''] = columns
    const group = description.groups.find((some) => some.paths.includes(file))
    if (group?.compression === 'gzip') {
      // A gzip file that was cut off looks like this; the scan beside the copy tells the two apart.
      return rowError(
        `${where} has ${found} fields instead of ${expected} (or the compressed file ends here)`,
        { ...context, expected: Number(expected), found: Number(found) },
        cause,
      )
    }
    return rowError(
      `${where} has ${found} fields instead of ${expected}: ${raw}`,
      { ...context, expected: Number(expected), found: Number(found) },
      cause,
    )
  }
  if (/unterminated|Value with unterminated quote/i.test(text))
    return rowError(`${where}: a quote is not closed`, context, cause)
  if (!Number.isNaN(line) && !/Error when converting column/.test(text))
    return rowError(`${where}: ${text.split('\n')[1] ?? raw}`, context, cause)
  return undefined
}

function rowError(message: string, context: IceboxError['context'], cause: unknown): IceboxError {
  return new IceboxError('source/row', {
    message,
    remedy: 'mend the row, or set bad rows aside with --on-error reject',
    context,
    cause,
  })
}

async function firstBadValue(
  description: CsvDescription,
  group: CsvGroup,
  mapping: readonly ColumnMapping[],
  scene: Scene,
): Promise<BadValue | undefined> {
  for await (const bad of badValues(description, group, mapping, scene, 1, new Set())) return bad
  return undefined
}

/**
 * The rows of one file that a check refuses, in order, at most `limit`. `skipped` are numbers of records that DuckDB set
 * aside and did not count as rows.
 */
export async function* badValues(
  description: CsvDescription,
  group: CsvGroup,
  mapping: readonly ColumnMapping[],
  scene: Scene,
  limit: number,
  skipped: ReadonlySet<number>,
): AsyncGenerator<BadValue> {
  const path = group.paths[0] ?? ''
  const columns = mapping.filter(
    (column) => group.names.includes(column.source) || isNullHere(description, group, column),
  )
  const read = readCsv(description, group, {
    bufferBytes: BUFFER_BYTES,
    ...scene.read,
    storesRejects: skipped.size > 0,
  })
  const verdict = verdictSql(columns, (column) =>
    isNullHere(description, group, column) ? 'NULL::VARCHAR' : quoteIdentifier(column.source),
  )
  const rows = `SELECT true AS counts, ${verdict} AS bad, NULL AS raw FROM ${read}`
  const described = ({ column: at, value }: BadRow, line: number, raw: string): BadValue[] => {
    const column = columns[at]
    return column === undefined
      ? []
      : [{ file: path, line, column: column.source, value, rule: ruleOf(column, value), raw }]
  }
  const bad = badRows(scene.session, rows, limit, scene.signal)
  try {
    if (group.compression === 'zstd') {
      // Node 20 has no zstd: there every record counts as a line.
      for await (const row of bad) yield* described(row, row.ordinal + (group.dialect.hasHeader ? 1 : 0), '')
      return
    }
    let next = await bad.next()
    const header = group.dialect.hasHeader ? (group.blankLines ?? 0) + 1 : 0
    let [ordinal, line, passed] = [header === 0 ? 0 : -1, 0, 0]
    for await (const record of records(path, group, description, scene.signal)) {
      if (next.done === true) return
      if (skipped.has(record.number)) {
        passed++
        continue
      }
      // Of one column a blank line is a row, though no record.
      ordinal = group.names.length === 1 ? record.number - header - passed : ordinal + 1
      line = record.line
      for (; next.done !== true && next.value.ordinal <= ordinal; next = await bad.next()) {
        const blanks = ordinal - next.value.ordinal
        yield* described(next.value, line - blanks, blanks === 0 ? record.raw : '')
      }
    }
    for (; next.done !== true; next = await bad.next()) yield* described(next.value, ++line, '')
  } finally {
    await bad.return(undefined)
  }
}

/** The records of a file with their lines, as far as they are shown. */
async function* records(
  path: string,
  group: CsvGroup,
  description: CsvDescription,
  signal: AbortSignal | undefined,
): AsyncGenerator<RecordText> {
  const splitter = new RecordSplitter(group.dialect, SHOWN_LINE_CHARACTERS)
  const encoding = description.encoding
  const decoder = new TextDecoder(encoding === undefined ? 'utf-8' : /^utf-?16/i.test(encoding) ? 'utf-16le' : 'latin1')
  for await (const chunk of readChunks(path, group.compression, signal)) {
    yield* splitter.push(decoder.decode(chunk, { stream: true }), false)
  }
  yield* splitter.push(decoder.decode(), true)
}
