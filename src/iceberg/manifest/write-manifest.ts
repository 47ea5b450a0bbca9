import { IceboxError, printJson } from '../../base/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import { AvroContainerWriter } from '../avro/index.ts'
import { partitionFieldsToJson, schemaToJson } from '../json/index.ts'
import type { ManifestEntry, ManifestFile } from '../spec/manifest.ts'
import type { PartitionSpec, Schema } from '../spec/types.ts'
import { manifestEntrySchema, type WrittenPartitionField, writtenPartitionFields } from './avro-schemas.ts'
import { encodeEntry } from './encode-entry.ts'
import { UNASSIGNED_SEQUENCE_NUMBER } from './manifest-list.ts'
import { PartitionSummaries } from './partition-summary.ts'

export interface WriteManifestOptions {
  readonly formatVersion: 1 | 2 | 3
  /** The one that all files of the manifest were written with (I15). */
  readonly spec: PartitionSpec
  /** Types the partition values; its JSON goes into the file. */
  readonly schema: Schema
  readonly content: 'data' | 'deletes'
  /** The snapshot that adds the manifest; added entries without a snapshot id get it. */
  readonly snapshotId: bigint
  /**
   * Added files with sequence number null inherit the snapshot's when read (I10); one given is kept. Existing and deleted
   * files must have theirs.
   */
  readonly entries: AsyncIterable<ManifestEntry> | Iterable<ManifestEntry>
  /** Of the manifest where it is known; by default `writeManifestList` gives it, so a retry needs only a new list. */
  readonly sequenceNumber?: bigint
  readonly signal?: AbortSignal
}

/**
 * Writes a manifest (I9) and returns its entry for the manifest list, with counts and partition summaries. Streams:
 * memory is that of one block. Rejects `usage/invalid` for an entry that does not belong, `iceberg/unsupported` for a
 * spec with unknown transforms, and `storage/*`.
 */
export async function writeManifest(
  io: Pick<ObjectStore, 'create'>,
  uri: string,
  options: WriteManifestOptions,
): Promise<ManifestFile> {
  const encoding = new ManifestEncoding(options)
  const info = await io.create(uri, encoding.blocks(), options.signal)
  return encoding.manifestFile(uri, BigInt(info.sizeBytes))
}

class ManifestEncoding {
  private readonly options: WriteManifestOptions
  private readonly partition: readonly WrittenPartitionField[]
  private readonly summaries: PartitionSummaries
  private readonly files = { existing: 0, added: 0, deleted: 0 }
  private readonly rows = { existing: 0n, added: 0n, deleted: 0n }
  private minSequenceNumber: bigint | undefined

  constructor(options: WriteManifestOptions) {
    this.options = options
    this.partition = writtenPartitionFields(options.spec, options.schema)
    this.summaries = new PartitionSummaries(this.partition.map((field) => field.type))
  }

  /** The file's bytes; counts are whole when they are used up. */
  async *blocks(): AsyncGenerator<Uint8Array, void> {
    const { formatVersion, spec, schema, content, entries } = this.options
    const writer = new AvroContainerWriter()
    yield writer.header(printJson(manifestEntrySchema(formatVersion, this.partition)), {
      schema: printJson(schemaToJson(schema)),
      'schema-id': String(schema.schemaId),
      'partition-spec': printJson(partitionFieldsToJson(spec)),
      'partition-spec-id': String(spec.specId),
      'format-version': String(formatVersion),
      ...(formatVersion >= 2 && { content }),
    })
    const append = (given: ManifestEntry) => {
      const entry = this.take(given)
      return writer.append((encoder) => encodeEntry(encoder, entry, formatVersion, this.partition))
    }
    // An array needs no turn of the event loop for each entry.
    if (Symbol.iterator in entries) {
      for (const entry of entries) {
        const block = append(entry)
        if (block !== undefined) yield block
      }
    } else {
      for await (const entry of entries) {
        const block = append(entry)
        if (block !== undefined) yield block
      }
    }
    const last = writer.flush()
    if (last !== undefined) yield last
  }

  /** Checks and counts an entry; returns it as it is written. */
  private take(entry: ManifestEntry): ManifestEntry {
    const { dataFile, status } = entry
    const { spec, content, snapshotId } = this.options
    if (dataFile.specId !== spec.specId || dataFile.partition.length !== this.partition.length) {
      throw refused(entry, `is of the partition spec ${dataFile.specId}, not ${spec.specId}`)
    }
    if ((dataFile.content === 'data') !== (content === 'data')) {
      throw refused(entry, `holds ${dataFile.content} and does not belong in a manifest of ${content}`)
    }
    if (status !== 'added' && (entry.sequenceNumber === null || entry.fileSequenceNumber === null)) {
      throw refused(entry, `is ${status} and has no sequence number`)
    }
    this.files[status]++
    this.rows[status] += dataFile.recordCount
    this.summaries.add(dataFile.partition)
    if (status !== 'deleted' && entry.sequenceNumber !== null) {
      const least = this.minSequenceNumber
      if (least === undefined || entry.sequenceNumber < least) this.minSequenceNumber = entry.sequenceNumber
    }
    return entry.snapshotId === null ? { ...entry, snapshotId } : entry
  }

  manifestFile(uri: string, manifestLength: bigint): ManifestFile {
    const { options, files, rows } = this
    const sequenceNumber = options.sequenceNumber ?? UNASSIGNED_SEQUENCE_NUMBER
    return {
      manifestPath: uri,
      manifestLength,
      partitionSpecId: options.spec.specId,
      content: options.content,
      sequenceNumber,
      minSequenceNumber: this.minSequenceNumber ?? sequenceNumber,
      addedSnapshotId: options.snapshotId,
      addedFilesCount: files.added,
      existingFilesCount: files.existing,
      deletedFilesCount: files.deleted,
      addedRowsCount: rows.added,
      existingRowsCount: rows.existing,
      deletedRowsCount: rows.deleted,
      partitions: this.summaries.result(),
    }
  }
}

function refused(entry: ManifestEntry, problem: string): IceboxError {
  return new IceboxError('usage/invalid', { message: `the manifest entry of ${entry.dataFile.filePath} ${problem}` })
}
