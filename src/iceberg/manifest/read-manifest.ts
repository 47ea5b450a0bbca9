import { IceboxError, isIceboxError, throwIfCancelled } from '../../base/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import { type AvroBlock, AvroDecoder, type AvroHeader, invalidAvro, readAvroContainer } from '../avro/index.ts'
import type { ManifestEntry, ManifestFile } from '../spec/manifest.ts'
import { partitionType } from '../spec/partition.ts'
import type { NestedField, PartitionSpec, Schema } from '../spec/types.ts'
import { type EntryDraft, entryReader } from './read-entry.ts'

export interface ReadManifestOptions {
  /** `no-stats` leaves out counts, sizes and bounds of columns, which are most of a manifest. Default: `all`. */
  readonly projection?: 'all' | 'no-stats'
  /** Column statistics of these field ids only. */
  readonly statsFieldIds?: ReadonlySet<number>
  readonly signal?: AbortSignal
}

/** Files up to this size are read with one request; larger ones are streamed. */
const WHOLE_FILE_BYTES = 4n * 1024n * 1024n
/** Heap that entries take for each byte of their block, unpacked; most of it maps of column statistics. */
const HEAP_PER_BYTE = 8

/**
 * The entries of a manifest in order, block by block: memory does not grow with their number (I13). Sequence numbers,
 * snapshot ids and first row ids are inherited (I10). `schema` types the partition values: the table's current one; a
 * source column that it lacks is read as the manifest wrote it. Rejects `iceberg/invalid-manifest` and
 * `iceberg/unsupported` naming the manifest, and `storage/*`.
 */
export async function* readManifest(
  io: ObjectStore,
  file: ManifestFile,
  specs: readonly PartitionSpec[],
  schema: Schema,
  options: ReadManifestOptions = {},
): AsyncGenerator<ManifestEntry, void> {
  for await (const block of readManifestBlocks(io, file, specs, schema, options)) yield* block
}

/** As {@link readManifest}, a block's entries at a time: fewer turns of the event loop. */
export async function* readManifestBlocks(
  io: ObjectStore,
  file: ManifestFile,
  specs: readonly PartitionSpec[],
  schema: Schema,
  options: ReadManifestOptions = {},
): AsyncGenerator<ManifestEntry[], void> {
  const withSignal = options.signal === undefined ? {} : { signal: options.signal }
  try {
    if (file.keyMetadata !== undefined) throw encrypted('the manifest is')
    const spec = specs.find((candidate) => candidate.specId === file.partitionSpecId)
    if (spec === undefined) {
      throw invalidAvro(`it belongs to the partition spec ${file.partitionSpecId}, which the table does not have`)
    }
    const stats = options.projection === 'no-stats' ? 'none' : (options.statsFieldIds ?? 'all')
    const what = `the manifest ${file.manifestPath}`
    using whole = file.manifestLength > WHOLE_FILE_BYTES ? undefined : await io.read(file.manifestPath, withSignal)
    const source = whole === undefined ? io.readStream(file.manifestPath, withSignal) : [whole.bytes]
    const blocks = readAvroContainer(source, { reads: io.reads, what })
    const header = await firstOf(blocks)
    const reader = entryReader(header.schema, { partition: readPartition(spec, schema), specId: spec.specId, stats })
    const inherit = inheritance(file, reader.hasSequenceNumbers)
    for await (const block of blocks) {
      throwIfCancelled(options.signal)
      if (!('bytes' in block)) continue
      using room = io.reads.room(what, options.signal)
      await room.grow(block.bytes.length * HEAP_PER_BYTE)
      const decoder = new AvroDecoder(block.bytes)
      const entries: ManifestEntry[] = []
      for (let left = block.count; left > 0; left--) entries.push(inherit(reader.read(decoder)))
      if (decoder.remaining > 0) throw invalidAvro(`a block has ${decoder.remaining} bytes behind its last entry`)
      yield entries
    }
  } catch (error) {
    throw located(error, file.manifestPath)
  }
}

/**
 * The partition tuple as manifests may have written it: what a transform that is not known gives is not known either, and
 * void may be written as the source's type or as int.
 */
function readPartition(spec: PartitionSpec, schema: Schema): NestedField[] {
  return partitionType(spec, schema).map((field, at) => {
    const kind = spec.fields[at]?.transform.kind
    return kind === 'unknown' || kind === 'void' ? { ...field, type: { kind: 'unknown' } } : field
  })
}

export async function firstOf(blocks: AsyncGenerator<AvroHeader | AvroBlock, void>): Promise<AvroHeader> {
  const first = await blocks.next()
  if (first.done === true || 'bytes' in first.value) throw invalidAvro('it has no header')
  return first.value
}

/**
 * What an entry takes from its manifest (Iceberg spec, "Sequence Number Inheritance", "First Row ID Inheritance").
 * Existing and deleted entries must have numbers of their own, but for manifests of v1, where all are 0.
 */
function inheritance(file: ManifestFile, hasSequenceNumbers: boolean): (draft: EntryDraft) => ManifestEntry {
  const isFirstVersion = !hasSequenceNumbers || file.sequenceNumber === 0n
  let nextRowId = file.content === 'data' ? file.firstRowId : undefined
  return (draft) => {
    const { dataFile } = draft
    draft.snapshotId ??= file.addedSnapshotId
    if (isFirstVersion) {
      draft.sequenceNumber ??= 0n
      draft.fileSequenceNumber ??= 0n
    } else if (draft.status === 'added') {
      draft.sequenceNumber ??= file.sequenceNumber
      draft.fileSequenceNumber ??= file.sequenceNumber
    } else if (draft.status === 'existing' && draft.sequenceNumber === null) {
      throw invalidAvro(`its entry of ${dataFile.filePath} is an existing file without a sequence number`)
    }
    if (nextRowId !== undefined && dataFile.content === 'data' && dataFile.firstRowId === undefined) {
      dataFile.firstRowId = nextRowId
      nextRowId += dataFile.recordCount
    }
    if (dataFile.keyMetadata !== undefined && draft.status !== 'deleted') throw encrypted(`${dataFile.filePath} is`)
    return draft
  }
}

export function encrypted(what: string): IceboxError {
  return new IceboxError('iceberg/unsupported', {
    message: `${what} encrypted; encryption is not supported`,
    remedy: 'read the table with an engine that holds its keys',
  })
}

/** The error with the location of its file in front; errors of storage name theirs already, and one of a missing file what is missing. */
export function located(error: unknown, location: string): unknown {
  if (isIceboxError(error, 'storage/not-found')) {
    return new IceboxError(error.code, {
      message: `a snapshot of the table names ${location}, which is not there`,
      remedy:
        'restore the file from a copy; if the folder was moved: icebox table relocate; if the file was deleted, a snapshot that does not name it can still be read',
      context: { ...error.context, location },
      cause: error,
    })
  }
  if (!isIceboxError(error, 'iceberg/') && !isIceboxError(error, 'usage/invalid')) return error
  return new IceboxError(error.code === 'usage/invalid' ? 'iceberg/invalid-manifest' : error.code, {
    message: `${location}: ${error.message}`,
    context: { ...error.context, location },
    cause: error,
    ...(error.remedy !== undefined && { remedy: error.remedy }),
  })
}
