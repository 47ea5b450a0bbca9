import type { EngineSession } from '../../engine/index.ts'
import {
  type DataFile,
  type FileScanTask,
  type Literal,
  NAME_MAPPING_PROPERTY,
  type NameMapping,
  type NestedField,
  nameMappingOf,
  parseNameMapping,
  readDeletionVector,
  type Schema,
  type TableMetadata,
  type Type,
} from '../../iceberg/index.ts'
import { IceboxError } from '../../base/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import { quoteText } from '../text/names.ts'
import { viewColumns } from './columns.ts'
import { type ColumnRoute, routesByIds, routesByShape } from './projection.ts'
import { readType } from './read-type.ts'
import {
  groupByDeletes,
  identityValues,
  isUnevolved,
  canReadByIds,
  requireReadable,
  type TaskGroup,
} from './scan-files.ts'
import { type EqualityDeletes, emptySql, type FileGroup, viewSql } from './scan-sql.ts'
import { type FileShape, globEscaped, type ShapeCache } from './shape.ts'

/** A table as a query reads it. */
export interface TableSource {
  readonly metadata: TableMetadata
  /** The schema that rows are shown in. */
  readonly schema: Schema
  readonly io: ObjectStore
  /** The local path of a file that the metadata names. */
  readonly locate: (uri: string) => string
}

export interface ViewBuilder {
  readonly session: EngineSession
  readonly shapes: ShapeCache
  /** Number of the table in its space. */
  readonly table: number
  /** Prefix of the relations that the view needs beside itself, quoted: `"icebox 7"."·"`. */
  readonly helperSchema: string
  readonly signal: AbortSignal | undefined
  /** True where the statement makes no join with the rows. */
  readonly readerCasts: boolean
  /** True where no filter of the statement is to reach the reader's statistics. */
  readonly isShielded: boolean
}

/** Files that Icebox wrote: they carry field ids and the table's nested names of their time. */
const OWN_FILE = /\/\d{5,}-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.parquet$/
const POSITIONS_AT_ONCE = 50_000
/** Compared by its bytes, whatever the session's collation. */
const PATH = 'VARCHAR COLLATE C'

/** The SELECT of a table's view over the given files; makes the relations of deleted positions that it needs. */
export async function buildTableView(
  source: TableSource,
  tasks: readonly FileScanTask[],
  builder: ViewBuilder,
): Promise<string> {
  const columns = viewColumns(source.schema)
  if (tasks.length === 0) {
    const types = columns.map(({ field }) => readType(field.type, field.name))
    return emptySql(columns, types)
  }
  for (const task of tasks) requireReadable(task.dataFile)
  const groups: FileGroup[] = []
  for (const group of groupByDeletes(tasks)) {
    const at = groups.length
    const positions = group.hasPositions ? await makePositions(source, group, builder, at) : undefined
    const equality = await equalityOf(source, group, builder, at)
    const extra = deletedFields(source, group)
    // Branches must have the same columns: what only equality deletes need stays inside its branch.
    const hiddenIds = extra.map((field) => field.id)
    groups.push(
      ...(await routed(source, group, builder, extra)).map((part) => ({ ...part, hiddenIds, positions, equality })),
    )
  }
  return viewSql(builder.table, columns, groups)
}

type Routed = Pick<FileGroup, 'files' | 'rows' | 'routes' | 'isNative'>

/** Divides files by the way their columns are found. */
async function routed(
  source: TableSource,
  group: TaskGroup,
  builder: ViewBuilder,
  extra: readonly NestedField[],
): Promise<Routed[]> {
  const fields = [...source.schema.fields, ...extra]
  // Equality deletes are a join.
  const readerCasts = builder.readerCasts && group.equality.length === 0
  const shapes = await shapesOf(
    source,
    group.tasks.map((task) => task.dataFile),
    fields,
    builder,
    readerCasts,
  )
  const mapping = mappingOf(source)
  // Rows without deletes need no place in their file, so the reader's virtual columns cannot clash with the table's.
  const mayBeNative =
    !builder.isShielded &&
    !group.hasPositions &&
    group.equality.length === 0 &&
    isUnevolved(source.metadata, source.schema)
  const parts = new Map<string, { files: string[]; rows: bigint; routes: readonly ColumnRoute[]; isNative: boolean }>()
  for (const { dataFile } of group.tasks) {
    const file = source.locate(dataFile.filePath)
    const shape = seenShape(shapes.get(file), dataFile, fields)
    const constants =
      shape === undefined ? new Map<number, Literal>() : missingConstants(source, dataFile, shape, mapping)
    const key =
      shape === undefined
        ? ''
        : `${shape.key}\n${[...constants].map(([id, value]) => `${id}=${String(value)}`).join('\n')}`
    let part = parts.get(key)
    if (part === undefined) {
      const routes =
        shape === undefined
          ? routesByIds(fields, constants, builder.isShielded)
          : routesByShape(fields, shape, mapping, { constants, readerCasts, isShielded: builder.isShielded })
      part = { files: [], rows: 0n, routes, isNative: mayBeNative && shape === undefined }
      parts.set(key, part)
    }
    part.files.push(file)
    part.rows += dataFile.recordCount
  }
  return [...parts.values()]
}

/** The shapes of files that are not known to be read rightly by ids and the table's own nested names. */
async function shapesOf(
  source: TableSource,
  files: readonly DataFile[],
  fields: readonly NestedField[],
  builder: ViewBuilder,
  readerCasts: boolean,
): Promise<ReadonlyMap<string, FileShape>> {
  const isStable = canReadByIds(source.metadata, fields, readerCasts)
  const unsure = files.filter((file) => !isStable || !OWN_FILE.test(file.filePath))
  if (unsure.length === 0) return new Map()
  return builder.shapes.shapesOf(
    builder.session,
    unsure.map((file) => source.locate(file.filePath)),
    builder.signal,
  )
}

/** A file of which the manifest says that no value is NaN hides none. */
function seenShape(
  shape: FileShape | undefined,
  file: DataFile,
  fields: readonly NestedField[],
): FileShape | undefined {
  if (shape?.hidesNan !== true) return shape
  const hasNone = fields
    .flatMap(({ id, type }) => floatIds(id, type))
    .every((id) => file.nanValueCounts?.get(id) === 0n)
  return hasNone ? { ...shape, key: `${shape.key}\nnumbers`, hidesNan: false } : shape
}

function floatIds(id: number, type: Type): number[] {
  switch (type.kind) {
    case 'struct':
      return type.fields.flatMap((field) => floatIds(field.id, field.type))
    case 'list':
      return floatIds(type.elementId, type.element)
    case 'map':
      return [...floatIds(type.keyId, type.key), ...floatIds(type.valueId, type.value)]
    default:
      return type.kind === 'float' || type.kind === 'double' ? [id] : []
  }
}

function mappingOf(source: TableSource): NameMapping {
  const text = source.metadata.properties[NAME_MAPPING_PROPERTY]
  return text === undefined ? nameMappingOf(source.schema) : parseNameMapping(text)
}

/** Identity partition values of the columns that the file lacks. */
function missingConstants(
  source: TableSource,
  file: DataFile,
  shape: FileShape,
  mapping: NameMapping,
): ReadonlyMap<number, Literal> {
  const constants = new Map<number, Literal>()
  for (const [id, value] of identityValues(source.metadata, file)) {
    const isThere = shape.columns.some((column) =>
      shape.hasFieldIds
        ? column.fieldId === id
        : mapping.some((field) => field.fieldId === id && field.names.includes(column.name)),
    )
    if (!isThere) constants.set(id, value)
  }
  return constants
}

/** Fields of equality deletes that the present schema no longer shows. */
function deletedFields(source: TableSource, group: TaskGroup): NestedField[] {
  const ids = new Set(group.equality.flatMap((file) => file.equalityIds ?? []))
  return [...ids]
    .filter((id) => !source.schema.fields.some((field) => field.id === id))
    .map((id) => fieldOf(source, id))
}

function fieldOf(source: TableSource, id: number): NestedField {
  const newest = source.metadata.schemas.toReversed()
  const field = [source.schema, ...newest].flatMap((schema) => schema.fields).find((known) => known.id === id)
  if (field !== undefined && field.type.kind !== 'struct' && field.type.kind !== 'list' && field.type.kind !== 'map') {
    return field
  }
  throw new IceboxError('iceberg/unsupported', {
    message: `equality deletes on field ${id}, which is not a top-level column of a simple type`,
    remedy: 'compact the table with the tool that wrote it, then read it here',
    context: { fieldId: id },
  })
}

async function equalityOf(
  source: TableSource,
  group: TaskGroup,
  builder: ViewBuilder,
  at: number,
): Promise<EqualityDeletes[]> {
  for (const file of group.equality) requireReadable(file)
  const bySet = new Map<string, DataFile[]>()
  for (const file of group.equality) {
    const key = (file.equalityIds ?? []).toSorted((a, b) => a - b).join()
    bySet.set(key, [...(bySet.get(key) ?? []), file])
  }
  const pairs = group.needsPairs ? await makePairs(source, group, builder, at) : undefined
  const result: EqualityDeletes[] = []
  for (const files of bySet.values()) {
    const fields = (files[0]?.equalityIds ?? []).map((id) => fieldOf(source, id))
    const shapes = await builder.shapes.shapesOf(
      builder.session,
      files.map((file) => source.locate(file.filePath)),
      builder.signal,
    )
    const mapping = mappingOf(source)
    const byShape = new Map<string, { files: string[]; routes: ColumnRoute[] }>()
    for (const file of files) {
      const path = source.locate(file.filePath)
      const shape = shapes.get(path)
      const byIds = routesByIds(fields, new Map(), false)
      const ways = { constants: new Map<number, Literal>(), readerCasts: false, isShielded: false }
      const routes = shape === undefined ? byIds : routesByShape(fields, shape, mapping, ways)
      // Files that are read alike share a join, whatever else their footers say.
      const isPlain = shape?.hasFieldIds !== false && routes.every((route) => route.convert === undefined)
      const key = isPlain || shape === undefined ? '' : shape.key
      const part = byShape.get(key) ?? { files: [], routes: isPlain ? byIds : routes }
      part.files.push(path)
      byShape.set(key, part)
    }
    result.push(...[...byShape.values()].map((part) => ({ ...part, pairs })))
  }
  return result
}

async function makePairs(source: TableSource, group: TaskGroup, builder: ViewBuilder, at: number): Promise<string> {
  const name = `${builder.helperSchema}.pairs_${builder.table}_${at}`
  const rows = group.tasks.flatMap((task) =>
    task.equalityDeletes.map((file) => ({ f: source.locate(task.dataFile.filePath), d: source.locate(file.filePath) })),
  )
  await builder.session.run(`CREATE TABLE ${name} (file ${PATH}, delete_file ${PATH})`)
  for (let from = 0; from < rows.length; from += POSITIONS_AT_ONCE) {
    await insertJson(
      builder,
      name,
      `[{"f":"VARCHAR","d":"VARCHAR"}]`,
      'j.f, j.d',
      JSON.stringify(rows.slice(from, from + POSITIONS_AT_ONCE)),
    )
  }
  return name
}

/**
 * The deleted positions of a group's files, from position delete files and deletion vectors. A position delete file is
 * read only for the data files that it applies to (sequence numbers, partition: the planner's pairs).
 */
async function makePositions(source: TableSource, group: TaskGroup, builder: ViewBuilder, at: number): Promise<string> {
  const name = `${builder.helperSchema}.positions_${builder.table}_${at}`
  const { session } = builder
  await session.run(
    `CREATE TABLE ${name}_vectors (file ${PATH}, pos BIGINT); CREATE TABLE ${name}_applies (file ${PATH}, path ${PATH}, delete_file ${PATH})`,
  )
  const applies: { f: string; p: string; d: string }[] = []
  const deleteFiles = new Set<string>()
  for (const task of group.tasks) {
    const file = source.locate(task.dataFile.filePath)
    for (const deletes of task.positionDeletes) {
      requireReadable(deletes)
      const path = source.locate(deletes.filePath)
      deleteFiles.add(path)
      applies.push({ f: file, p: task.dataFile.filePath, d: path })
    }
    if (task.deletionVector !== undefined)
      await insertVector(source, task.deletionVector, file, `${name}_vectors`, builder)
  }
  for (let from = 0; from < applies.length; from += POSITIONS_AT_ONCE) {
    const json = JSON.stringify(applies.slice(from, from + POSITIONS_AT_ONCE))
    await insertJson(builder, `${name}_applies`, `[{"f":"VARCHAR","p":"VARCHAR","d":"VARCHAR"}]`, 'j.f, j.p, j.d', json)
  }
  const files = [...deleteFiles].map((file) => quoteText(globEscaped(file))).join(', ')
  // The column names of position delete files are fixed by the specification ("Position Delete Files"); folders of a table
  // partitioned by columns of these names must not replace them.
  const ofFiles =
    deleteFiles.size === 0
      ? ''
      : ` UNION ALL SELECT a.file, r.pos FROM (SELECT file_path, pos, filename AS f FROM read_parquet([${files}], hive_partitioning = false)) AS r JOIN ${name}_applies AS a ON a.delete_file = r.f AND a.path = r.file_path`
  await session.run(`CREATE VIEW ${name} AS SELECT file, pos FROM ${name}_vectors${ofFiles}`)
  return name
}

async function insertVector(
  source: TableSource,
  vector: DataFile,
  file: string,
  table: string,
  builder: ViewBuilder,
): Promise<void> {
  using positions = await readDeletionVector(source.io, vector)
  for (const { base, offsets } of positions.chunks(POSITIONS_AT_ONCE)) {
    await insertJson(builder, table, '["BIGINT"]', `${quoteText(file)}, j + ${base}`, `[${offsets.join(',')}]`)
  }
}

/** Rows as JSON in a parameter: the one way to hand many values to the engine without pasting them into text. */
async function insertJson(
  builder: ViewBuilder,
  table: string,
  structure: string,
  columns: string,
  json: string,
): Promise<void> {
  await builder.session.run(
    `INSERT INTO ${table} SELECT ${columns} FROM (SELECT unnest(from_json($1, ${quoteText(structure)})) AS j)`,
    {
      parameters: [json],
      ...(builder.signal === undefined ? {} : { signal: builder.signal }),
    },
  )
}
