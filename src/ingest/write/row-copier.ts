import { dirname, join } from 'node:path'
import { throwIfCancelled } from '../../base/index.ts'
import type { Engine, EngineSession, RunOptions } from '../../engine/index.ts'
import type { PartitionSpec, Schema } from '../../iceberg/index.ts'
import { describeColumns, readParquet } from '../sql.ts'
import { type CopiedFile, type CopyStatement, runCopy } from './copy.ts'
import { copyParts } from './copy-parts.ts'
import { type DividableText, NotDividable } from './dividable-text.ts'
import { fieldIdsClause } from './field-ids.ts'
import { makeFolder, removeFolder } from './files.ts'
import { PARTITIONED_ROW_GROUP } from './first-rung.ts'
import { FEW_AT_ONCE, type Rung } from './ladder.ts'
import { LeafIndex } from './metrics.ts'
import { canDivideBy, sortIntoFiles } from './pass-sort.ts'
import { HELPER_PREFIX, type Projection } from './projection.ts'
import { provenPartition } from './proven-partition.ts'
import { bucketsFor, type WriteStrategy } from './strategy.ts'
import { codecOf, targetSize } from './table-properties.ts'

export interface CopierOptions {
  readonly session: EngineSession
  readonly engine: Pick<Engine, 'plan'>
  readonly projection: Projection
  /** The projection of another SELECT of the same columns, without keys of partitions or with them. */
  readonly project: (select: string, isPartitioned: boolean) => Projection
  readonly schema: Schema
  readonly spec: PartitionSpec
  readonly text?: DividableText
  readonly properties: Readonly<Record<string, string>>
  /** See `mayUseDictionaries`. */
  readonly usesDictionaries: boolean
  /** `storage.target_file_size`; the table's own property rules. */
  readonly targetFileSizeBytes: number
  /** Folder of the files that become data files; on the file system of the table. */
  readonly output: string
  /** Folder of the rows that are staged. */
  readonly staging: string
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: RunOptions['onProgress']
}

/** A partition above this many times the target size is divided. */
const LARGEST_FILE = 2
/** Deeper than this a bucket is written as it is. */
const MAX_DEPTH = 3

/** Puts the rows of a projection into Parquet files, each with rows of one partition (invariant N5). */
export class RowCopier {
  readonly #options: CopierOptions
  readonly #leaves: LeafIndex
  #copies = 0

  constructor(options: CopierOptions) {
    this.#options = options
    this.#leaves = new LeafIndex(options.schema)
  }

  /** The files of one attempt. `attempt` names its staging folder. Rejects as COPY does; what was written stays. */
  async *copy(rung: Rung, attempt: number): AsyncGenerator<CopiedFile> {
    const { sql } = this.#options.projection
    const { strategy } = rung
    if (strategy.kind === 'staged') yield* this.#staged(sql, strategy, rung, `${attempt}`, 0)
    else if (strategy.kind === 'direct') yield* this.#byPartition(sql, rung, true)
    else if (strategy.kind === 'divided') yield* this.#divided(rung, strategy.atOnce, `${attempt}`)
    else if (rung.sort === 'passes') yield* this.#inPasses(sql, rung, `${attempt}`)
    else yield* this.#run(rung, true, { select: this.#sorted(sql), partitionBy: [] })
  }

  /** Sorted on disk by ranges of the first term of the order; then written in that order, by one thread. */
  async *#inPasses(select: string, rung: Rung, path: string): AsyncGenerator<CopiedFile> {
    const { session, engine, projection, staging, signal } = this.#options
    const folder = join(staging, path)
    await makeFolder(folder)
    const keys = projection.sortTerms.map(({ how }, at) => ({ column: `${HELPER_PREFIX}s${at}`, how }))
    const terms = projection.sortTerms.map(({ sql }, at) => `${sql} AS ${keys[at]?.column}`)
    const rows = `SELECT *, ${terms.join(', ')} FROM (${select})`
    const run = this.#runOptions(rung, true)
    const described = await describeColumns(session, rows, signal === undefined ? {} : { signal })
    const keyType = described.find(({ name }) => name === keys[0]?.column)?.type ?? ''
    // Such keys (times with nanoseconds) cannot be written as bounds: their rows are sorted as a whole.
    if (!canDivideBy(keyType)) return yield* this.#run(rung, true, { select: this.#sorted(select), partitionBy: [] })
    const { columns } = projection
    // While rows are staged their order is nobody's, and keeping it would hold them by batches.
    await session.run('SET preserve_insertion_order = false')
    const sorted = await sortIntoFiles({ session, rows, columns, keys, keyType, folder, engine: engine.plan, run })
    await session.run('SET preserve_insertion_order = true')
    yield* this.#run(rung, false, { select: sorted.sql, partitionBy: [] })
    await removeFolder(folder)
  }

  /** The text is divided by what its partitions seem to be; each part is written as if it were the whole. */
  async *#divided(rung: Rung, atOnce: number, path: string): AsyncGenerator<CopiedFile> {
    const { text, staging, spec, session, signal, onProgress, project } = this.#options
    if (text === undefined) throw new NotDividable('it is no text')
    const folder = join(staging, path)
    await makeFolder(folder)
    const mixed = yield* copyParts({
      text,
      folder,
      session,
      threads: rung.threads,
      atOnce: rung.threads > 1 ? atOnce : 1,
      copy: (select, threads, own) =>
        this.#run({ ...rung, threads }, false, { select: project(select, false).sql, partitionBy: [] }, own),
      prove: (file) => provenPartition(file.statistics, spec, this.#leaves),
      onProgress: (fraction) => onProgress?.({ fraction, rows: undefined }),
      signal,
    })
    if (mixed.length > 0) {
      const few = { ...rung, rowGroupSize: Math.min(rung.rowGroupSize, PARTITIONED_ROW_GROUP) }
      yield* this.#staged(project(text.select(mixed), true).sql, FEW_AT_ONCE, few, `${path}-rows`, 0)
    }
    await removeFolder(folder)
  }

  /** Rows into buckets by the hash of their partition, then bucket by bucket; one that is still too large again. */
  async *#staged(
    select: string,
    { buckets, atOnce }: Pick<Extract<WriteStrategy, { kind: 'staged' }>, 'buckets' | 'atOnce'>,
    rung: Rung,
    path: string,
    depth: number,
  ): AsyncGenerator<CopiedFile> {
    const { session, signal, projection, staging } = this.#options
    const keys = projection.keys.map((key) => key.column)
    const bucketColumn = `${HELPER_PREFIX}b`
    const folder = join(staging, path)
    await makeFolder(dirname(folder))
    const byBucket = new Map<string, string[]>()
    // A seed of its own for each depth: the same hash would put a bucket into one bucket again.
    const staged = `SELECT *, hash(${[...keys, depth].join(', ')}) % ${buckets} AS ${bucketColumn} FROM (${select})`
    const copy = {
      select: staged,
      folder,
      rowGroupSize: rung.rowGroupSize,
      rowGroupBytes: rung.rowGroupBytes,
      usesDictionaries: this.#options.usesDictionaries,
      textColumns: this.#leaves.texts,
      codec: 'lz4_raw',
      partitionBy: [bucketColumn],
      fileSizeBytes: 0,
    }
    for await (const file of runCopy(session, copy, this.#runOptions(rung, depth === 0))) {
      const bucket = file.keys.get(bucketColumn) ?? ''
      byBucket.set(bucket, [...(byBucket.get(bucket) ?? []), file.path])
    }
    for (const [bucket, paths] of byBucket) {
      throwIfCancelled(signal)
      const source = rowsOf(paths)
      const count = await session.all(
        `SELECT count(*) AS n, sum(c) AS r FROM (SELECT count(*) AS c FROM (${source}) GROUP BY ${keys.join(', ')})`,
        this.#runOptions(rung, false),
      )
      const partitions = Number(count[0]?.['n'] ?? 0)
      const rowsPerFile = Math.ceil(Number(count[0]?.['r'] ?? 0) / partitions)
      if (partitions > atOnce && depth < MAX_DEPTH) {
        const again = { buckets: bucketsFor(partitions, atOnce), atOnce }
        yield* this.#staged(source, again, rung, `${path}-${bucket}`, depth + 1)
      } else {
        yield* this.#byPartition(source, rung, false, rowsPerFile)
      }
      for (const staleFile of paths) await removeFolder(staleFile)
    }
    await removeFolder(folder)
  }

  /** One COPY for all partitions. DuckDB does not end files by size there: a large one is copied once more. */
  async *#byPartition(
    select: string,
    rung: Rung,
    reportsProgress: boolean,
    rowsPerFile?: number,
  ): AsyncGenerator<CopiedFile> {
    const { projection, properties, targetFileSizeBytes } = this.#options
    const limitBytes = BigInt(LARGEST_FILE * targetSize(properties, targetFileSizeBytes))
    const partitionBy = projection.keys.map((key) => key.column)
    const large: CopiedFile[] = []
    const what = { select: this.#sorted(select), partitionBy, ...(rowsPerFile === undefined ? {} : { rowsPerFile }) }
    for await (const file of this.#run(rung, reportsProgress, what)) {
      if (file.sizeBytes > limitBytes) large.push(file)
      else yield file
    }
    for (const file of large) {
      throwIfCancelled(this.#options.signal)
      // A sorted file is read in its order, by one thread.
      for await (const part of this.#run(rung, false, { select: rowsOf([file.path]), partitionBy: [] })) {
        yield { ...part, keys: file.keys }
      }
      await removeFolder(file.path)
    }
  }

  #sorted(select: string): string {
    const { orderBy } = this.#options.projection
    return orderBy === '' ? select : `SELECT * FROM (${select}) ORDER BY ${orderBy}`
  }

  #run(
    rung: Rung,
    reportsProgress: boolean,
    what: Pick<CopyStatement, 'select' | 'partitionBy' | 'rowsPerFile'>,
    session = this.#options.session,
  ): AsyncGenerator<CopiedFile> {
    const { schema, properties, targetFileSizeBytes, output } = this.#options
    this.#copies++
    const copy = {
      ...what,
      folder: join(output, String(this.#copies)),
      fieldIds: fieldIdsClause(schema),
      rowGroupSize: rung.rowGroupSize,
      rowGroupBytes: rung.rowGroupBytes,
      usesDictionaries: this.#options.usesDictionaries,
      textColumns: this.#leaves.texts,
      ...codecOf(properties),
      fileSizeBytes: targetSize(properties, targetFileSizeBytes),
    }
    return runCopy(session, copy, this.#runOptions(rung, reportsProgress))
  }

  #runOptions(rung: Rung, reportsProgress: boolean): RunOptions {
    const { signal, onProgress } = this.#options
    return {
      threads: rung.threads,
      ...(signal === undefined ? {} : { signal }),
      ...(reportsProgress && onProgress !== undefined ? { onProgress } : {}),
    }
  }
}

function rowsOf(paths: readonly string[]): string {
  return `SELECT * FROM ${readParquet(paths)}`
}
