import type { PartitionTuple } from './types.ts'

export type FileContent = 'data' | 'position-deletes' | 'equality-deletes'
export type FileFormat = 'parquet' | 'avro' | 'orc' | 'puffin'

/** Column statistics by field id; bounds are in the single-value serialization (Iceberg spec, Appendix D). */
export interface FileMetrics {
  readonly columnSizes?: ReadonlyMap<number, bigint>
  readonly valueCounts?: ReadonlyMap<number, bigint>
  readonly nullValueCounts?: ReadonlyMap<number, bigint>
  readonly nanValueCounts?: ReadonlyMap<number, bigint>
  readonly lowerBounds?: ReadonlyMap<number, Uint8Array>
  readonly upperBounds?: ReadonlyMap<number, Uint8Array>
}

/** Iceberg spec, "Manifests", struct `data_file`: a data file, a delete file or a deletion vector. */
export interface DataFile extends FileMetrics {
  readonly content: FileContent
  readonly filePath: string
  readonly fileFormat: FileFormat
  /** The spec that `partition` belongs to (of the manifest it stands in). */
  readonly specId: number
  readonly partition: PartitionTuple
  readonly recordCount: bigint
  readonly fileSizeInBytes: bigint
  readonly keyMetadata?: Uint8Array
  readonly splitOffsets?: readonly bigint[]
  readonly equalityIds?: readonly number[]
  readonly sortOrderId?: number
  /** v3 */
  readonly firstRowId?: bigint
  readonly referencedDataFile?: string
  readonly contentOffset?: bigint
  readonly contentSizeInBytes?: bigint
}

/** A manifest entry; sequence numbers are after inheritance when read, null when written for an added file (I10). */
export interface ManifestEntry {
  readonly status: 'existing' | 'added' | 'deleted'
  readonly snapshotId: bigint | null
  readonly sequenceNumber: bigint | null
  readonly fileSequenceNumber: bigint | null
  readonly dataFile: DataFile
}

export interface FieldSummary {
  readonly containsNull: boolean
  readonly containsNan?: boolean
  readonly lowerBound?: Uint8Array
  readonly upperBound?: Uint8Array
}

/** An entry of a manifest list. Counts are absent only where a v1 writer left them out. */
export interface ManifestFile {
  readonly manifestPath: string
  readonly manifestLength: bigint
  readonly partitionSpecId: number
  readonly content: 'data' | 'deletes'
  readonly sequenceNumber: bigint
  readonly minSequenceNumber: bigint
  readonly addedSnapshotId: bigint
  readonly addedFilesCount?: number
  readonly existingFilesCount?: number
  readonly deletedFilesCount?: number
  readonly addedRowsCount?: bigint
  readonly existingRowsCount?: bigint
  readonly deletedRowsCount?: bigint
  readonly partitions?: readonly FieldSummary[]
  readonly keyMetadata?: Uint8Array
  /** v3 */
  readonly firstRowId?: bigint
}
