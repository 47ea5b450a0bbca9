import type { ObjectStore } from '../../storage/index.ts'
import {
  AvroContainerWriter,
  AvroDecoder,
  type AvroEncoder,
  type AvroType,
  booleanReader,
  bytesReader,
  intReader,
  invalidAvro,
  listReader,
  longReader,
  type MakeRead,
  readAvroContainer,
  stringReader,
} from '../avro/index.ts'
import { IceboxError, printJson } from '../../base/index.ts'
import type { FieldSummary, ManifestFile } from '../spec/manifest.ts'
import { manifestListSchema } from './avro-schemas.ts'
import { asRecord, field, type KnownField, recordSteps } from './fields.ts'
import { firstOf, located } from './read-manifest.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type ManifestDraft = Mutable<ManifestFile>

/** Heap that manifests take for each byte of their block, unpacked. */
const HEAP_PER_BYTE = 6

/** The sequence number of a manifest that no commit gave one yet; {@link writeManifestList} replaces it. */
export const UNASSIGNED_SEQUENCE_NUMBER = -1n

/**
 * The manifests of a snapshot; what v1 leaves out is filled (content data, sequence numbers 0). Rejects
 * `iceberg/invalid-manifest` naming the list, and `storage/*`.
 */
export async function readManifestList(
  io: ObjectStore,
  uri: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ManifestFile[]> {
  const what = `the manifest list ${uri}`
  try {
    using file = await io.read(uri, options)
    using room = io.reads.room(what, options.signal)
    const manifests: ManifestFile[] = []
    const blocks = readAvroContainer([file.bytes], { reads: io.reads, what })
    const steps = recordSteps(asRecord((await firstOf(blocks)).schema, 'manifest_file'), listFields())
    for await (const block of blocks) {
      if (!('bytes' in block)) continue
      await room.grow(block.bytes.length * HEAP_PER_BYTE)
      const decoder = new AvroDecoder(block.bytes)
      for (let left = block.count; left > 0; left--) {
        const draft: ManifestDraft = {
          manifestPath: '',
          manifestLength: 0n,
          partitionSpecId: 0,
          content: 'data',
          sequenceNumber: 0n,
          minSequenceNumber: 0n,
          addedSnapshotId: -1n,
        }
        for (const step of steps) step(decoder, draft)
        manifests.push(draft)
      }
      if (decoder.remaining > 0) throw invalidAvro(`a block has ${decoder.remaining} bytes behind its last manifest`)
    }
    return manifests
  } catch (error) {
    throw located(error, uri)
  }
}

function listFields(): ReadonlyMap<number, KnownField<ManifestDraft>> {
  return new Map<number, KnownField<ManifestDraft>>([
    [500, field('manifest_path', stringReader, (draft, value) => (draft.manifestPath = value), true)],
    [501, field('manifest_length', longReader, (draft, value) => (draft.manifestLength = value), true)],
    [502, field('partition_spec_id', intReader, (draft, value) => (draft.partitionSpecId = value), true)],
    [517, field('content', intReader, (draft, value) => (draft.content = contentOf(value)))],
    [515, field('sequence_number', longReader, (draft, value) => (draft.sequenceNumber = value))],
    [516, field('min_sequence_number', longReader, (draft, value) => (draft.minSequenceNumber = value))],
    [503, field('added_snapshot_id', longReader, (draft, value) => (draft.addedSnapshotId = value))],
    [504, field('added_files_count', intReader, (draft, value) => (draft.addedFilesCount = value))],
    [505, field('existing_files_count', intReader, (draft, value) => (draft.existingFilesCount = value))],
    [506, field('deleted_files_count', intReader, (draft, value) => (draft.deletedFilesCount = value))],
    [512, field('added_rows_count', longReader, (draft, value) => (draft.addedRowsCount = value))],
    [513, field('existing_rows_count', longReader, (draft, value) => (draft.existingRowsCount = value))],
    [514, field('deleted_rows_count', longReader, (draft, value) => (draft.deletedRowsCount = value))],
    [507, field('partitions', listReader('partitions', summaryReader), (draft, value) => (draft.partitions = value))],
    [519, field('key_metadata', bytesReader, (draft, value) => (draft.keyMetadata = value))],
    [520, field('first_row_id', longReader, (draft, value) => (draft.firstRowId = value))],
  ])
}

function contentOf(value: number): ManifestFile['content'] {
  if (value === 0) return 'data'
  if (value === 1) return 'deletes'
  throw invalidAvro(`a manifest has the content ${value}; 0 and 1 are defined`)
}

const summaryReader: MakeRead<FieldSummary> = (type: AvroType) => {
  if (type.kind !== 'record') return undefined
  const steps = recordSteps<Mutable<FieldSummary>>(
    type,
    new Map<number, KnownField<Mutable<FieldSummary>>>([
      [509, field('contains_null', booleanReader, (draft, value) => (draft.containsNull = value))],
      [518, field('contains_nan', booleanReader, (draft, value) => (draft.containsNan = value))],
      [510, field('lower_bound', bytesReader, (draft, value) => (draft.lowerBound = value))],
      [511, field('upper_bound', bytesReader, (draft, value) => (draft.upperBound = value))],
    ]),
  )
  return (decoder) => {
    // Where a writer says nothing there may be nulls.
    const draft: Mutable<FieldSummary> = { containsNull: true }
    for (const step of steps) step(decoder, draft)
    return draft
  }
}

export interface WriteManifestListOptions {
  readonly formatVersion: 1 | 2 | 3
  readonly snapshotId: bigint
  readonly parentSnapshotId?: bigint | undefined
  /** Of the snapshot; given to manifests that have none yet. */
  readonly sequenceNumber: bigint
  readonly manifests: readonly ManifestFile[]
  /** v3: the snapshot's first row id; data manifests without one get theirs from here on. */
  readonly firstRowId?: bigint
}

export interface WrittenManifestList {
  /** As written, with sequence numbers and first row ids assigned. */
  readonly manifests: readonly ManifestFile[]
  readonly sizeBytes: number
  /** v3: the table's `next-row-id` after this snapshot. */
  readonly nextRowId?: bigint
}

/**
 * Writes a manifest list. Manifests with {@link UNASSIGNED_SEQUENCE_NUMBER} get the snapshot's; in v3, data manifests
 * without a first row id get one (Iceberg spec, "First Row ID Assignment"). Rejects `storage/*`.
 */
export async function writeManifestList(
  io: Pick<ObjectStore, 'create'>,
  uri: string,
  options: WriteManifestListOptions,
  signal?: AbortSignal,
): Promise<WrittenManifestList> {
  const { manifests, nextRowId } = assignNumbers(options)
  const writer = new AvroContainerWriter()
  const parts: Uint8Array[] = [
    writer.header(printJson(manifestListSchema(options.formatVersion)), {
      'snapshot-id': String(options.snapshotId),
      'parent-snapshot-id': options.parentSnapshotId === undefined ? 'null' : String(options.parentSnapshotId),
      ...(options.formatVersion >= 2 && { 'sequence-number': String(options.sequenceNumber) }),
      ...(options.firstRowId !== undefined && { 'first-row-id': String(options.firstRowId) }),
      'format-version': String(options.formatVersion),
    }),
  ]
  for (const manifest of manifests) {
    const block = writer.append((encoder) => encodeManifest(encoder, manifest, options.formatVersion))
    if (block !== undefined) parts.push(block)
  }
  const last = writer.flush()
  if (last !== undefined) parts.push(last)
  const body = Buffer.concat(parts)
  await io.create(uri, body, signal)
  return { manifests, sizeBytes: body.length, ...(nextRowId !== undefined && { nextRowId }) }
}

/** Pure part of {@link writeManifestList}. */
export function assignNumbers(options: WriteManifestListOptions): {
  manifests: ManifestFile[]
  nextRowId: bigint | undefined
} {
  let nextRowId = options.formatVersion >= 3 ? (options.firstRowId ?? 0n) : undefined
  const manifests = options.manifests.map((manifest): ManifestFile => {
    let assigned = manifest
    if (manifest.sequenceNumber === UNASSIGNED_SEQUENCE_NUMBER) {
      if (manifest.addedSnapshotId !== options.snapshotId) {
        throw new IceboxError('internal/unreachable', {
          message: `${manifest.manifestPath} of snapshot ${manifest.addedSnapshotId} has no sequence number in snapshot ${options.snapshotId}`,
          remedy: 'report this as a bug of Icebox',
        })
      }
      assigned = { ...assigned, sequenceNumber: options.sequenceNumber }
    }
    if (manifest.minSequenceNumber === UNASSIGNED_SEQUENCE_NUMBER) {
      assigned = { ...assigned, minSequenceNumber: assigned.sequenceNumber }
    }
    if (nextRowId !== undefined && manifest.content === 'data' && manifest.firstRowId === undefined) {
      if (manifest.addedRowsCount === undefined || manifest.existingRowsCount === undefined) {
        throw new IceboxError('iceberg/unsupported', {
          message: `${manifest.manifestPath} does not say how many rows it has, so row ids cannot be given to them`,
          remedy: 'rewrite the manifests of the table before upgrading it to format version 3',
        })
      }
      assigned = { ...assigned, firstRowId: nextRowId }
      nextRowId += manifest.addedRowsCount + manifest.existingRowsCount
    }
    return assigned
  })
  return { manifests, nextRowId }
}

function encodeManifest(encoder: AvroEncoder, manifest: ManifestFile, formatVersion: 1 | 2 | 3): void {
  encoder.string(manifest.manifestPath)
  encoder.long(manifest.manifestLength)
  encoder.int(manifest.partitionSpecId)
  if (formatVersion === 1) {
    encoder.long(manifest.addedSnapshotId)
    encodeOptionalCounts(encoder, manifest)
    encodeSummaries(encoder, manifest.partitions)
    encoder.optional(manifest.keyMetadata, (key) => encoder.byteString(key))
    return
  }
  encoder.int(manifest.content === 'data' ? 0 : 1)
  encoder.long(manifest.sequenceNumber)
  encoder.long(manifest.minSequenceNumber)
  encoder.long(manifest.addedSnapshotId)
  // A v1 writer may have left counts out; v2 requires them. None is known to be zero then, so they count as one.
  encoder.int(manifest.addedFilesCount ?? 1)
  encoder.int(manifest.existingFilesCount ?? 1)
  encoder.int(manifest.deletedFilesCount ?? 1)
  encoder.long(manifest.addedRowsCount ?? 1n)
  encoder.long(manifest.existingRowsCount ?? 1n)
  encoder.long(manifest.deletedRowsCount ?? 1n)
  encodeSummaries(encoder, manifest.partitions)
  encoder.optional(manifest.keyMetadata, (key) => encoder.byteString(key))
  if (formatVersion >= 3) encoder.optional(manifest.firstRowId, (id) => encoder.long(id))
}

function encodeOptionalCounts(encoder: AvroEncoder, manifest: ManifestFile): void {
  for (const count of [manifest.addedFilesCount, manifest.existingFilesCount, manifest.deletedFilesCount]) {
    encoder.optional(count, (value) => encoder.int(value))
  }
  for (const count of [manifest.addedRowsCount, manifest.existingRowsCount, manifest.deletedRowsCount]) {
    encoder.optional(count, (value) => encoder.long(value))
  }
}

function encodeSummaries(encoder: AvroEncoder, summaries: readonly FieldSummary[] | undefined): void {
  const bytes = (value: Uint8Array) => encoder.byteString(value)
  encoder.optional(summaries, (list) => {
    encoder.array(list.length, list, (summary) => {
      encoder.boolean(summary.containsNull)
      encoder.optional(summary.containsNan, (value) => encoder.boolean(value))
      encoder.optional(summary.lowerBound, bytes)
      encoder.optional(summary.upperBound, bytes)
    })
  })
}
