import { join } from 'node:path'
import { IceboxError, isIceboxError } from '../../base/index.ts'
import type { Engine, EngineSession, RunOptions } from '../../engine/index.ts'
import { type DataFile, metadataFolder, type PartitionSpec, type Schema, type SortOrder } from '../../iceberg/index.ts'
import { joinUri, localPath } from '../../storage/index.ts'
import { refuseNamesakes } from '../types/namesakes.ts'
import { type DividableText, NotDividable } from './dividable-text.ts'
import { makeFolder, removeFolder } from './files.ts'
import { firstRung } from './first-rung.ts'
import type { JournalEntry, WriteJournal } from './journal.ts'
import { ladder, outOfRungs, type Rung } from './ladder.ts'
import { type MeasuredFile, Placement } from './placement.ts'
import { isNegativeZero, mayUseDictionaries } from './negative-zero.ts'
import { project } from './projection.ts'
import { type CopierOptions, RowCopier } from './row-copier.ts'
import type { WriteStrategy } from './strategy.ts'
import { rowGroupLimit } from './table-properties.ts'
import { WriteBack } from './write-back.ts'

export interface WriteRequest {
  readonly session: EngineSession
  readonly engine: Pick<Engine, 'plan'>
  /** SQL whose columns are the table's, by name (case does not matter); optional columns may be missing. */
  readonly select: string
  /** The names of its columns. */
  readonly columns: readonly string[]
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
  /** Where the rows are of a text that can be divided by partition. */
  readonly text?: DividableText
  /** About how many rows there are, where known. */
  readonly rows?: number
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
  /** Settles when they are on the disk: the commit waits for it. Rejects `storage/*`, `cancelled`. */
  readonly durable: Promise<void>
  readonly rows: bigint
  readonly sizeBytes: bigint
  readonly strategy: WriteStrategy
  /** What was done that was not planned (memory ran out, buckets were divided), a sentence each. */
  readonly notes: readonly string[]
  /** Right before the commit. Rejects `storage/io` when another process took this one for dead and may have removed the files. */
  hold(): Promise<void>
  /** After the commit: removes what was staged and forgets the write in the journal; never fails. */
  settle(): Promise<void>
  /** After a commit that failed for sure: removes the files. */
  discard(): Promise<void>
}

/**
 * Writes the rows of a SELECT as data files of a table, with field ids and statistics; the caller commits them.
 * Rejects `memory/exhausted` after smaller attempts, `schema/mismatch` (required columns with nulls, unknown columns), `schema/unsupported-type`,
 * `storage/*`, `sql/*`, `cancelled`; nothing is left behind then.
 */
export async function writeDataFiles(request: WriteRequest): Promise<WriteResult> {
  refuseNamesakes(request.schema)
  if (!mayUseDictionaries(request.schema)) return write(request, false)
  try {
    return await write(request, true)
  } catch (error) {
    if (!isNegativeZero(error)) throw error
    return await write(request, false)
  }
}

async function write(request: WriteRequest, usesDictionaries: boolean): Promise<WriteResult> {
  const dataLocation = request.properties['write.data.path'] ?? joinUri(request.location, 'data')
  const dataFolder = localPath(dataLocation)
  const { select, columns } = request
  const projectOf = (some: string, spec: PartitionSpec) =>
    project({ ...request, select: some, spec, selectColumns: columns, refusesNegativeZero: usesDictionaries })
  const projection = projectOf(select, request.spec)
  for (const key of projection.keys) await key.sql.register?.(request.session)
  const rowWidthBytes = request.rowWidthBytes ?? estimateWidth(request.schema)
  const { plan } = request.engine
  // Rows keep their order, in the file or of a sort, only in one thread.
  const isOrdered = request.preserveOrder === true || projection.orderBy !== ''
  const { rung: first } = firstRung({
    engine: plan,
    rowWidthBytes,
    isWidthMeasured: request.rowWidthBytes !== undefined,
    columns: projection.columns.length,
    targetFileBytes: request.targetFileSizeBytes,
    isOrdered,
    isPartitioned: projection.keys.length > 0,
    partitions: request.partitions,
    rowGroupLimit: rowGroupLimit(request.properties),
    isSorted: projection.orderBy !== '',
    rows: request.rows,
    isDivisible: request.text !== undefined,
  })
  const entry = await request.journal.begin({
    folders: (id) => [join(dataFolder, `.icebox-${id}`), join(request.stagingDirectory, stagingName(id))],
    dataFolder,
    metadataFolder: metadataFolder(request.location, request.properties),
  })
  const unpartitioned = { ...request.spec, fields: [] }
  const writer = new Writer(
    {
      ...request,
      usesDictionaries,
      projection,
      project: (some, isPartitioned) => projectOf(some, isPartitioned ? request.spec : unpartitioned),
    },
    entry,
    { dataFolder, dataLocation },
  )
  const tried: Rung[] = []
  try {
    for (const rung of ladder(first)) {
      tried.push(rung)
      try {
        return await writer.attempt(rung, tried.length)
      } catch (error) {
        await writer.clean()
        if (isOfDividedText(error, entry)) {
          await request.journal.end(entry)
          return await writeUndivided(request, usesDictionaries, error)
        }
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

async function writeUndivided(request: WriteRequest, usesDictionaries: boolean, why: unknown): Promise<WriteResult> {
  const { text: _, ...undivided } = request
  const result = await write(undivided, usesDictionaries)
  const reason = why instanceof NotDividable ? why.message : 'a part of it could not be read'
  return { ...result, notes: [`the text was read as a whole, not divided by partition: ${reason}`, ...result.notes] }
}

/** Files of parts are whole long before the end: they need not wait for it. */
const PART_STEP_BYTES = 1_000_000

/** Text that turned out not to be divisible, or an error with a place in a part of it: the place in the whole is to be told. */
function isOfDividedText(error: unknown, { writeId }: JournalEntry): boolean {
  if (error instanceof NotDividable) return true
  // Negative zeros are written again as the parts that they are.
  return isIceboxError(error) && error.message.includes(stagingName(writeId)) && !isNegativeZero(error)
}

function stagingName(writeId: string): string {
  return `write-${writeId}`
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

/** Attempts at one write, and what they leave. */
class Writer {
  readonly notes: string[] = []
  readonly #request: WriteRequest
  readonly #entry: JournalEntry
  readonly #isOrdered: boolean
  readonly #output: string
  readonly #copier: RowCopier
  readonly #placement: Placement
  /** Folders that have new names in them. */
  readonly #grown = new Set<string>()

  constructor(
    request: WriteRequest & Pick<CopierOptions, 'usesDictionaries' | 'projection' | 'project'>,
    entry: JournalEntry,
    data: { readonly dataFolder: string; readonly dataLocation: string },
  ) {
    const { writeId } = entry
    const { projection } = request
    this.#request = request
    this.#entry = entry
    this.#isOrdered = request.preserveOrder === true || projection.orderBy !== ''
    this.#output = join(data.dataFolder, `.icebox-${writeId}`)
    const staging = join(request.stagingDirectory, stagingName(writeId))
    this.#copier = new RowCopier({ ...request, output: this.#output, staging })
    this.#placement = new Placement({ ...request, keys: projection.keys, dataLocation: data.dataLocation, writeId })
  }

  async attempt(rung: Rung, number: number): Promise<WriteResult> {
    const { session, journal } = this.#request
    // The first has the name of a folder that goes again.
    for (const folder of (await makeFolder(this.#output)).slice(1)) this.#grown.add(folder)
    if (this.#isOrdered) await session.run('SET preserve_insertion_order = true')
    const written: MeasuredFile[] = []
    try {
      await using _writeBack = new WriteBack(
        this.#output,
        rung.strategy.kind === 'divided' ? PART_STEP_BYTES : undefined,
      )
      for await (const copied of this.#copier.copy(rung, number)) {
        // An empty select leaves one file without rows.
        if (copied.rows > 0n) written.push(this.#placement.measure(copied))
      }
    } finally {
      if (this.#isOrdered) await session.run('SET preserve_insertion_order = false')
    }
    const { files, durable } = await this.#placement.publish(written, this.#grown)
    // While the caller commits. What cannot be removed stays in the journal, for the next start.
    const isTidy = this.#removeOwnFolders().then(
      () => true,
      () => false,
    )
    return {
      files,
      durable,
      rows: files.reduce((sum, file) => sum + file.recordCount, 0n),
      sizeBytes: files.reduce((sum, file) => sum + file.fileSizeInBytes, 0n),
      strategy: rung.strategy,
      notes: this.notes,
      hold: () => journal.hold(this.#entry),
      settle: async () => {
        if (await isTidy) await journal.end(this.#entry)
        else journal.leave(this.#entry)
      },
      discard: async () => {
        await isTidy
        await this.clean()
        await journal.end(this.#entry)
      },
    }
  }

  async clean(): Promise<void> {
    await this.#placement.undo()
    await this.#removeOwnFolders()
  }

  async #removeOwnFolders(): Promise<void> {
    for (const folder of this.#entry.folders) await removeFolder(folder)
  }
}
