import { metadataFolder } from '../metadata/index.ts'
import { writeManifest, writeManifestList } from '../manifest/index.ts'
import { IceboxError } from '../../base/index.ts'
import { schemaOfSpec } from '../scan/index.ts'
import type { ManifestEntry, ManifestFile } from '../spec/manifest.ts'
import type { TableMetadata } from '../spec/table-metadata.ts'
import type { PartitionSpec } from '../spec/types.ts'
import type { Attempt } from './action.ts'

/** Writes the manifests of one new snapshot, through its attempt. */
export class ManifestWrites {
  readonly snapshotId: bigint
  readonly sequenceNumber: bigint
  readonly #attempt: Attempt
  readonly #folder: string
  #count = 0

  constructor(attempt: Attempt, snapshotId: bigint) {
    const { metadata } = attempt
    this.#attempt = attempt
    this.snapshotId = snapshotId
    // v1 has no sequence numbers; all of them read as 0.
    this.sequenceNumber = metadata.formatVersion === 1 ? 0n : metadata.lastSequenceNumber + 1n
    this.#folder = metadataFolder(metadata.location, metadata.properties)
  }

  async manifest(
    specId: number,
    content: ManifestFile['content'],
    entries: Iterable<ManifestEntry> | AsyncIterable<ManifestEntry>,
  ): Promise<ManifestFile> {
    const attempt = this.#attempt
    const { metadata } = attempt
    const spec = specOf(metadata, specId)
    const uri = `${this.#folder}/${this.snapshotId}-m${this.#count++}.avro`
    const manifest = await writeManifest(attempt, uri, {
      formatVersion: metadata.formatVersion,
      spec,
      schema: schemaOfSpec(metadata, specId),
      content,
      snapshotId: this.snapshotId,
      sequenceNumber: this.sequenceNumber,
      entries,
      ...(attempt.signal === undefined ? {} : { signal: attempt.signal }),
    })
    attempt.manifestsWritten++
    attempt.bytesWritten += Number(manifest.manifestLength)
    return manifest
  }

  /** Writes the manifest list; its manifests come back as written. */
  async list(parentSnapshotId: bigint | undefined, manifests: readonly ManifestFile[]): Promise<WrittenList> {
    const attempt = this.#attempt
    const { metadata } = attempt
    const { formatVersion } = metadata
    const firstRowId = formatVersion >= 3 ? (metadata.nextRowId ?? 0n) : undefined
    const location = `${this.#folder}/snap-${this.snapshotId}.avro`
    const options = {
      formatVersion,
      snapshotId: this.snapshotId,
      sequenceNumber: this.sequenceNumber,
      manifests,
      ...(parentSnapshotId === undefined ? {} : { parentSnapshotId }),
      ...(firstRowId === undefined ? {} : { firstRowId }),
    }
    const list = await writeManifestList(attempt, location, options, attempt.signal)
    attempt.bytesWritten += list.sizeBytes
    const { nextRowId } = list
    const lineage =
      firstRowId === undefined || nextRowId === undefined ? {} : { firstRowId, addedRows: nextRowId - firstRowId }
    return { location, manifests: list.manifests, ...lineage }
  }
}

export interface WrittenList {
  readonly location: string
  readonly manifests: readonly ManifestFile[]
  /** v3: the row ids that the snapshot takes (Iceberg spec, "Row Lineage"). */
  readonly firstRowId?: bigint
  readonly addedRows?: bigint
}

export function specOf(metadata: TableMetadata, specId: number): PartitionSpec {
  const spec = metadata.partitionSpecs.find((known) => known.specId === specId)
  if (spec !== undefined) return spec
  throw new IceboxError('iceberg/invalid-change', {
    message: `the table has no partition spec ${specId}`,
    context: { specId },
  })
}
