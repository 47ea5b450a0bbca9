import { IceboxError } from '../../base/index.ts'
import {
  type DataFile,
  type FileScanTask,
  isPrimitive,
  type Literal,
  type NestedField,
  type Schema,
  sameType,
  type TableMetadata,
  type Type,
} from '../../iceberg/index.ts'

/** Tasks whose files can be read by one `read_parquet`. */
export interface TaskGroup {
  readonly tasks: FileScanTask[]
  readonly hasPositions: boolean
  /** Equality deletes of every file of the group, or of some where `needsPairs`. */
  readonly equality: readonly DataFile[]
  readonly needsPairs: boolean
}

/** More sets of equality deletes than this in one scan share a branch, joined by file. */
const MOST_EQUALITY_GROUPS = 16

/** Files without deletes apart from files with them; files with equality deletes by which ones (query.md, step 6). */
export function groupByDeletes(tasks: readonly FileScanTask[]): TaskGroup[] {
  const plain: FileScanTask[] = []
  const positions: FileScanTask[] = []
  const equality = new Map<string, FileScanTask[]>()
  for (const task of tasks) {
    if (task.equalityDeletes.length > 0) {
      const key = task.equalityDeletes.map((file) => file.filePath).join('\n')
      const group = equality.get(key)
      if (group === undefined) equality.set(key, [task])
      else group.push(task)
    } else if (hasPositions(task)) positions.push(task)
    else plain.push(task)
  }
  const groups: TaskGroup[] = []
  if (plain.length > 0) groups.push({ tasks: plain, hasPositions: false, equality: [], needsPairs: false })
  if (positions.length > 0) groups.push({ tasks: positions, hasPositions: true, equality: [], needsPairs: false })
  if (equality.size <= MOST_EQUALITY_GROUPS) {
    for (const group of equality.values()) {
      groups.push({
        tasks: group,
        hasPositions: group.some(hasPositions),
        equality: group[0]?.equalityDeletes ?? [],
        needsPairs: false,
      })
    }
    return groups
  }
  const all = [...equality.values()].flat()
  const files = new Map(all.flatMap((task) => task.equalityDeletes.map((file) => [file.filePath, file] as const)))
  groups.push({ tasks: all, hasPositions: all.some(hasPositions), equality: [...files.values()], needsPairs: true })
  return groups
}

function hasPositions(task: FileScanTask): boolean {
  return task.positionDeletes.length > 0 || task.deletionVector !== undefined
}

/** The identity partition values of a file, by source field (Iceberg spec, "Column Projection"). */
export function identityValues(metadata: TableMetadata, file: DataFile): ReadonlyMap<number, Literal> {
  const spec = metadata.partitionSpecs.find((known) => known.specId === file.specId)
  const values = new Map<number, Literal>()
  spec?.fields.forEach((field, at) => {
    const value = file.partition[at]
    const [sourceId] = field.sourceIds
    if (field.transform.kind === 'identity' && sourceId !== undefined && value !== null && value !== undefined) {
      values.set(sourceId, value)
    }
  })
  return values
}

/** Rejects `iceberg/unsupported` for a file that this build cannot read, by name. */
export function requireReadable(file: DataFile): void {
  const isData = file.content === 'data'
  const what = isData ? 'data file' : 'delete file'
  if (file.keyMetadata !== undefined) {
    throw new IceboxError('iceberg/unsupported', {
      message: `${what} ${file.filePath} is encrypted`,
      remedy: 'read this table with a tool that holds its keys',
      context: { file: file.filePath },
    })
  }
  const isVector = file.content === 'position-deletes' && file.fileFormat === 'puffin'
  if (file.fileFormat !== 'parquet' && !isVector) {
    throw new IceboxError('iceberg/unsupported', {
      message: `${what} ${file.filePath} is of the format ${file.fileFormat}; Icebox reads Parquet`,
      remedy: 'rewrite the table as Parquet with the tool that wrote it',
      context: { file: file.filePath, format: file.fileFormat },
    })
  }
}

/**
 * True where the table has had the same columns, under the same names and types, since it was made: each file of our own
 * then has exactly these. Schemas are numbered from 0, so a gap shows that one was removed from the metadata.
 */
export function isUnevolved(metadata: TableMetadata, schema: Schema): boolean {
  const names = new Set(schema.fields.map((field) => field.name.toLowerCase()))
  return (
    names.size === schema.fields.length &&
    metadata.schemas.every((known, at) => known.schemaId === at && sameColumns(known, schema))
  )
}

function sameColumns(a: Schema, b: Schema): boolean {
  return (
    a.fields.length === b.fields.length &&
    a.fields.every((field, at) => {
      const other = b.fields[at]
      return (
        other !== undefined && other.id === field.id && other.name === field.name && sameType(other.type, field.type)
      )
    })
  )
}

/**
 * True where files of any age can be read by ids and the present types: no column was of another type, unless the reader may
 * cast it (`isCastByReader` in projection.ts); every nested field has had one name, and every name one field, in all schemas
 * of the table, and each struct shares a field with the present one, so that a cast by names gives each field its own values;
 * and no type was another but int of long, or a decimal of fewer digits: filters on others DuckDB rounds (`storedConversion`).
 */
export function canReadByIds(metadata: TableMetadata, fields: readonly NestedField[], readerCasts: boolean): boolean {
  return fields.every((field) =>
    olderTypes(metadata, field).every((then) =>
      isPrimitive(field.type) && !readerCasts ? sameType(field.type, then) : isStable(field.type, then),
    ),
  )
}

/** True where files of before a change of type can be read by ids only if the reader casts their columns. */
export function isWidened(metadata: TableMetadata, { fields }: Schema): boolean {
  return fields.some(
    (field) =>
      isPrimitive(field.type) &&
      olderTypes(metadata, field).some((then) => !sameType(field.type, then) && isStable(field.type, then)),
  )
}

function olderTypes(metadata: TableMetadata, { id }: NestedField): Type[] {
  return metadata.schemas.flatMap(({ fields }) => fields.filter((known) => known.id === id).map(({ type }) => type))
}

function isStable(now: Type, then: Type): boolean {
  if (now.kind === 'struct' && then.kind === 'struct') {
    const shared = now.fields.filter((field) => then.fields.some((known) => known.id === field.id))
    const hasDefault = now.fields.some((field) => field.initialDefault !== undefined && !shared.includes(field))
    return (
      shared.length > 0 &&
      !hasDefault &&
      then.fields.every((known) => {
        const same = now.fields.find((field) => field.id === known.id)
        const namesake = now.fields.find((field) => field.name.toLowerCase() === known.name.toLowerCase())
        return same === namesake && (same === undefined || isStable(same.type, known.type))
      })
    )
  }
  if (now.kind === 'list' && then.kind === 'list') return isStable(now.element, then.element)
  if (now.kind === 'map' && then.kind === 'map') return isStable(now.key, then.key) && isStable(now.value, then.value)
  if (!isPrimitive(now) || !isPrimitive(then)) return false
  return now.kind === then.kind || (now.kind === 'long' && then.kind === 'int')
}
