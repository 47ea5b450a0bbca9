import { formatBytes, IceboxError, isIceboxError } from '../../base/index.ts'
import { readRange, readTail } from '../source/bytes.ts'
import { hiveColumns } from '../source/hive.ts'
import type { SourceFile } from '../source/locate.ts'
import type { FoundColumn, Inspection, ParquetGroup } from '../read/description.ts'
import { quoteText, textOf } from '../sql.ts'
import { emptySource, foundInPath, type InspectScene } from './csv.ts'
import { checkFieldNames, checkNames, checkSpelling } from './names.ts'

/** Columns of Parquet files from their footers; files with the same columns are read together. */
export async function inspectParquet(files: readonly SourceFile[], scene: InspectScene): Promise<Inspection> {
  const hive = hiveColumns(files)
  const options = scene.signal === undefined ? {} : { signal: scene.signal }
  const groups = new Map<string, ParquetGroup & { paths: string[] }>()
  let rows = 0
  let uncompressedBytes = 0
  let footerBytes = 0
  const finer = new Set<string>()
  for (const file of files) {
    footerBytes = Math.max(footerBytes, await sizeOfFooter(file.path, scene.memoryLimitBytes))
    try {
      const columns = (
        await scene.session.all(
          `DESCRIBE SELECT * FROM read_parquet(${quoteText(file.path)}, hive_partitioning = false)`,
          options,
        )
      ).map((row) => ({ name: textOf(row['column_name']), type: textOf(row['column_type']) }))
      for (const name of await checkFooter(file.path, scene)) finer.add(name)
      const footer = (
        await scene.session.all(
          `SELECT coalesce(sum(n), 0) AS n, coalesce(sum(b), 0) AS b, coalesce(max(e), 0) AS e FROM (SELECT row_group_id, any_value(row_group_num_rows) AS n, any_value(row_group_bytes) AS b, max(coalesce(nullif(dictionary_page_offset, 0), data_page_offset) + total_compressed_size) AS e FROM parquet_metadata(${quoteText(file.path)}) GROUP BY row_group_id)`,
          options,
        )
      )[0]
      await checkOneFile(file, Number(footer?.['e'] ?? 0))
      rows += Number(footer?.['n'] ?? 0)
      uncompressedBytes += Number(footer?.['b'] ?? 0)
      const key = JSON.stringify(columns)
      const known = groups.get(key)
      if (known === undefined) {
        checkNames([...columns.map((column) => column.name), ...hive.map((column) => column.name)], file.path)
        groups.set(key, { paths: [file.path], columns })
      } else known.paths.push(file.path)
    } catch (error) {
      throw explainParquetError(error, file.path)
    }
  }
  if (rows === 0)
    throw emptySource(
      files.map((file) => file.path),
      'holds no rows',
    )
  const all = [...groups.values()]
  const { columns, notes } = unify(all)
  return {
    description: { format: 'parquet', groups: all, hive },
    columns: [...columns, ...hive.map(foundInPath)],
    sampledRows: 0,
    estimatedRows: rows,
    areRowsCounted: true,
    rowWidthBytes: Math.max(8 * columns.length, Math.round((uncompressedBytes * 1.5) / rows)),
    footerBytes,
    notes: finer.size === 0 ? notes : [...notes, nanosecondsNote([...finer])],
  }
}

/**
 * DuckDB makes objects of a footer that it does not count: 12 bytes for each of the file (footers of 3.3 to 11 MB, DuckDB
 * 1.5.5), more than anything else of a file with many columns and row groups. Rejects `memory/refused` where that is above
 * the limit.
 */
async function sizeOfFooter(path: string, memoryLimitBytes: number): Promise<number> {
  // Parquet, "File Format": the length of the footer, 4 bytes little-endian, and the magic bytes.
  const tail = await readTail(path, 8)
  if (tail.length < 8 || tail.toString('latin1', 4) !== 'PAR1') return 0
  const footerBytes = tail.readUInt32LE(0)
  const neededBytes = footerBytes * FOOTER_FACTOR
  if (neededBytes <= memoryLimitBytes) return neededBytes
  throw new IceboxError('memory/refused', {
    message: `the footer of ${path} has ${formatBytes(footerBytes)} and takes about ${formatBytes(neededBytes)} to read; the engine has ${formatBytes(memoryLimitBytes)}`,
    remedy: `raise performance.memory.max_usage by ${formatBytes(Math.ceil((neededBytes - memoryLimitBytes) * 1.1))} or more, or write the file with larger row groups`,
    context: { file: path, footerBytes, neededBytes, memoryLimitBytes },
  })
}

const FOOTER_FACTOR = 13
const LOOK_BYTES = 1 << 20
/** The end of one file and the beginning of the next; before it stands the length of the first one's footer. */
const SEAM = Buffer.from('PAR1PAR1')
const LENGTH_BYTES = 4

/**
 * Parquet files cannot be put one behind the other (`cat`): the last footer is the one that is read, and counts from the
 * beginning, so that the rows of the rest would be dropped without a word. Behind the last page are indexes, bloom filters
 * and the footer; a seam there is that of another file, if a length stands before it, and not a value in a bound.
 */
async function checkOneFile({ path, sizeBytes }: SourceFile, endOfPages: number): Promise<void> {
  for (let at = Math.max(LENGTH_BYTES, endOfPages); at < sizeBytes; at += LOOK_BYTES) {
    const bytes = await readRange(path, at - LENGTH_BYTES, LOOK_BYTES + LENGTH_BYTES + SEAM.length)
    for (let seam = bytes.indexOf(SEAM); seam >= 0; seam = bytes.indexOf(SEAM, seam + 1)) {
      const footerBytes = seam < LENGTH_BYTES ? 0 : bytes.readUInt32LE(seam - LENGTH_BYTES)
      const end = at - LENGTH_BYTES + seam
      if (footerBytes === 0 || footerBytes + LENGTH_BYTES + SEAM.length / 2 > end) continue
      throw new IceboxError('source/format', {
        message: `${path} holds more than one Parquet file, one behind the other, and only the last could be read`,
        remedy: 'import the files apart',
        context: { file: path },
      })
    }
  }
}

function nanosecondsNote(names: readonly string[]): string {
  return `${names.map((name) => `'${name}'`).join(', ')}: stored in nanoseconds and read in microseconds, what is below one is cut off`
}

/**
 * What DuckDB passes over when it reads a file: names that it changes, decimals that it reads as doubles. Answers with the
 * columns of which it cuts nanoseconds off.
 */
async function checkFooter(path: string, scene: InspectScene): Promise<readonly string[]> {
  const options = scene.signal === undefined ? {} : { signal: scene.signal }
  const elements = await scene.session.all(
    `SELECT name, type, num_children, converted_type, logical_type, scale, precision FROM parquet_schema(${quoteText(path)})`,
    options,
  )
  const names: string[] = []
  let at = 1
  /** The name of the next element, after all that is below it. */
  const next = (): string => {
    const element = elements[at++]
    const name = textOf(element?.['name'])
    const below = Array.from({ length: Number(element?.['num_children'] ?? 0) }, next)
    checkFieldNames(below, `'${name}' in ${path}`)
    return name
  }
  while (at < elements.length) names.push(next())
  checkNames(names, path)
  for (const element of elements) {
    if (element['converted_type'] !== 'DECIMAL' || Number(element['precision']) <= MOST_DIGITS) continue
    const column = textOf(element['name'])
    const type = `decimal(${textOf(element['precision'])}, ${textOf(element['scale'])})`
    throw new IceboxError('schema/unsupported-type', {
      message: `column '${column}' of ${path} is ${type}; tables hold decimals of at most ${MOST_DIGITS} digits`,
      remedy: 'write it with fewer digits, or as text',
      context: { file: path, column, type },
    })
  }
  return elements.filter(isCutOff).map((element) => textOf(element['name']))
}

/** Timestamps without a zone are read with their nanoseconds; INT96, those with one, and times of day are not (DuckDB 1.5.5). */
function isCutOff(element: Readonly<Record<string, unknown>>): boolean {
  if (element['type'] === 'INT96') return true
  const logical = element['logical_type']
  if (typeof logical !== 'string' || !logical.includes('NANOS=NanoSeconds')) return false
  return logical.startsWith('TimeType') || logical.includes('isAdjustedToUTC=1')
}

/** Iceberg spec, "Primitive Types". */
const MOST_DIGITS = 38

/** One type for each column: the same in all files, or one that holds the others without loss. */
function unify(groups: readonly ParquetGroup[]): { columns: FoundColumn[]; notes: string[] } {
  const notes: string[] = []
  const types = new Map<string, { type: string; file: string; count: number }>()
  for (const group of groups) {
    for (const column of group.columns) {
      const known = types.get(column.name)
      const file = group.paths[0] ?? ''
      if (known === undefined) {
        types.set(column.name, { type: column.type, file, count: 1 })
        continue
      }
      const wider = known.type === column.type ? column.type : widerType(known.type, column.type)
      if (wider === undefined) {
        throw new IceboxError('schema/mismatch', {
          message: `column '${column.name}' is ${known.type} in ${known.file} and ${column.type} in ${file}`,
          remedy: 'import the files apart, or convert one of them',
          context: { column: column.name, types: [known.type, column.type] },
        })
      }
      if (known.type !== column.type)
        notes.push(
          `column '${column.name}' is ${known.type} in some files and ${column.type} in others: ${wider} holds both`,
        )
      types.set(column.name, { type: wider, file: known.file, count: known.count + 1 })
    }
  }
  const missing = [...types].filter(([, known]) => known.count < groups.length).map(([name]) => name)
  if (missing.length > 0) notes.push(`columns that some files do not have are NULL there: ${missing.join(', ')}`)
  checkSpelling(groups.map(({ paths, columns }) => ({ path: paths[0] ?? '', names: columns.map(({ name }) => name) })))
  return {
    columns: [...types].map(([name, known]) => ({ name, sourceType: known.type, why: 'the type in the file' })),
    notes: [...new Set(notes)],
  }
}

const INTEGERS = ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT']

function widerType(a: string, b: string): string | undefined {
  // A column that is null throughout says nothing of its type.
  if (a === 'NULL' || a === '"NULL"') return b
  if (b === 'NULL' || b === '"NULL"') return a
  const [first, second] = [INTEGERS.indexOf(a), INTEGERS.indexOf(b)]
  if (first >= 0 && second >= 0) return INTEGERS[Math.max(first, second)]
  const pair = [a, b].sort().join(' ')
  if (pair === 'DOUBLE FLOAT') return 'DOUBLE'
  // Whole numbers of up to 32 bits are exact in a double.
  if ((a === 'DOUBLE' && second >= 0 && second <= 2) || (b === 'DOUBLE' && first >= 0 && first <= 2)) return 'DOUBLE'
  if (/^TIMESTAMP(_S|_MS)?$/.test(a) && /^TIMESTAMP(_S|_MS)?$/.test(b)) return 'TIMESTAMP'
  if (pair === 'DATE TIMESTAMP') return 'TIMESTAMP'
  return undefined
}

/** What DuckDB said of a Parquet file: of `path` where it names none. */
export function explainParquetError(error: unknown, path: string): unknown {
  if (!isIceboxError(error)) return error
  const unread = UNREAD.find(({ said }) => OTHERS.includes(error.code) && said.test(error.message))
  if (unread !== undefined) {
    const file = /file "(.*?)"/.exec(error.message)?.[1] ?? path
    return new IceboxError(unread.code, {
      message: `${file}: ${error.message.split('\n')[0]}`,
      remedy: unread.remedy,
      context: { file },
      cause: error,
    })
  }
  const isDamaged = error.code === 'storage/io' || error.code === 'storage/short-read'
  if (!(isDamaged && DAMAGED.test(error.message)) && !(OTHERS.includes(error.code) && CUT.test(error.message)))
    return error
  const file = typeof error.context['file'] === 'string' ? error.context['file'] : path
  return new IceboxError('source/truncated', {
    message: `${file} is not a whole Parquet file: ${error.message.replace(DAMAGED, '').split('\n')[0]}`,
    remedy: 'get the file again: it was not transferred whole',
    context: { file },
    cause: error,
  })
}

/** How the engine's errors of damaged files begin. */
const DAMAGED = /^a (Parquet )?file is (damaged|cut short or damaged): /
const OTHERS = ['sql/type', 'engine/failed', 'sql/unsupported', 'source/unreadable']
/** What the engine (1.5.5) does not read of a file that is whole, and does not place. */
const UNREAD = [
  { said: /is not valid UTF8/, code: 'source/encoding', remedy: 'write the column as UTF-8, or as bytes (binary)' },
  {
    said: /Date out of range in timestamp|Could not convert Timestamp/,
    code: 'source/row',
    remedy: 'leave out dates and times past the years -290307 to 294246, or write them as numbers or text',
  },
  { said: /encoding is only supported for/, code: 'source/format', remedy: 'write the file with another encoding' },
] as const
const CUT = /unexpected end|cannot read|corrupt|not enough bytes|read past|decompress/i
