import { IceboxError, isIceboxError } from '../../base/index.ts'
import type { Compression, SourceFormat } from '../source/format.ts'
import { hiveColumns } from '../source/hive.ts'
import type { SourceFile } from '../source/locate.ts'
import { withLineSizes } from '../read/line-sizes.ts'
import { explainJsonError } from '../read/json-errors.ts'
import { expectedLineLimit, sampledRows, sampledTexts } from '../read/json-select.ts'
import {
  type FoundColumn,
  type Inspection,
  type JsonDescription,
  type JsonLeaf,
  type JsonShape,
  type JsonStruct,
} from '../read/description.ts'
import { quoteIdentifier, quoteList, textOf } from '../sql.ts'
import { decide, newEvidence, type TextDecision } from './classify.ts'
import { emptySource, foundInPath, type InspectScene } from './csv.ts'
import { checkNames, checkSpelling } from './names.ts'
import { decideNumbers, LOOKED_AT_BYTES, mixedNote, NO_FIELDS, notesBelow, numberLeaves } from './json-leaves.ts'
import { MAX_LEVELS, MAX_LIST_LEVELS, sampleStructure } from './json-structure.ts'
import { inspectTexts, type TextColumn, whyOf } from './text-columns.ts'
import { scanText } from '../source/text-scan.ts'

/** Names, nesting and types of JSON objects from a bounded sample. */
export async function inspectJson(
  files: readonly (SourceFile & { readonly compression: Compression })[],
  format: SourceFormat & ('json' | 'ndjson'),
  scene: InspectScene,
): Promise<Inspection> {
  const notes: string[] = []
  const used = files.filter((file) => file.sizeBytes > 0)
  notes.push(...files.filter((file) => file.sizeBytes === 0).map((file) => `${file.path} is empty and was passed over`))
  const firstFile = used[0]
  if (firstFile === undefined) throw emptySource(files.map((file) => file.path))
  const hive = hiveColumns(used)
  const base = {
    format,
    paths: used.map((file) => file.path),
    compression: firstFile.compression,
    hive,
  }
  if (used.some((file) => file.compression !== firstFile.compression)) {
    throw new IceboxError('source/format', {
      message: `${firstFile.path} and others are compressed in different ways`,
      remedy: 'import them apart',
      context: { file: firstFile.path },
    })
  }
  const lines = {
    files: used,
    hasLines: true,
    limitBytes: scene.maxLineSizeBytes,
    signal: scene.signal,
  }
  return withLineSizes(lines, (maxObjectBytes) =>
    inspectObjects(maxObjectBytes === undefined ? base : { ...base, maxObjectBytes }, used, scene, notes),
  )
}

async function inspectObjects(
  base: Omit<JsonDescription, 'shape'>,
  used: readonly (SourceFile & { readonly compression: Compression })[],
  scene: InspectScene,
  notes: readonly string[],
): Promise<Inspection> {
  const { hive } = base
  const firstPath = base.paths[0] ?? ''
  const { isTolerant } = scene
  const empty: JsonDescription = { ...base, isTolerant, shape: { kind: 'struct', fields: [] } }
  const options = scene.signal === undefined ? {} : { signal: scene.signal }
  try {
    const sample = await sampleStructure(scene.session, empty, scene.sampleRows, scene.signal)
    // The engine says what is wrong where it may not look first.
    if (sample.broken > 0 && !isTolerant)
      await scene.session.run(`SELECT count(json_structure(json)) FROM ${sampledTexts(empty, scene.sampleRows)}`)
    const sampled = isTolerant ? sample.rows - sample.odd - sample.broken : sample.rows
    if (sampled === 0) throw emptySource(base.paths)
    const isAll = !isTolerant && sample.rows < scene.sampleRows
    if (sample.odd > 0 && !isTolerant) {
      throw new IceboxError('source/format', {
        message: `${firstPath} holds JSON values that are not objects`,
        remedy: 'a row must be an object: {"name": value, …}',
        context: { file: firstPath },
      })
    }
    const { shape } = sample
    if (shape === undefined || shape.kind !== 'struct') throw emptySource(base.paths, 'holds no objects')
    if (shape.fields.length === 0) throw emptySource(base.paths, 'holds objects without fields only')
    const where = base.paths.length === 1 ? firstPath : 'the files together'
    for (const { name, shape: below } of shape.fields)
      if (!scene.mapColumns.has(name.toLowerCase())) checkField(name, below, where)
    await checkFiles(shape, empty, scene)
    checkNames([...shape.fields.map((field) => field.name), ...hive.map((column) => column.name)], where)
    const description: JsonDescription = { ...base, shape }
    const columns = await decideColumns({ ...description, isTolerant }, shape, sample, scene)
    const width = sample.averageBytes
    const totalBytes = used.reduce((sum, file) => sum + file.sizeBytes * (file.compression === 'none' ? 1 : 8), 0)
    // For the import only: the reader looks further than the sample.
    const maxObjectBytes = base.maxObjectBytes ?? expectedLineLimit(sample.longestBytes)
    return {
      description: { ...description, ...(maxObjectBytes !== undefined && { maxObjectBytes }) },
      columns: [...columns, ...hive.map(foundInPath)],
      sampledRows: sampled,
      estimatedRows: isAll ? sampled : Math.round(totalBytes / Math.max(1, width + 1)),
      areRowsCounted: isAll,
      rowWidthBytes: Math.max(8 * columns.length, width),
      notes,
    }
  } catch (error) {
    throw await explainJsonError(await longLine(error, base, scene), empty, [], { session: scene.session, ...options })
  }
}

/** Memory that ran out on the sample has one usual cause: a line of no end. */
async function longLine(error: unknown, base: Omit<JsonDescription, 'shape'>, scene: InspectScene): Promise<unknown> {
  if (!isIceboxError(error, 'memory/exhausted') || base.compression === 'zstd') return error
  try {
    for (const path of base.paths) await scanText(path, base.compression, scene, scene.signal)
  } catch (found) {
    return found
  }
  return error
}

function levelsOf(shape: JsonShape): number {
  if (shape.kind === 'leaf') return 0
  if (shape.kind === 'list') return 1 + levelsOf(shape.element)
  return 1 + Math.max(0, ...shape.fields.map((field) => levelsOf(field.shape)))
}

/** Whether values are kept as text below as many lists as are taken apart. */
function endsBelowLists(shape: JsonShape, lists = 0): boolean {
  if (shape.kind === 'list') return endsBelowLists(shape.element, lists + 1)
  if (shape.kind === 'struct') return shape.fields.some((field) => endsBelowLists(field.shape, lists))
  return lists >= MAX_LIST_LEVELS && shape.values === 'mixed'
}

/** What is to be said of values that are nested too deep for a type. */
function deepNote(shape: JsonShape): string | undefined {
  if (levelsOf(shape) >= MAX_LEVELS) return `values nested deeper than ${MAX_LEVELS} levels are kept as text`
  if (endsBelowLists(shape)) return `what is nested in more than ${MAX_LIST_LEVELS} lists is kept as JSON text`
  return undefined
}

function checkField(name: string, shape: JsonShape, where: string): void {
  // A path of DuckDB 1.5.5 cannot name such a key, and only what has no parts is read without one.
  if (name.endsWith('\\') && (shape.kind === 'list' || (shape.kind === 'struct' && shape.fields.length > 0))) {
    throw new IceboxError('source/columns', {
      message: `the field '${name}' in ${where} holds ${shape.kind === 'list' ? 'lists' : 'objects'}, and its name ends in a backslash: such fields cannot be read`,
      remedy: 'rename the field in the file',
      context: { column: name },
    })
  }
  checkShape(shape, `'${name}' in ${where}`)
}

function checkShape(shape: JsonShape, where: string): void {
  if (shape.kind === 'list') checkShape(shape.element, where)
  if (shape.kind !== 'struct') return
  checkNames(
    shape.fields.map((field) => field.name),
    where,
  )
  for (const field of shape.fields) checkField(field.name, field.shape, where)
}

/** Where two files spell a name in two ways, the error names both. */
async function checkFiles(shape: JsonStruct, description: JsonDescription, scene: InspectScene): Promise<void> {
  const { paths } = description
  const spellings = new Map<string, string[]>()
  for (const { name } of shape.fields) {
    const lower = name.toLowerCase()
    spellings.set(lower, [...(spellings.get(lower) ?? []), name])
  }
  const names = [...spellings.values()].filter((some) => some.length > 1).flat()
  if (names.length === 0 || paths.length === 1) return
  const found: { path: string; names: string[] }[] = []
  for (const path of paths) {
    const texts = sampledTexts({ ...description, paths: [path] }, scene.sampleRows)
    const keys = `SELECT DISTINCT unnest(json_keys(json)) AS name FROM ${texts} WHERE json_valid(json) AND json_type(json) = 'OBJECT'`
    const rows = await scene.session.all(
      `SELECT name FROM (${keys}) WHERE list_contains(${quoteList(names)}, name) ORDER BY name`,
    )
    found.push({ path, names: rows.map((row) => textOf(row['name'])) })
  }
  // What one file spells in two ways is said of that file.
  for (const file of found) checkNames(file.names, file.path)
  checkSpelling(found)
}

/** What a leaf is where nothing more was decided: as JSON has it. */
const UNDECIDED: Readonly<Record<JsonLeaf['values'], string>> = {
  boolean: 'BOOLEAN',
  integer: 'BIGINT',
  real: 'DOUBLE',
  text: 'VARCHAR',
  none: 'VARCHAR',
  mixed: 'VARCHAR',
}

/** DuckDB's type of a nested shape; numbers are what was decided of them. */
function typeOfShape(shape: JsonShape, decided: ReadonlyMap<JsonLeaf, TextDecision>): string {
  switch (shape.kind) {
    case 'list':
      return `${typeOfShape(shape.element, decided)}[]`
    case 'struct':
      return shape.fields.length === 0
        ? 'VARCHAR'
        : `STRUCT(${shape.fields.map((field) => `${quoteIdentifier(field.name)} ${typeOfShape(field.shape, decided)}`).join(', ')})`
    case 'leaf':
      return decided.get(shape)?.type ?? UNDECIDED[shape.values]
    default:
      return shape satisfies never
  }
}

async function decideColumns(
  description: JsonDescription,
  shape: JsonStruct,
  { rows: sampled, averageBytes }: { readonly rows: number; readonly averageBytes: number },
  scene: InspectScene,
): Promise<FoundColumn[]> {
  const scalars = shape.fields.filter(
    ({ shape: below }) =>
      below.kind === 'leaf' && below.values !== 'boolean' && (below.values !== 'mixed' || mayBeNumbers(below)),
  )
  const { columns } = await inspectTexts({
    session: scene.session,
    names: scalars.map((field) => field.name),
    memoryLimitBytes: scene.memoryLimitBytes,
    asked: scene.csv,
    signal: scene.signal,
    select: (names, limit = sampled) => {
      const fields = scalars.filter((field) => names.includes(field.name))
      const rows = sampledRows(
        { ...description, hive: [], shape: { kind: 'struct', fields } },
        Math.min(limit, sampled),
      )
      const values = names.map((name) => `s.${quoteIdentifier(name)} AS ${quoteIdentifier(name)}`)
      return `(SELECT ${values.join(', ')} FROM ${rows})`
    },
  })
  const seen = new Map(columns.map((column) => [column.name, column]))
  const isNested = ({ name, shape: below }: JsonStruct['fields'][number]): boolean =>
    below.kind !== 'leaf' && !scene.mapColumns.has(name.toLowerCase())
  const nested: JsonStruct = { kind: 'struct', fields: shape.fields.filter(isNested) }
  const leaves = numberLeaves(nested)
  const looked = Math.min(sampled, Math.ceil(LOOKED_AT_BYTES / Math.max(1, averageBytes)))
  const rows = sampledRows({ ...description, hive: [], shape: nested }, looked)
  const decided = await decideNumbers(scene.session, leaves, rows, scene.signal)
  return shape.fields.map((field) => foundColumn(field.name, field.shape, seen.get(field.name), decided))
}

/** Numbers and texts: what a program writes that puts those into quotes which JavaScript would round, as Icebox does. */
function mayBeNumbers({ kinds }: JsonLeaf): boolean {
  return kinds !== undefined && kinds.length > 0 && kinds.every((kind) => kind === 'numbers' || kind === 'text')
}

function isNumeric(seen: TextColumn | undefined): boolean {
  return seen !== undefined && /^(BIGINT|DOUBLE|DECIMAL)/.test(seen.decision.type)
}

const TEXTS_OF_NUMBERS = 'texts of numbers in the sample'
/** So many notes of what is inside a column are given whole. */
const MOST_NOTES = 10

function foundColumn(
  name: string,
  shape: JsonShape,
  seen: TextColumn | undefined,
  decided: ReadonlyMap<JsonLeaf, TextDecision>,
): FoundColumn {
  if (shape.kind !== 'leaf') {
    const type = typeOfShape(shape, decided)
    const inside = notesBelow(shape, name, decided)
    const more = inside.length - MOST_NOTES
    const said = [deepNote(shape), ...inside.slice(0, MOST_NOTES), more > 0 ? `and ${more} more` : undefined]
    const notes = said.filter((note) => note !== undefined)
    return type === 'VARCHAR'
      ? {
          name,
          sourceType: 'VARCHAR',
          why: 'empty objects in the sample',
          note: NO_FIELDS,
        }
      : {
          name,
          sourceType: type,
          why: 'nested values in the sample',
          note: notes.length === 0 ? undefined : notes.join('; '),
        }
  }
  if (shape.values === 'boolean') return { name, sourceType: 'BOOLEAN', why: 'true and false in the sample' }
  if (shape.values === 'mixed') {
    return {
      name,
      sourceType: 'VARCHAR',
      why: mayBeNumbers(shape) && isNumeric(seen) ? TEXTS_OF_NUMBERS : 'the sample mixes kinds of values',
      note: mixedNote(shape) ?? deepNote(shape),
    }
  }
  const decision: TextDecision = seen?.decision ?? decide(newEvidence())
  // The check of whole numbers takes 1.0 and 1e3, which the sample showed to be no integers.
  if (shape.values === 'real' && decision.type === 'BIGINT')
    return { name, sourceType: 'DOUBLE', why: 'numbers with fractions in the sample' }
  // Text that looks like a number is text in JSON, which has numbers; dates and times it has not.
  const isText = shape.values === 'text'
  if (isText && isNumeric(seen)) return { name, sourceType: 'VARCHAR', why: TEXTS_OF_NUMBERS }
  if (isText && decision.type === 'BOOLEAN') return { name, sourceType: 'VARCHAR', why: 'texts in the sample' }
  // Dates that are not ISO 8601 stay the text that they are, as long as nobody asked for more.
  if (decision.isAsked !== true && (decision.format !== undefined || decision.isAmbiguous === true)) {
    return {
      name,
      sourceType: 'VARCHAR',
      why: 'texts in the sample',
      note: `dates that are not ISO 8601 (${decision.why}) are kept as text`,
    }
  }
  const { type, format, note } = decision
  return { name, sourceType: type, why: whyOf(decision, seen?.values ?? 0), note, format }
}
