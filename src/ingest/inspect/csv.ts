import { isDeepStrictEqual } from 'node:util'
import { IceboxError, isIceboxError } from '../../base/index.ts'
import { isWide, refuseLongLines, withLineSizes } from '../read/line-sizes.ts'
import type { EngineSession } from '../../engine/index.ts'
import { readGzipHead, readHead } from '../source/bytes.ts'
import type { Compression } from '../source/format.ts'
import { type HiveColumn, hiveColumns } from '../source/hive.ts'
import type { SourceFile } from '../source/locate.ts'
import type { CsvDescription, CsvGroup, FoundColumn, Inspection } from '../read/description.ts'
import { readCsv } from '../read/csv-select.ts'
import { quoteIdentifier, quoteText, textOf } from '../sql.ts'
import type { AskedFormats } from './asked-formats.ts'
import { detectDialect, type GivenDialect } from './dialect.ts'
import type { CsvRecord } from './records.ts'
import { encodingOf, refuseLoneReturns, refuseWide } from './encoding.ts'
import { checkNames, checkSpelling } from './names.ts'
import { explainCsvError } from '../read/csv-errors.ts'
import { inspectTexts, type TextColumn, type TextSample, whyOf } from './text-columns.ts'

export interface CsvOptions extends AskedFormats {
  readonly delimiter?: string | undefined
  readonly quote?: string | undefined
  /** What stands before a quote inside of a quoted field; the quote itself where the file reads so. */
  readonly escape?: string | undefined
  readonly header?: boolean | undefined
  readonly encoding?: string | undefined
  readonly nullText?: string | undefined
}

export interface InspectScene {
  readonly session: EngineSession
  readonly sampleRows: number
  /** `ingest.max_line_size` */
  readonly maxLineSizeBytes: number
  readonly csv: CsvOptions
  /** Columns of JSON whose objects become maps, in lower case: their names are values, which may be anything. */
  readonly mapColumns: ReadonlySet<string>
  /** Rows that cannot be read are passed over: they are set aside when they are imported. */
  readonly isTolerant: boolean
  /** What the engine may hold. */
  readonly memoryLimitBytes: number
  readonly signal?: AbortSignal
}

const HEAD_BYTES = 256 * 1024
const OTHER_HEAD_BYTES = 64 * 1024
/** So few records in a head mean that they are long. */
const FEW_RECORDS = 20
/** The reader's buffer while sampling: a few megabytes of rows are looked at. */
const SAMPLE_BUFFER_BYTES = 4_000_000
const MAX_SAMPLE_BYTES = 16_000_000

/** Dialect, columns and types of CSV files from their heads and a bounded sample; nothing is left to DuckDB's sniffer. */
export async function inspectCsv(
  files: readonly (SourceFile & { readonly compression: Compression })[],
  asked: InspectScene,
): Promise<Inspection> {
  const { encoding: named, ...csv } = asked.csv
  const encoding = encodingOf(named)
  const scene: InspectScene = { ...asked, csv: { ...csv, ...(encoding !== undefined && { encoding }) } }
  const hive = hiveColumns(files)
  const notes: string[] = []
  const { groups, lineBytes } = await groupFiles(files, scene, notes)
  let description: CsvDescription = {
    format: 'csv',
    groups,
    encoding,
    nullText: scene.csv.nullText,
    hive,
  }
  const names = [...new Set(groups.flatMap((group) => group.names))]
  checkSpelling(groups.map((group) => ({ path: group.paths[0] ?? '', names: group.names })))
  checkNames([...names, ...hive.map((column) => column.name)], groups[0]?.paths[0] ?? '')
  const lines = {
    files,
    hasLines: !isWide(encoding),
    limitBytes: scene.maxLineSizeBytes,
    signal: scene.signal,
  }
  const sample = await withLineSizes(lines, async (maxLineSizeBytes) => {
    if (maxLineSizeBytes !== undefined) description = { ...description, maxLineSizeBytes }
    return sampleColumns(description, names, scene, lineBytes)
  })
  const missing = names.filter((name) => groups.some((group) => !group.names.includes(name)))
  if (missing.length > 0) notes.push(`columns that some files do not have are NULL there: ${missing.join(', ')}`)
  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes * (file.compression === 'none' ? 1 : 5), 0)
  return {
    description,
    columns: [...sample.columns, ...hive.map(foundInPath)],
    sampledRows: sample.rows,
    estimatedRows:
      sample.isAll || sample.rows === 0 ? sample.rows : Math.round(totalBytes / Math.max(1, sample.textBytesPerRow)),
    areRowsCounted: sample.isAll,
    rowWidthBytes: sample.rowWidthBytes + hive.length * 8,
    notes,
  }
}

export function foundInPath(column: HiveColumn): FoundColumn {
  return { name: column.name, sourceType: column.type, why: `from the folders (${column.name}=…)`, note: column.note }
}

async function groupFiles(
  files: readonly (SourceFile & { readonly compression: Compression })[],
  scene: InspectScene,
  notes: string[],
): Promise<{ groups: CsvGroup[]; lineBytes: number }> {
  const groups: (CsvGroup & { paths: string[] })[] = []
  /** Files with the same header are not looked at any closer. */
  const byHeader = new Map<string, CsvGroup & { paths: string[] }>()
  let lineBytes = 1
  for (const file of files) {
    if (file.sizeBytes === 0) {
      notes.push(`${file.path} is empty and was passed over`)
      continue
    }
    const isFirst = groups.length === 0
    const { text, isWhole, isText } = await headText(file, isFirst ? HEAD_BYTES : OTHER_HEAD_BYTES, scene)
    refuseLoneReturns(file.path, text)
    const [blanks = '', firstLine = ''] = /^((?:\r?\n)*)(.*)/.exec(text)?.slice(1) ?? []
    const blankLines = blanks.split('\n').length - 1
    if (isFirst && /(^|[,;\t|\n])""(?=[,;\t|\r\n]|$)/.test(text))
      notes.push('empty fields are NULL, also where they are quoted ("")')
    // A line that ends within quotes is the beginning of a header.
    const isWholeLine = firstLine.split(scene.csv.quote ?? '"').length % 2 === 1
    const header = isWholeLine ? `${file.compression} ${blankLines} ${firstLine}` : undefined
    const known = header === undefined ? undefined : byHeader.get(header)
    if (known !== undefined) {
      known.paths.push(file.path)
      continue
    }
    const extension =
      file.path
        .replace(/\.(gz|gzip|zst|zstd)$/i, '')
        .split('.')
        .at(-1)
        ?.toLowerCase() ?? ''
    const detected = detectDialect(text, isWhole, given(scene.csv), extension)
    const first = detected.records[0]
    if (first === undefined) {
      notes.push(`${file.path} holds blank lines only and was passed over`)
      continue
    }
    if (detected.hasHeader && !isText && first.raw.includes('\ufffd')) throw otherEncoding(file.path)
    const names = detected.hasHeader ? first.fields : first.fields.map((_, at) => `column${at}`)
    const { delimiter, quote, escape, hasHeader } = detected
    const dialect = { delimiter, quote, escape, hasHeader }
    const group = { paths: [file.path], compression: file.compression, dialect, blankLines, names }
    const alike = groups.find((some) => isDeepStrictEqual({ ...some, paths: group.paths }, group))
    if (alike !== undefined) {
      alike.paths.push(file.path)
      continue
    }
    checkNames(names, file.path)
    lineBytes = Math.max(lineBytes, lineLength(detected.records, isWhole ? 0 : text.length))
    notes.push(...detected.notes.map((note) => (files.length === 1 ? note : `${file.path}: ${note}`)))
    groups.push(group)
    if (hasHeader && header !== undefined) byHeader.set(header, group)
  }
  if (groups.length === 0) throw emptySource(files.map((file) => file.path))
  return { groups, lineBytes }
}

/** Average length of the first records; of ones that are longer than the head only that is known. */
function lineLength(records: readonly CsvRecord[], headLength: number): number {
  const length = records.reduce((sum, record) => sum + record.raw.length + 1, 0)
  return records.length < FEW_RECORDS ? Math.max(length, headLength) / records.length : length / records.length
}

/** The reader passes over the header, whatever its bytes are. */
function otherEncoding(path: string): IceboxError {
  return new IceboxError('source/encoding', {
    message: `${path}: the names in its header are not UTF-8`,
    remedy: 'convert the file to UTF-8, or name its encoding (utf-16, latin-1)',
    context: { file: path },
  })
}

export function emptySource(paths: readonly string[], what = 'holds no data'): IceboxError {
  return new IceboxError('source/empty', {
    message: `${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ` and ${paths.length - 3} more` : ''} ${what}`,
    remedy: 'check that the file was written whole',
    context: { files: paths.slice(0, 10) },
  })
}

function given(csv: CsvOptions): GivenDialect {
  return { delimiter: csv.delimiter, quote: csv.quote, escape: csv.escape, hasHeader: csv.header }
}

/** The first text of a file, without byte order mark; `isText`: no byte of it became U+FFFD. */
async function headText(
  file: SourceFile & { readonly compression: Compression },
  bytes: number,
  scene: InspectScene,
): Promise<{ text: string; isWhole: boolean; isText: boolean }> {
  if (file.compression === 'zstd') {
    // Node 20 has no zstd: DuckDB reads the lines.
    try {
      await using stream = await scene.session.stream(
        `SELECT left(line, ${bytes}) AS line FROM read_csv(${quoteText(file.path)}, compression = 'zstd', auto_detect = false, header = false, quote = '', escape = '', delim = '\x01', columns = {'line': 'VARCHAR'}, buffer_size = ${SAMPLE_BUFFER_BYTES}) LIMIT 500`,
        { threads: 1, ...(scene.signal === undefined ? {} : { signal: scene.signal }) },
      )
      let text = ''
      for await (const batch of stream) {
        for (const line of batch.column(0)) if (text.length < bytes) text += `${textOf(line)}\n`
        if (text.length >= bytes) break
      }
      return { text, isWhole: true, isText: true }
    } catch (error) {
      const dialect = { delimiter: '\x01', quote: '', escape: '', hasHeader: false }
      const group = { paths: [file.path], compression: file.compression, dialect, names: ['line'] }
      const read: CsvDescription = {
        format: 'csv',
        groups: [group],
        encoding: undefined,
        nullText: undefined,
        hive: [],
      }
      throw await explainCsvError(error, read, [], { session: scene.session })
    }
  }
  const head = file.compression === 'gzip' ? await readGzipHead(file.path, bytes) : await readHead(file.path, bytes)
  const isWhole = head.length < bytes
  const { encoding } = scene.csv
  refuseWide(file.path, head, encoding)
  const label = encoding === undefined ? 'utf-8' : isWide(encoding) ? 'utf-16le' : 'latin1'
  const text = new TextDecoder(label).decode(head)
  return { text, isWhole, isText: !text.includes('\ufffd') || (label === 'utf-8' && isDecoded(head)) }
}

/** A head may end within a character. */
function isDecoded(head: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
    return true
  } catch {
    return false
  }
}

interface SampleResult {
  readonly columns: FoundColumn[]
  readonly rows: number
  /** The source has no more rows. */
  readonly isAll: boolean
  readonly rowWidthBytes: number
  readonly textBytesPerRow: number
}

async function sampleColumns(
  description: CsvDescription,
  names: readonly string[],
  scene: InspectScene,
  lineBytes: number,
): Promise<SampleResult> {
  const { session, signal } = scene
  const rows = Math.min(scene.sampleRows, Math.max(256, Math.floor(MAX_SAMPLE_BYTES / Math.max(1, lineBytes))))
  const sample: TextSample = {
    session,
    names,
    memoryLimitBytes: scene.memoryLimitBytes,
    asked: scene.csv,
    signal,
    select: (wanted, limit = rows) => rowsOf(description, wanted, Math.min(limit, rows), scene.isTolerant),
  }
  try {
    const seen = await inspectTexts(sample)
    const isText = (column: TextColumn) => column.decision.type === 'VARCHAR'
    const perRow = (column: TextColumn) => (seen.rows === 0 ? 0 : column.textBytes / seen.rows)
    return {
      rows: seen.rows,
      // A group of files is read up to its share of the sample; rows that are set aside are not in it.
      isAll: !scene.isTolerant && seen.rows < rowsEach(description, rows),
      columns: seen.columns.map(found),
      rowWidthBytes: seen.columns.reduce((sum, column) => sum + (isText(column) ? 16 + perRow(column) : 8), 0),
      textBytesPerRow: seen.columns.reduce((sum, column) => sum + perRow(column) + 1, 0),
    }
  } catch (error) {
    const scope = { session, ...(signal === undefined ? {} : { signal }) }
    const explained = await explainCsvError(error, description, [], scope)
    if (isIceboxError(explained, 'source/row')) await refuseLongLines(description, undefined, signal)
    throw explained
  }
}

/** Rows of a sample that each group may have. */
function rowsEach({ groups }: CsvDescription, rows: number): number {
  return Math.max(1, Math.ceil(rows / groups.length))
}

/** SQL of the first rows of all groups. */
function rowsOf(description: CsvDescription, names: readonly string[], rows: number, isTolerant: boolean): string {
  const parts = description.groups.map((group) => {
    const columns = names.map((name) =>
      group.names.includes(name) ? quoteIdentifier(name) : `NULL::VARCHAR AS ${quoteIdentifier(name)}`,
    )
    const read = readCsv({ ...description, hive: [] }, group, {
      storesRejects: isTolerant,
      bufferBytes: SAMPLE_BUFFER_BYTES,
    })
    return `(SELECT ${columns.join(', ')} FROM ${read} LIMIT ${rowsEach(description, rows)})`
  })
  return `(SELECT * FROM (${parts.join(' UNION ALL ')}) LIMIT ${rows})`
}

function found({ name, decision, values, textBytes, hasFewValues }: TextColumn): FoundColumn {
  return {
    name,
    sourceType: decision.type,
    why: whyOf(decision, values),
    note: decision.note,
    format: decision.format,
    isAmbiguous: decision.isAmbiguous,
    usualLength: values === 0 ? undefined : Math.round(textBytes / values),
    hasFewValues,
  }
}
