import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import { IceboxError, isIceboxError, makeFolders } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import { badRows, type BadValue, BROKEN_ROW, FAULTY_ROW, SHOWN_LINE_CHARACTERS } from '../read/bad-values.ts'
import { badValues, numberedRecords } from '../read/csv-errors.ts'
import { csvSelect, onlyWhere } from '../read/csv-select.ts'
import type { ColumnMapping, CsvDescription, JsonDescription, SourceDescription } from '../read/description.ts'
import { faultOf, NO_OBJECT } from '../read/json-faults.ts'
import { lineNumbers } from '../read/json-lines.ts'
import { judgedColumns, jsonVerdict } from '../read/json-misfits.ts'
import { noRejects } from '../read/no-rejects.ts'
import { goodJsonRow, hiveColumns, isBlankLine, jsonColumns, ndjsonLines } from '../read/json-select.ts'
import type { SelectOptions } from '../read/source-select.ts'
import { textOf } from '../sql.ts'
import { fileError } from '../write/files.ts'

/** More than this is a wrong schema, not bad rows. */
const MOST_REJECTS = 100_000

export interface RejectsScene {
  readonly session: EngineSession
  readonly directory: string
  readonly table: string
  /** How the good rows were read. */
  readonly read: SelectOptions
  /** A file as the person knows it. */
  readonly nameOf: (file: string) => string
  readonly signal?: AbortSignal
}

/** SQL of the rows that fit; those that do not are found by {@link writeRejects}. Rejects `usage/invalid`. */
export function goodRowsSelect(
  description: SourceDescription,
  mapping: readonly ColumnMapping[],
  options: SelectOptions,
): string {
  if (description.format === 'csv')
    return csvSelect(description, mapping, { ...options, onlyGood: true, storesRejects: true })
  if (description.format === 'ndjson') {
    const nested = jsonColumns(description, mapping, false, 's.')
    const fits = `${faultOf(description.shape, 'line')} IS NULL AND ${goodJsonRow(description, mapping, 's.')}`
    const isGood = `CASE WHEN s IS NULL THEN false ELSE ${fits} END`
    return `SELECT ${nested} FROM ${onlyWhere(isGood, `s${hiveColumns(description)}`, ndjsonLines(description, mapping, options))}`
  }
  throw noRejects(description.format)
}

/** Forgets what an earlier import of the session set aside. */
export async function clearRejects(session: EngineSession): Promise<void> {
  await session.run('DROP TABLE IF EXISTS icebox_rejects; DROP TABLE IF EXISTS icebox_reject_scans')
}

/**
 * Writes the rows that were set aside, one JSON object a line: file, line, column, value, rule, raw text. Answers with
 * their number and the file, null where there are none. Rejects `source/row` when they are more than 100,000, `storage/*`.
 */
export async function writeRejects(
  description: SourceDescription,
  mapping: readonly ColumnMapping[],
  scene: RejectsScene,
): Promise<{ count: number; file: string | null }> {
  const path = join(scene.directory, `${scene.table.replaceAll(/[^\w.-]/g, '_')}-${randomUUID()}.ndjson`)
  let count = 0
  const text = async function* () {
    for await (const bad of rejected(description, mapping, scene)) {
      count++
      if (count > MOST_REJECTS) return
      yield `${JSON.stringify({ ...bad, file: scene.nameOf(bad.file) })}\n`
    }
  }
  try {
    await makeFolders(scene.directory)
    await pipeline(text, createWriteStream(path, { flags: 'wx' }))
  } catch (error) {
    await rm(path, { force: true })
    throw isIceboxError(error) ? error : fileError(`the rejects file ${path} cannot be written`, error)
  }
  if (count > MOST_REJECTS) {
    throw new IceboxError('source/row', {
      message: `more than ${MOST_REJECTS} rows do not fit; the first of them are in ${path}`,
      remedy: 'look at the schema: declare other types with --schema',
      context: { rejectsFile: path },
    })
  }
  if (count > 0) return { count, file: path }
  await rm(path, { force: true })
  return { count: 0, file: null }
}

async function* rejected(
  description: SourceDescription,
  mapping: readonly ColumnMapping[],
  scene: RejectsScene,
): AsyncGenerator<BadValue> {
  if (description.format === 'csv') yield* rejectedCsv(description, mapping, scene)
  if (description.format === 'ndjson') yield* rejectedLines(description, mapping, scene)
}

async function* rejectedCsv(
  description: CsvDescription,
  mapping: readonly ColumnMapping[],
  scene: RejectsScene,
): AsyncGenerator<BadValue> {
  const hasTable = await scene.session.all(
    "SELECT count(*) AS n FROM duckdb_tables() WHERE table_name = 'icebox_rejects'",
  )
  const unread =
    Number(hasTable[0]?.['n'] ?? 0) === 0
      ? []
      : await scene.session.all(
          `SELECT DISTINCT s.file_path AS file, r.line AS line, coalesce(r.column_name, '') AS name, r.error_message AS rule, left(r.csv_line, 10000) AS raw FROM icebox_rejects r JOIN icebox_reject_scans s USING (scan_id, file_id) ORDER BY file, line LIMIT ${MOST_REJECTS + 1}`,
        )
  const skipped = new Map<string, Map<number, (typeof unread)[number]>>()
  for (const row of unread) {
    const file = textOf(row['file'])
    const rows = skipped.get(file) ?? new Map<number, typeof row>()
    const number = Number(row['line'])
    skipped.set(file, rows.set(number, rows.get(number) ?? row))
  }
  for (const [file, rows] of skipped) {
    await using numbered = numberedRecords(file, description, scene.signal)
    for (const [number, row] of rows) {
      yield {
        file,
        line: (await numbered.recordOf(number))?.line ?? number,
        column: textOf(row['name']),
        value: '',
        rule: textOf(row['rule']).split('\n')[0] ?? '',
        raw: textOf(row['raw']).replace(/^[\r\n]+/, ''),
      }
    }
  }
  for (const group of description.groups) {
    for (const path of group.paths) {
      yield* badValues(
        description,
        { ...group, paths: [path] },
        mapping,
        scene,
        MOST_REJECTS + 1,
        new Set(skipped.get(path)?.keys()),
      )
    }
  }
}

async function* rejectedLines(
  description: JsonDescription,
  mapping: readonly ColumnMapping[],
  scene: RejectsScene,
): AsyncGenerator<BadValue> {
  const judged = judgedColumns(description, mapping, 's.')
  const fault = faultOf(description.shape, 'line')
  const isBlank = isBlankLine('line')
  for (const path of description.paths) {
    const one = { ...description, paths: [path] }
    const verdicts = `SELECT line, NOT (${isBlank}) AS counts, CASE WHEN ${isBlank} THEN NULL WHEN s IS NULL THEN '${BROKEN_ROW}' ELSE coalesce('${FAULTY_ROW}' || ${fault}, ${jsonVerdict(judged)}) END AS bad FROM ${ndjsonLines(one, mapping, scene.read)}`
    const rows = `SELECT counts, bad, CASE WHEN bad IS NOT NULL THEN left(line, ${SHOWN_LINE_CHARACTERS}) END AS raw FROM (${verdicts})`
    await using numbers = lineNumbers(path, description, scene.signal)
    for await (const row of badRows(scene.session, rows, MOST_REJECTS + 1, scene.signal)) {
      const column = judged[row.column]
      const isFaulty = row.column === Number(FAULTY_ROW)
      yield {
        file: path,
        line: await numbers.lineOf(row.ordinal),
        column: column?.column.source ?? '',
        value: isFaulty ? '' : row.value,
        rule: isFaulty ? (row.value ?? '') : (column?.ruleOf(row.value) ?? NO_OBJECT),
        raw: row.raw,
      }
    }
  }
}
