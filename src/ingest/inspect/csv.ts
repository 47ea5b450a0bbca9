import { IceboxError, isIceboxError, formatCount } from '../../base/index.ts'
import { refuseLongLines, withLineSizes } from '../read/line-sizes.ts'
import type { EngineSession, SqlValue } from '../../engine/index.ts'
import { readGzipHead, readHead } from '../source/bytes.ts'
import type { Compression } from '../source/format.ts'
import { type HiveColumn, hiveColumns } from '../source/hive.ts'
import type { SourceFile } from '../source/locate.ts'
import type { CsvDescription, CsvGroup, FoundColumn, Inspection } from '../read/description.ts'
import { readCsv } from '../read/csv-select.ts'
import { quoteIdentifier, quoteText, textOf } from '../sql.ts'
import { parseStaticType } from '../types/static-type.ts'
import { acceptsText, checkedCast } from './checked-cast.ts'
import { decide, type Evidence, newEvidence, observe, type TextDecision } from './classify.ts'
import { detectDialect, type GivenDialect } from './dialect.ts'
import { checkNames } from './names.ts'
import { explainCsvError } from '../read/csv-errors.ts'

export interface CsvOptions {
  readonly delimiter?: string
  readonly quote?: string
  readonly header?: boolean
  readonly encoding?: string
  readonly dateFormat?: string
  readonly timestampFormat?: string
  readonly nullText?: string
}

export interface InspectScene {
  readonly session: EngineSession
  readonly sampleRows: number
  /** `ingest.max_line_size` */
  readonly maxLineSizeBytes: number
  readonly csv: CsvOptions
  /** Rows that cannot be read are passed over: they are set aside when they are imported. */
  readonly isTolerant: boolean
  readonly signal?: AbortSignal
}

const HEAD_BYTES = 256 * 1024
const OTHER_HEAD_BYTES = 64 * 1024
/** The sample lies in memory while it is looked at. */
/** The reader's buffer while sampling: a few megabytes of rows are looked at. */
const SAMPLE_BUFFER_BYTES = 4_000_000
const MAX_SAMPLE_BYTES = 16_000_000
const ROWS_IN_SCRIPT = 1_000
const MOST_VALUES = 25_000
const MAX_ROUNDS = 6

/** Dialect, columns and types of CSV files from their heads and a bounded sample; nothing is left to DuckDB's sniffer. */
export async function inspectCsv(
  files: readonly (SourceFile & { readonly compression: Compression })[],
  scene: InspectScene,
): Promise<Inspection> {
  const hive = hiveColumns(files)
  const notes: string[] = []
  const { groups, lineBytes } = await groupFiles(files, scene, notes)
  let description: CsvDescription = {
    format: 'csv',
    groups,
    encoding: scene.csv.encoding,
    nullText: scene.csv.nullText,
    hive,
  }
  const names = [...new Set(groups.flatMap((group) => group.names))]
  checkNames([...names, ...hive.map((column) => column.name)], groups[0]?.paths[0] ?? '')
  const sample = await withLineSizes(scene.maxLineSizeBytes, async (maxLineSizeBytes) => {
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
    estimatedRows: sample.rows === 0 ? 0 : Math.round(totalBytes / Math.max(1, sample.textBytesPerRow)),
    rowWidthBytes: sample.rowWidthBytes + hive.length * 8,
    notes,
  }
}

export function foundInPath(column: HiveColumn): FoundColumn {
  return { name: column.name, sourceType: column.type, why: `from the folders (${column.name}=…)` }
}

async function groupFiles(
  files: readonly (SourceFile & { readonly compression: Compression })[],
  scene: InspectScene,
  notes: string[],
): Promise<{ groups: CsvGroup[]; lineBytes: number }> {
  const byFirstLine = new Map<string, CsvGroup & { paths: string[] }>()
  let lineBytes = 1
  for (const file of files) {
    if (file.sizeBytes === 0) {
      notes.push(`${file.path} is empty and was passed over`)
      continue
    }
    const isFirst = byFirstLine.size === 0
    const { text, isWhole } = await headText(file, isFirst ? HEAD_BYTES : OTHER_HEAD_BYTES, scene)
    const firstLine = text.slice(0, text.search(/\r?\n|$/))
    if (isFirst && /(^|[,;\t|\n])""(?=[,;\t|\r\n]|$)/.test(text))
      notes.push('empty fields are NULL, also where they are quoted ("")')
    const known = byFirstLine.get(`${file.compression} ${firstLine}`)
    // Headless files differ in their first line, yet belong together.
    const headless = [...byFirstLine.values()].find(
      (group) => !group.dialect.hasHeader && group.compression === file.compression,
    )
    if (known?.dialect.hasHeader === true) {
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
    const names = detected.hasHeader ? first.fields : first.fields.map((_, at) => `column${at}`)
    const { delimiter, quote, escape, hasHeader } = detected
    if (
      headless !== undefined &&
      !hasHeader &&
      headless.names.length === names.length &&
      headless.dialect.delimiter === delimiter
    ) {
      headless.paths.push(file.path)
      continue
    }
    checkNames(names, file.path)
    const recordBytes = detected.records.reduce((sum, record) => sum + record.raw.length + 1, 0)
    lineBytes = Math.max(lineBytes, recordBytes / detected.records.length)
    notes.push(...detected.notes.map((note) => (files.length === 1 ? note : `${file.path}: ${note}`)))
    byFirstLine.set(`${file.compression} ${firstLine}`, {
      paths: [file.path],
      compression: file.compression,
      dialect: { delimiter, quote, escape, hasHeader },
      names,
    })
  }
  if (byFirstLine.size === 0) throw emptySource(files.map((file) => file.path))
  return { groups: [...byFirstLine.values()], lineBytes }
}

export function emptySource(paths: readonly string[], what = 'holds no data'): IceboxError {
  return new IceboxError('source/empty', {
    message: `${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ` and ${paths.length - 3} more` : ''} ${what}`,
    remedy: 'check that the file was written whole',
    context: { files: paths.slice(0, 10) },
  })
}

function given(csv: CsvOptions): GivenDialect {
  return { delimiter: csv.delimiter, quote: csv.quote, hasHeader: csv.header }
}

/** The first text of a file, without byte order mark. UTF-16 is recognised by its mark and refused unless it was named. */
async function headText(
  file: SourceFile & { readonly compression: Compression },
  bytes: number,
  scene: InspectScene,
): Promise<{ text: string; isWhole: boolean }> {
  if (file.compression === 'zstd') {
    // Node 20 has no zstd: DuckDB reads the lines.
    const rows = await scene.session.all(
      `SELECT line FROM read_csv(${quoteText(file.path)}, compression = 'zstd', auto_detect = false, header = false, quote = '', escape = '', delim = '\x01', columns = {'line': 'VARCHAR'}, parallel = false) LIMIT 500`,
    )
    return { text: rows.map((row) => `${textOf(row['line'])}\n`).join(''), isWhole: true }
  }
  const head = file.compression === 'gzip' ? await readGzipHead(file.path, bytes) : await readHead(file.path, bytes)
  const isWhole = head.length < bytes
  const { encoding } = scene.csv
  if (encoding === undefined && ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff))) {
    throw new IceboxError('source/encoding', {
      message: `${file.path} is UTF-16 (its first bytes are a UTF-16 byte order mark)`,
      remedy: 'name the encoding: utf-16',
      context: { file: file.path },
    })
  }
  const label =
    encoding === undefined
      ? 'utf-8'
      : /^utf-?16/i.test(encoding)
        ? 'utf-16le'
        : /^latin/i.test(encoding)
          ? 'latin1'
          : encoding
  try {
    return { text: new TextDecoder(label).decode(head), isWhole }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new IceboxError('source/encoding', {
      message: `the encoding '${encoding}' is not known`,
      remedy: 'use utf-8, utf-16 or latin-1',
      context: { encoding: encoding ?? '' },
      cause: error,
    })
  }
}

interface SampleResult {
  readonly columns: FoundColumn[]
  readonly rows: number
  readonly rowWidthBytes: number
  readonly textBytesPerRow: number
}

async function sampleColumns(
  description: CsvDescription,
  names: readonly string[],
  scene: InspectScene,
  lineBytes: number,
): Promise<SampleResult> {
  const { session } = scene
  const rowsEach = Math.max(1, Math.ceil(scene.sampleRows / description.groups.length))
  const parts = description.groups.map((group) => {
    const columns = names.map((name) =>
      group.names.includes(name) ? quoteIdentifier(name) : `NULL::VARCHAR AS ${quoteIdentifier(name)}`,
    )
    return `(SELECT ${columns.join(', ')} FROM ${readCsv({ ...description, hive: [] }, group, {
      storesRejects: scene.isTolerant,
      inOrder: true,
      bufferBytes: SAMPLE_BUFFER_BYTES,
    })} LIMIT ${rowsEach})`
  })
  const options = scene.signal === undefined ? {} : { signal: scene.signal }
  try {
    const rows = Math.min(scene.sampleRows, Math.max(256, Math.floor(MAX_SAMPLE_BYTES / Math.max(1, lineBytes))))
    await session.run(
      `CREATE OR REPLACE TEMP TABLE icebox_sample AS SELECT * FROM (${parts.join(' UNION ALL ')}) LIMIT ${rows}`,
      options,
    )
  } catch (error) {
    const explained = await explainCsvError(error, description, [], { session, ...options })
    if (isIceboxError(explained, 'source/row')) await refuseLongLines(description, undefined, scene.signal)
    throw explained
  }
  try {
    return await decideColumns(session, names, scene)
  } finally {
    await session.run('DROP TABLE IF EXISTS icebox_sample')
  }
}

async function decideColumns(
  session: EngineSession,
  names: readonly string[],
  scene: InspectScene,
): Promise<SampleResult> {
  const evidence = names.map(() => newEvidence())
  const first = await session.all(
    `SELECT ${names.map((name, at) => `${quoteIdentifier(name)} AS c${at}`).join(', ')} FROM icebox_sample LIMIT ${ROWS_IN_SCRIPT}`,
  )
  for (const row of first) names.forEach((_, at) => observeValue(evidence[at], row[`c${at}`]))
  let decisions = evidence.map((seen) => decideWithFormat(seen, scene.csv))
  const looked = new Set<number>()
  // What a thousand rows suggest is checked on all of the sample; values that do not fit are looked at in turn.
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const doubtful = await misfits(session, names, decisions, looked)
    if (doubtful.length === 0) break
    for (const at of doubtful) {
      const name = quoteIdentifier(names[at] ?? '')
      const decision = decisions[at]
      const fits = decision === undefined || decision.isAmbiguous === true ? 'false' : acceptsOf(decision, name)
      const rows = await session.all(
        `SELECT DISTINCT ${name} AS c FROM icebox_sample WHERE ${name} IS NOT NULL AND NOT (${fits}) LIMIT ${MOST_VALUES}`,
      )
      for (const row of rows) observeValue(evidence[at], row['c'])
      // Looked at whole and still ambiguous: there is nothing more to learn.
      if (decision?.isAmbiguous === true) looked.add(at)
    }
    decisions = evidence.map((seen) => decideWithFormat(seen, scene.csv))
  }
  const widths = await session.all(
    `SELECT count(*) AS n${names.map((name, at) => `, coalesce(avg(strlen(${quoteIdentifier(name)})), 0) AS w${at}, count(${quoteIdentifier(name)}) AS v${at}`).join('')} FROM icebox_sample`,
  )
  const figures = widths[0] ?? {}
  const rows = Number(figures['n'] ?? 0)
  const textWidths = names.map((_, at) =>
    rows === 0 ? 0 : (Number(figures[`w${at}`]) * Number(figures[`v${at}`])) / rows,
  )
  return {
    rows,
    columns: names.map((name, at) =>
      found(name, decisions[at] ?? decide(newEvidence()), Number(figures[`v${at}`] ?? 0)),
    ),
    rowWidthBytes: names.reduce(
      (sum, _, at) => sum + (decisions[at]?.type === 'VARCHAR' ? 16 + (textWidths[at] ?? 0) : 8),
      0,
    ),
    textBytesPerRow: textWidths.reduce((sum, width) => sum + width + 1, 0),
  }
}

function observeValue(evidence: Evidence | undefined, value: SqlValue | undefined): void {
  if (evidence !== undefined && typeof value === 'string') observe(evidence, value)
}

/** A format that the caller gave settles what local dates mean. */
function decideWithFormat(evidence: Evidence, csv: CsvOptions): TextDecision {
  const decision = decide(evidence)
  const kinds = new Set(evidence.examples.keys())
  const isLocal = kinds.size > 0 && [...kinds].every((kind) => kind === 'local-date' || kind === 'local-timestamp')
  const asked = kinds.has('local-timestamp') ? csv.timestampFormat : csv.dateFormat
  if (!isLocal || asked === undefined) return decision
  return { type: kinds.has('local-timestamp') ? 'TIMESTAMP' : 'DATE', why: `read as ${asked}, as asked`, format: asked }
}

function acceptsOf(decision: TextDecision, name: string): string {
  return acceptsText(
    checkedCast(parseStaticType(decision.type), name, { format: decision.format, isDeclared: false }),
    name,
  )
}

async function misfits(
  session: EngineSession,
  names: readonly string[],
  decisions: readonly TextDecision[],
  looked: ReadonlySet<number>,
): Promise<number[]> {
  const checks = decisions.flatMap((decision, at) => {
    const name = quoteIdentifier(names[at] ?? '')
    if (decision.isAmbiguous === true) return looked.has(at) ? [] : [`count(${name}) AS m${at}`]
    return decision.type === 'VARCHAR' ? [] : [`count(*) FILTER (WHERE NOT ${acceptsOf(decision, name)}) AS m${at}`]
  })
  // A column without a value among the first rows may have one later.
  const silent = decisions.flatMap((decision, at) =>
    decision.why === 'no value in the sample' ? [`count(${quoteIdentifier(names[at] ?? '')}) AS m${at}`] : [],
  )
  if (checks.length + silent.length === 0) return []
  const rows = await session.all(`SELECT ${[...checks, ...silent].join(', ')} FROM icebox_sample`)
  const counts = rows[0] ?? {}
  return Object.keys(counts).flatMap((key) => (Number(counts[key]) > 0 ? [Number(key.slice(1))] : []))
}

function found(name: string, decision: TextDecision, values: number): FoundColumn {
  return {
    name,
    sourceType: decision.type,
    why: decision.why.replace(/^[\d,]+ sampled/, `${formatCount(values)} sampled`),
    note: decision.note,
    format: decision.format,
    isAmbiguous: decision.isAmbiguous,
  }
}
