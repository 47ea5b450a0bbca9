import { IceboxError, throwIfCancelled } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import {
  columnName,
  type DataFile,
  type Literal,
  type PartitionSpec,
  type PartitionTuple,
  partitionPath,
  type Schema,
  type SortOrder,
} from '../../iceberg/index.ts'
import { joinUri, localPath } from '../../storage/index.ts'
import { quoteText, readParquet } from '../sql.ts'
import type { CopiedFile } from './copy.ts'
import { fileError, publish, removeFolder, syncPath } from './files.ts'
import { LeafIndex, metricsOf } from './metrics.ts'
import { PackedMetrics } from './packed-metrics.ts'
import type { PartitionKey } from './projection.ts'
import { type RequiredField, requiredFields } from './required-fields.ts'

/** A file of a COPY, its statistics read. */
export interface MeasuredFile extends Omit<CopiedFile, 'statistics'> {
  readonly metrics: PackedMetrics
}

/** A data file whose metrics stay packed. */
class PlacedFile implements DataFile {
  readonly content = 'data'
  readonly fileFormat = 'parquet'
  readonly filePath: string
  readonly specId: number
  readonly partition: PartitionTuple
  readonly recordCount: bigint
  readonly fileSizeInBytes: bigint
  declare readonly sortOrderId?: number
  readonly #metrics: PackedMetrics

  constructor(file: MeasuredFile, place: Pick<DataFile, 'filePath' | 'specId' | 'partition' | 'sortOrderId'>) {
    this.filePath = place.filePath
    this.specId = place.specId
    this.partition = place.partition
    this.recordCount = file.rows
    this.fileSizeInBytes = file.sizeBytes
    if (place.sortOrderId !== undefined) this.sortOrderId = place.sortOrderId
    this.#metrics = file.metrics
  }

  get columnSizes() {
    return this.#metrics.columnSizes
  }

  get valueCounts() {
    return this.#metrics.valueCounts
  }

  get nullValueCounts() {
    return this.#metrics.nullValueCounts
  }

  get nanValueCounts() {
    return this.#metrics.nanValueCounts
  }

  get lowerBounds() {
    return this.#metrics.lowerBounds
  }

  get upperBounds() {
    return this.#metrics.upperBounds
  }
}

export interface PlacementOptions {
  readonly session: EngineSession
  readonly schema: Schema
  readonly spec: PartitionSpec
  readonly sortOrder?: SortOrder | undefined
  readonly keys: readonly PartitionKey[]
  /** URI of the table's data folder. */
  readonly dataLocation: string
  /** In the names of the files, so that they can be found if the process dies. */
  readonly writeId: string
  readonly signal?: AbortSignal | undefined
}

/** Files and folders that are made durable side by side: they share the journal's commits. */
const AT_ONCE = 8

/** Files that one query looks for nulls in. */
const FILES_LOOKED_AT = 64

/** Makes data files of what was copied: metrics, partition tuple, name and place. */
export class Placement {
  readonly #options: PlacementOptions
  readonly #leaves: LeafIndex
  readonly #required: readonly RequiredField[]
  #published: string[] = []
  #flushing: Promise<void> = Promise.resolve()

  constructor(options: PlacementOptions) {
    this.#options = options
    this.#leaves = new LeafIndex(options.schema)
    this.#required = requiredFields(options.schema)
  }

  /** Statistics as metrics at once: as text they are ten times as large. Rejects (throws) `schema/mismatch`: nulls in required columns, infinite times. */
  measure(copied: CopiedFile): MeasuredFile {
    const { schema } = this.#options
    const metrics = metricsOf(copied.statistics, this.#leaves)
    for (const field of schema.fields) {
      const nulls = metrics.nullValueCounts?.get(field.id) ?? 0n
      if (field.required && nulls > 0n) throw requiredIsNull(schema, field.id, `${nulls} nulls`)
    }
    const { statistics: _, ...file } = copied
    return { ...file, metrics: new PackedMetrics(metrics) }
  }

  /**
   * Moves the files into the table's folder and begins to flush them, with the folders in which names are new: `alsoIn`, and
   * those of the files. Rejects, and `durable` does, `storage/*` and `cancelled`; `schema/mismatch` for nulls in required fields
   * of structs, lists and maps.
   */
  async publish(
    written: readonly MeasuredFile[],
    alsoIn: Iterable<string>,
  ): Promise<{ readonly files: DataFile[]; readonly durable: Promise<void> }> {
    await this.#needRequired(written)
    const staged: { file: DataFile; from: string }[] = []
    for (const file of written) staged.push({ from: file.path, file: await this.#dataFile(file, staged.length) })
    const folders = new Set(alsoIn)
    await this.#eachAtOnce(staged, async ({ file, from }) => {
      const to = localPath(file.filePath)
      this.#published.push(to)
      for (const folder of await publish(from, to)) folders.add(folder)
    })
    this.#flushing = this.#flush([...this.#published, ...folders])
    // Whoever awaits it is told; until then a failure is nobody's.
    this.#flushing.catch(() => undefined)
    return { files: staged.map(({ file }) => file), durable: this.#flushing }
  }

  /** Removes what was published, also by a call that failed midway. */
  async undo(): Promise<void> {
    const published = this.#published
    this.#published = []
    await Promise.allSettled([this.#flushing])
    for (const path of published) await removeFolder(path)
  }

  /** A null count of a nested field counts the rows without its struct too: where it is not zero, the files tell. */
  async #needRequired(written: readonly MeasuredFile[]): Promise<void> {
    const { session, schema, signal } = this.#options
    for (const { fieldId, leafIds, isNullSql } of this.#required) {
      const paths = written
        .filter(({ metrics }) => !leafIds.some((id) => metrics.nullValueCounts?.get(id) === 0n))
        .map(({ path }) => path)
      for (let at = 0; at < paths.length; at += FILES_LOOKED_AT) {
        const files = readParquet(paths.slice(at, at + FILES_LOOKED_AT))
        const [row] = await session.all(
          `SELECT count(*) AS n FROM ${files} WHERE ${isNullSql}`,
          signal === undefined ? {} : { signal },
        )
        const rows = row?.['n']
        if (typeof rows === 'bigint' && rows > 0n) {
          throw requiredIsNull(schema, fieldId, `nulls in ${rows} ${rows === 1n ? 'row' : 'rows'}`)
        }
      }
    }
  }

  async #flush(paths: readonly string[]): Promise<void> {
    await this.#eachAtOnce(paths, async (path) => {
      try {
        await syncPath(path)
      } catch (error) {
        throw fileError(`${path} cannot be flushed to the disk`, error)
      }
    })
  }

  async #eachAtOnce<Item>(items: readonly Item[], act: (item: Item) => Promise<void>): Promise<void> {
    for (let at = 0; at < items.length; at += AT_ONCE) {
      throwIfCancelled(this.#options.signal)
      await Promise.all(items.slice(at, at + AT_ONCE).map(act))
    }
  }

  async #dataFile(copied: MeasuredFile, number: number): Promise<DataFile> {
    const { spec, schema, sortOrder, dataLocation, writeId } = this.#options
    const partition = copied.partition ?? (await this.#tuple(copied))
    const name = `${String(number).padStart(5, '0')}-${writeId}.parquet`
    const folder = spec.fields.length === 0 ? [] : [partitionPath(spec, schema, partition)]
    return new PlacedFile(copied, {
      filePath: joinUri(dataLocation, ...folder, name),
      specId: spec.specId,
      partition,
      ...(sortOrder === undefined || sortOrder.orderId === 0 ? {} : { sortOrderId: sortOrder.orderId }),
    })
  }

  async #tuple(copied: MeasuredFile): Promise<PartitionTuple> {
    const tuple: (Literal | null)[] = this.#options.spec.fields.map(() => null)
    for (const key of this.#options.keys) {
      const text = copied.keys.get(key.column) ?? null
      if (text === null) continue
      tuple[key.at] = key.sql.decode(text) ?? (await this.#valueInFile(copied.path, key.sql.valueSql ?? 'NULL'))
    }
    return tuple
  }

  /** A partition value too long for a folder name: all rows of the file have it. */
  async #valueInFile(path: string, valueSql: string): Promise<Literal | null> {
    const rows = await this.#options.session.all(
      `SELECT ${valueSql} AS v FROM read_parquet(${quoteText(path)}, hive_partitioning = false) LIMIT 1`,
    )
    const value = rows[0]?.['v']
    return typeof value === 'string' || value instanceof Uint8Array ? value : null
  }
}

function requiredIsNull(schema: Schema, fieldId: number, nulls: string): IceboxError {
  const column = columnName(schema, fieldId)
  return new IceboxError('schema/mismatch', {
    message: `the required column '${column}' would get ${nulls}`,
    remedy: 'fill the values, or make the column optional',
    context: { column },
  })
}
