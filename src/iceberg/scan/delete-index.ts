import { IceboxError } from '../../base/index.ts'
import type { DataFile, ManifestEntry } from '../spec/manifest.ts'
import { isUnpartitioned } from '../spec/partition.ts'
import { fieldPlace } from '../spec/schema.ts'
import { isPrimitive } from '../spec/type-text.ts'
import type { PartitionSpec, PartitionTuple, Schema } from '../spec/types.ts'
import { compareCodePoints, compareForFilter } from './compare.ts'
import { factsOfFile } from './facts.ts'

/** Reserved field id of `file_path` in position delete files (Iceberg spec, "Reserved Field IDs"). */
const DELETE_FILE_PATH_ID = 2147483546

interface Deletes {
  readonly file: DataFile
  readonly sequenceNumber: bigint
  /** Bounds of the data file paths of a position delete file. */
  readonly lowerPath?: string
  readonly upperPath?: string
}

export interface ApplicableDeletes {
  readonly positionDeletes: readonly DataFile[]
  readonly equalityDeletes: readonly DataFile[]
  readonly deletionVector?: DataFile
}

const NONE: ApplicableDeletes = { positionDeletes: [], equalityDeletes: [] }

/**
 * Which delete files apply to which data file (Iceberg spec, "Scan Planning"; I16, I17): deletion vectors by the path they
 * name; position deletes to data with sequence number <= theirs, equality deletes to data < theirs, of the same spec and
 * partition; equality deletes of an unpartitioned spec to all data.
 */
export class DeleteIndex {
  readonly #schema: Schema
  readonly #unpartitioned: ReadonlySet<number>
  readonly #vectors = new Map<string, Deletes>()
  readonly #byPath = new Map<string, Deletes[]>()
  readonly #byPartition = new Map<string, Deletes[]>()
  readonly #equalityByPartition = new Map<string, Deletes[]>()
  readonly #globalEquality: Deletes[] = []
  #size = 0

  constructor(schema: Schema, specs: readonly PartitionSpec[]) {
    this.#schema = schema
    this.#unpartitioned = new Set(specs.filter(isUnpartitioned).map((spec) => spec.specId))
  }

  /** Delete files held. */
  get size(): number {
    return this.#size
  }

  /** Takes a live entry of a delete manifest. Throws `iceberg/invalid-deletes` for a second vector of one data file. */
  add(entry: ManifestEntry): void {
    const file = entry.dataFile
    const deletes = { file, sequenceNumber: entry.sequenceNumber ?? 0n }
    this.#size++
    if (file.content === 'equality-deletes') {
      if (this.#unpartitioned.has(file.specId)) this.#globalEquality.push(deletes)
      else push(this.#equalityByPartition, partitionOf(file), deletes)
      return
    }
    if (file.fileFormat === 'puffin') return this.#addVector(deletes)
    const bounds = pathBounds(file)
    const path = file.referencedDataFile ?? (bounds.lowerPath === bounds.upperPath ? bounds.lowerPath : undefined)
    if (path === undefined) push(this.#byPartition, partitionOf(file), { ...deletes, ...bounds })
    else push(this.#byPath, path, deletes)
  }

  #addVector(deletes: Deletes): void {
    const path = deletes.file.referencedDataFile
    if (path === undefined) {
      throw new IceboxError('iceberg/invalid-deletes', {
        message: `deletion vector in ${deletes.file.filePath} does not name its data file`,
        context: { deleteFile: deletes.file.filePath },
      })
    }
    const other = this.#vectors.get(path)
    if (other !== undefined) {
      throw new IceboxError('iceberg/invalid-deletes', {
        message: `data file ${path} has two deletion vectors: in ${other.file.filePath} and ${deletes.file.filePath}`,
        context: { dataFile: path },
      })
    }
    this.#vectors.set(path, deletes)
  }

  /** What applies to a data file whose data sequence number is given. */
  forFile(file: DataFile, sequenceNumber: bigint): ApplicableDeletes {
    if (this.#size === 0) return NONE
    const key = partitionOf(file)
    const equalityDeletes = [...this.#globalEquality, ...(this.#equalityByPartition.get(key) ?? [])]
      .filter((deletes) => sequenceNumber < deletes.sequenceNumber && this.#equalityMightHit(deletes.file, file))
      .map((deletes) => deletes.file)
    const vector = this.#vectors.get(file.filePath)
    if (vector !== undefined && sequenceNumber <= vector.sequenceNumber) {
      // A vector holds all positions deleted before it: position delete files of its data file are not read (I17).
      return { positionDeletes: [], equalityDeletes, deletionVector: vector.file }
    }
    const positionDeletes = [...(this.#byPath.get(file.filePath) ?? []), ...(this.#byPartition.get(key) ?? [])]
      .filter((deletes) => sequenceNumber <= deletes.sequenceNumber && pathMightBeIn(deletes, file))
      .map((deletes) => deletes.file)
    return { positionDeletes, equalityDeletes }
  }

  /** False when the statistics of both files show that no row can be equal in all the columns. */
  #equalityMightHit(deletes: DataFile, data: DataFile): boolean {
    return (deletes.equalityIds ?? []).every((id) => {
      const place = fieldPlace(this.#schema, id)
      const type = place?.field.type
      // Below a struct, which may itself be null, writers count nulls differently.
      if (type === undefined || !isPrimitive(type) || place?.parentId !== undefined) return true
      const left = factsOfFile(deletes, id, type)
      const right = factsOfFile(data, id, type)
      // Null equals null in equality deletes, and NaN equals NaN; bounds know of neither.
      if (left.hasNull !== false && right.hasNull !== false) return true
      if (left.hasNan !== false && right.hasNan !== false) return true
      return !isBelow(left.upper, right.lower) && !isBelow(right.upper, left.lower)
    })
  }
}

function isBelow(upper: ReturnType<typeof factsOfFile>['upper'], lower: typeof upper): boolean {
  if (upper === undefined || lower === undefined) return false
  return (compareForFilter(upper, lower) ?? 0) < 0
}

function pathMightBeIn(deletes: Deletes, data: DataFile): boolean {
  const { lowerPath, upperPath } = deletes
  if (lowerPath !== undefined && compareCodePoints(data.filePath, lowerPath) < 0) return false
  return upperPath === undefined || compareCodePoints(data.filePath, upperPath) <= 0
}

function pathBounds(file: DataFile): { lowerPath?: string; upperPath?: string } {
  const { lower, upper } = factsOfFile(file, DELETE_FILE_PATH_ID, { kind: 'string' })
  return {
    ...(typeof lower === 'string' ? { lowerPath: lower } : {}),
    ...(typeof upper === 'string' ? { upperPath: upper } : {}),
  }
}

function partitionOf(file: DataFile): string {
  return `${file.specId}/${partitionIdentity(file.partition)}`
}

/**
 * A tuple as a map key. Numbers and bigints of one value are one key: files written before and after a column was widened
 * from int to long lie in the same partition. A negative zero is another value than zero, as in Java and in what is written.
 */
export function partitionIdentity(tuple: PartitionTuple): string {
  let key = ''
  for (const value of tuple) {
    if (value === null) key += 'n;'
    else if (typeof value === 'string') key += `s${value.length}:${value};`
    else if (value instanceof Uint8Array) key += `x${Buffer.from(value).toString('hex')};`
    else key += Object.is(value, -0) ? '-0;' : `${value};`
  }
  return key
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
