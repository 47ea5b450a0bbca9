import { dirname, join } from 'node:path'
import { IceboxError, isIceboxError, makeFolders, throwIfCancelled } from '../../base/index.ts'
import type { Engine, EngineSession, RunOptions } from '../../engine/index.ts'
import {
  columnName,
  type DataFile,
  type FileMetrics,
  type Literal,
  metadataFolder,
  type PartitionSpec,
  type PartitionTuple,
  partitionPath,
  type Schema,
  type SortOrder,
} from '../../iceberg/index.ts'
import { planCopy } from '../../memory/index.ts'
import { joinUri, localPath } from '../../storage/index.ts'
import { quoteText, textOf } from '../sql.ts'
import { type CopiedFile, runCopy } from './copy.ts'
import { fieldIdsClause } from './field-ids.ts'
import { fileError, publish, removeFolder, syncPath } from './files.ts'
import type { JournalEntry, WriteJournal } from './journal.ts'
import { ladder, outOfRungs, type Rung } from './ladder.ts'
import { LeafIndex, metricsOf } from './metrics.ts'
import { HELPER_PREFIX, type Projection, project } from './projection.ts'
import { chooseStrategy, MAX_BUCKETS, MAX_DIRECT_PARTITIONS, type WriteStrategy } from './strategy.ts'

export interface WriteRequest {
  readonly session: EngineSession
  readonly engine: Pick<Engine, 'plan'>
  /** SQL whose columns are the table's, by name (case does not matter); optional columns may be missing. */
  readonly select: string
  readonly schema: Schema
  readonly spec: PartitionSpec
  readonly sortOrder?: SortOrder
  /** Of the table: a `file:` URI. Files go to `write.data.path` or `<location>/data`. */
  readonly location: string
  readonly properties: Readonly<Record<string, string>>
  /** `storage.target_file_size`; the table property `write.target-file-size-bytes` rules. */
  readonly targetFileSizeBytes: number
  /** Where rows are staged for many partitions; must be on disk. */
  readonly stagingDirectory: string
  readonly journal: WriteJournal
  /** Average bytes of a row in memory where known (see `estimateRowWidth`). */
  readonly rowWidthBytes?: number
  /** Distinct partitions where known or estimated. */
  readonly partitions?: number
  /** Rows keep the order of the select: one thread. */
  readonly preserveOrder?: boolean
  readonly signal?: AbortSignal
  readonly onProgress?: RunOptions['onProgress']
}

export interface WriteResult {
  /** Files in place, not committed. */
  readonly files: DataFile[]
  readonly rows: bigint
  readonly sizeBytes: bigint
  readonly strategy: WriteStrategy
  /** What was done that was not planned (memory ran out, buckets were divided), a sentence each. */
  readonly notes: readonly string[]
  /** Right before the commit. Rejects `storage/io` when another process took this one for dead and may have removed the files. */
  hold(): Promise<void>
  /** After the commit: forgets the write in the journal; never fails. */
  settle(): Promise<void>
  /** After a commit that failed for sure: removes the files. */
  discard(): Promise<void>
}

/**
 * Writes the rows of a SELECT as data files of a table, with field ids and statistics; the caller commits them.
 * Rejects `memory/exhausted` after smaller attempts, `schema/mismatch` (required columns with nulls, unknown columns),
 * `storage/*`, `sql/*`, `cancelled`; nothing is left behind then.
 */
export async function writeDataFiles(request: WriteRequest): Promise<WriteResult> {
  const dataLocation = request.properties['write.data.path'] ?? joinUri(request.location, 'data')
  const dataFolder = localPath(dataLocation)
  const selectColumns = await columnsOf(request.session, request.select, request.signal)
  const projection = project({ ...request, selectColumns })
  for (const key of projection.keys) await key.sql.register?.(request.session)
  const rowWidthBytes = request.rowWidthBytes ?? estimateWidth(request.schema)
  const { plan } = request.engine
  // Rows keep their order, in the file or of a sort, only in one thread.
  const isOrdered = request.preserveOrder === true || projection.orderBy !== ''
  const copy = planCopy({ engine: plan, rowWidthBytes, targetFileBytes: request.targetFileSizeBytes })
  const threads = isOrdered ? 1 : copy.threads
  const isPartitioned = projection.keys.length > 0
  const first: Rung = {
    threads,
    rowGroupSize: Math.min(
      isPartitioned ? PARTITIONED_ROW_GROUP : copy.rowGroupSize,
      copy.rowGroupSize,
      rowGroupLimit(request.properties),
    ),
    strategy: chooseStrategy({
      isPartitioned,
      partitions: request.partitions,
      threads,
      columns: projection.columns.length,
      rowWidthBytes,
      memoryLimitBytes: plan.memoryLimitBytes,
    }),
  }
  const entry = await request.journal.begin({
    folders: (id) => [join(dataFolder, `.icebox-${id}`), join(request.stagingDirectory, `write-${id}`)],
    dataFolder,
    metadataFolder: metadataFolder(request.location, request.properties),
  })
  const writer = new Writer(request, projection, entry, dataFolder, dataLocation)
  const tried: Rung[] = []
  try {
    for (const rung of ladder(first)) {
      tried.push(rung)
      try {
        return await writer.attempt(rung, tried.length)
      } catch (error) {
        await writer.clean()
        if (!isIceboxError(error, 'memory/exhausted')) throw error
        writer.notes.push(
          `memory ran out with ${rung.threads} threads, row groups of ${rung.rowGroupSize} rows, ${rung.strategy.kind} writing; tried again smaller`,
        )
        if (tried.length === ladder(first).length) throw outOfRungs(error, tried, plan.memoryLimitBytes)
      }
    }
    throw new IceboxError('internal/unreachable', { message: 'a ladder without rungs' })
  } catch (error) {
    await request.journal.end(entry)
    throw error
  }
}

/** Open row groups of all partitions are held at once; 8,192 rows cost a few percent of bytes and are three times as fast. */
const PARTITIONED_ROW_GROUP = 8_192

async function columnsOf(session: EngineSession, select: string, signal: AbortSignal | undefined): Promise<string[]> {
  const rows = await session.all(`DESCRIBE ${select}`, signal === undefined ? {} : { signal })
  return rows.map((row) => textOf(row['column_name']))
}

/** `write.parquet.row-group-limit` of DuckDB's own Iceberg writer is in rows; ours is a table property in rows too. */
function rowGroupLimit(properties: Readonly<Record<string, string>>): number {
  const text = properties['write.parquet.row-group-limit']
  return text !== undefined && /^[1-9]\d*$/.test(text) ? Math.max(2_048, Number(text)) : 122_880
}

/** Bytes of a row when nothing was sampled: strings as 24, numbers as 8. */
function estimateWidth(schema: Schema): number {
  return schema.fields.reduce(
    (sum, field) =>
      sum +
      (['boolean', 'int', 'float', 'date'].includes(field.type.kind) ? 4 : field.type.kind === 'string' ? 24 : 16),
    0,
  )
}

/** A file of a COPY, its statistics read. */
interface Written extends Omit<CopiedFile, 'statistics'> {
  readonly metrics: FileMetrics
}

class Writer {
  readonly notes: string[] = []
  readonly #request: WriteRequest
  readonly #projection: Projection
  readonly #entry: JournalEntry
  readonly #dataFolder: string
  readonly #dataLocation: string
  readonly #leaves: LeafIndex
  #published: string[] = []
  #copies = 0

  constructor(
    request: WriteRequest,
    projection: Projection,
    entry: JournalEntry,
    dataFolder: string,
    dataLocation: string,
  ) {
    this.#request = request
    this.#projection = projection
    this.#entry = entry
    this.#dataFolder = dataFolder
    this.#dataLocation = dataLocation
    this.#leaves = new LeafIndex(request.schema)
  }

  async attempt(rung: Rung, number: number): Promise<WriteResult> {
    const { session } = this.#request
    await makeFolders(this.#output).catch((error: unknown) => {
      throw fileError(`${this.#output} cannot be made`, error)
    })
    const isOrdered = this.#request.preserveOrder === true || this.#projection.orderBy !== ''
    if (isOrdered) await session.run('SET preserve_insertion_order = true')
    const written: Written[] = []
    try {
      for await (const copied of this.#copyAll(rung, number)) {
        // An empty select leaves one file without rows.
        if (copied.rows > 0n) written.push(this.#measured(copied))
      }
    } finally {
      if (isOrdered) await session.run('SET preserve_insertion_order = false')
    }
    const staged: { file: DataFile; from: string }[] = []
    for (const file of written) staged.push({ from: file.path, file: await this.#dataFile(file, staged.length) })
    const files = await this.#publish(staged)
    await this.#removeOwnFolders()
    return {
      files,
      rows: files.reduce((sum, file) => sum + file.recordCount, 0n),
      sizeBytes: files.reduce((sum, file) => sum + file.fileSizeInBytes, 0n),
      strategy: rung.strategy,
      notes: this.notes,
      hold: () => this.#request.journal.hold(this.#entry),
      settle: () => this.#request.journal.end(this.#entry),
      discard: async () => {
        await this.clean()
        await this.#request.journal.end(this.#entry)
      },
    }
  }

  async clean(): Promise<void> {
    const published = this.#published
    this.#published = []
    for (const path of published) await removeFolder(path)
    await this.#removeOwnFolders()
  }

  get #output(): string {
    return join(this.#dataFolder, `.icebox-${this.#entry.writeId}`)
  }

  get #staging(): string {
    return join(this.#request.stagingDirectory, `write-${this.#entry.writeId}`)
  }

  async #removeOwnFolders(): Promise<void> {
    for (const folder of this.#entry.folders) await removeFolder(folder)
  }

  async *#copyAll(rung: Rung, attempt: number): AsyncGenerator<CopiedFile> {
    const { sql } = this.#projection
    const { strategy } = rung
    if (strategy.kind === 'staged') {
      yield* this.#copyStaged(sql, strategy.buckets, rung, `${attempt}`, 0)
    } else {
      yield* this.#copy(sql, rung, strategy.kind === 'direct', this.#options(rung, true))
    }
  }

  /** Rows into buckets by the hash of their partition, then bucket by bucket; one that is still too large again. */
  async *#copyStaged(
    select: string,
    buckets: number,
    rung: Rung,
    path: string,
    depth: number,
  ): AsyncGenerator<CopiedFile> {
    const { session, signal } = this.#request
    const keys = this.#projection.keys.map((key) => key.column)
    const bucketColumn = `${HELPER_PREFIX}b`
    const folder = join(this.#staging, path)
    await makeFolders(dirname(folder)).catch((error: unknown) => {
      throw fileError(`${folder} cannot be made`, error)
    })
    const byBucket = new Map<string, string[]>()
    // A seed of its own for each depth: the same hash would put a bucket into one bucket again.
    const staged = `SELECT *, hash(${[...keys, depth].join(', ')}) % ${buckets} AS ${bucketColumn} FROM (${select})`
    const copy = {
      select: staged,
      folder,
      rowGroupSize: rung.rowGroupSize,
      codec: 'lz4_raw',
      partitionBy: [bucketColumn],
      fileSizeBytes: 0,
    }
    for await (const file of runCopy(session, copy, this.#options(rung, depth === 0))) {
      const bucket = file.keys.get(bucketColumn) ?? ''
      byBucket.set(bucket, [...(byBucket.get(bucket) ?? []), file.path])
    }
    for (const [bucket, paths] of byBucket) {
      throwIfCancelled(signal)
      const source = `SELECT * FROM read_parquet([${paths.map(quoteText).join(', ')}], hive_partitioning = false)`
      const count = await session.all(
        `SELECT count(*) AS n FROM (SELECT DISTINCT ${keys.join(', ')} FROM (${source}))`,
        this.#options(rung, false),
      )
      const partitions = Number(count[0]?.['n'] ?? 0)
      if (partitions > MAX_DIRECT_PARTITIONS && depth < 3) {
        const again = Math.min(MAX_BUCKETS, Math.ceil(partitions / (MAX_DIRECT_PARTITIONS * 0.75)))
        yield* this.#copyStaged(source, Math.max(2, again), rung, `${path}-${bucket}`, depth + 1)
      } else {
        yield* this.#copy(source, rung, true, this.#options(rung, false))
      }
      for (const staleFile of paths) await removeFolder(staleFile)
    }
    await removeFolder(folder)
  }

  #copy(select: string, rung: Rung, isPartitioned: boolean, options: RunOptions): AsyncGenerator<CopiedFile> {
    const { properties, session } = this.#request
    const { orderBy, keys } = this.#projection
    this.#copies++
    return runCopy(
      session,
      {
        select: orderBy === '' ? select : `SELECT * FROM (${select}) ORDER BY ${orderBy}`,
        folder: join(this.#output, String(this.#copies)),
        fieldIds: fieldIdsClause(this.#request.schema),
        rowGroupSize: rung.rowGroupSize,
        ...codecOf(properties),
        partitionBy: isPartitioned ? keys.map((key) => key.column) : [],
        fileSizeBytes: targetSize(properties, this.#request.targetFileSizeBytes),
      },
      options,
    )
  }

  #options(rung: Rung, reportsProgress: boolean): RunOptions {
    const { signal, onProgress } = this.#request
    return {
      threads: rung.threads,
      ...(signal === undefined ? {} : { signal }),
      ...(reportsProgress && onProgress !== undefined ? { onProgress } : {}),
    }
  }

  /** Statistics as metrics at once: as text they are ten times as large. */
  #measured(copied: CopiedFile): Written {
    const { schema } = this.#request
    const metrics = metricsOf(copied.statistics, this.#leaves)
    for (const field of schema.fields) {
      if (field.required && (metrics.nullValueCounts?.get(field.id) ?? 0n) > 0n) {
        throw new IceboxError('schema/mismatch', {
          message: `the required column '${columnName(schema, field.id)}' would get ${metrics.nullValueCounts?.get(field.id)} nulls`,
          remedy: 'fill the values, or make the column optional',
          context: { column: field.name },
        })
      }
    }
    const { path, rows, sizeBytes, keys } = copied
    return { path, rows, sizeBytes, keys, metrics }
  }

  async #dataFile(copied: Written, number: number): Promise<DataFile> {
    const { spec, schema, sortOrder } = this.#request
    const partition = await this.#tuple(copied)
    const name = `${String(number).padStart(5, '0')}-${this.#entry.writeId}.parquet`
    const folder = spec.fields.length === 0 ? [] : [partitionPath(spec, schema, partition)]
    return {
      content: 'data',
      filePath: joinUri(this.#dataLocation, ...folder, name),
      fileFormat: 'parquet',
      specId: spec.specId,
      partition,
      recordCount: copied.rows,
      fileSizeInBytes: copied.sizeBytes,
      ...copied.metrics,
      ...(sortOrder === undefined || sortOrder.orderId === 0 ? {} : { sortOrderId: sortOrder.orderId }),
    }
  }

  async #tuple(copied: Written): Promise<PartitionTuple> {
    const tuple: (Literal | null)[] = this.#request.spec.fields.map(() => null)
    for (const key of this.#projection.keys) {
      const text = copied.keys.get(key.column) ?? null
      if (text === null) continue
      tuple[key.at] = key.sql.decode(text) ?? (await this.#valueInFile(copied.path, key.sql.valueSql ?? 'NULL'))
    }
    return tuple
  }

  /** A partition value too long for a folder name: all rows of the file have it. */
  async #valueInFile(path: string, valueSql: string): Promise<Literal | null> {
    const rows = await this.#request.session.all(
      `SELECT ${valueSql} AS v FROM read_parquet(${quoteText(path)}) LIMIT 1`,
    )
    const value = rows[0]?.['v']
    return typeof value === 'string' || value instanceof Uint8Array ? value : null
  }

  async #publish(staged: readonly { file: DataFile; from: string }[]): Promise<DataFile[]> {
    const folders = new Set<string>()
    for (let at = 0; at < staged.length; at += 8) {
      throwIfCancelled(this.#request.signal)
      await Promise.all(
        staged.slice(at, at + 8).map(async ({ file, from }) => {
          const to = localPath(file.filePath)
          this.#published.push(to)
          folders.add(dirname(to))
          await publish(from, to)
        }),
      )
    }
    for (const folder of folders) await syncPath(folder)
    return staged.map(({ file }) => file)
  }
}

function codecOf(properties: Readonly<Record<string, string>>): { codec: string; codecLevel?: number } {
  const codec = (properties['write.parquet.compression-codec'] ?? 'zstd').toLowerCase()
  if (!['zstd', 'snappy', 'gzip', 'lz4_raw', 'uncompressed', 'brotli'].includes(codec)) {
    throw new IceboxError('iceberg/unsupported', {
      message: `the table asks for the compression '${codec}'`,
      remedy: 'set write.parquet.compression-codec to zstd, snappy, gzip, brotli or uncompressed',
      context: { codec },
    })
  }
  const level = properties['write.parquet.compression-level']
  return level !== undefined && codec === 'zstd' && /^-?\d+$/.test(level)
    ? { codec, codecLevel: Number(level) }
    : { codec }
}

function targetSize(properties: Readonly<Record<string, string>>, configured: number): number {
  const text = properties['write.target-file-size-bytes']
  return text !== undefined && /^[1-9]\d*$/.test(text) ? Number(text) : configured
}
