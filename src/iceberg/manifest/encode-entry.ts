import type { AvroEncoder } from '../avro/index.ts'
import type { DataFile, ManifestEntry } from '../spec/manifest.ts'
import type { WrittenPartitionField } from './avro-schemas.ts'
import { writePartitionValue } from './partition-values.ts'

const STATUS = { existing: 0, added: 1, deleted: 2 } as const
const CONTENT = { data: 0, 'position-deletes': 1, 'equality-deletes': 2 } as const
/** As the reference implementation writes it; readers take any case. */
const FORMAT = { parquet: 'PARQUET', avro: 'AVRO', orc: 'ORC', puffin: 'PUFFIN' } as const

/** What the reference implementation writes where v1 asks for a block size, which nothing reads. */
const V1_BLOCK_SIZE = 64n * 1024n * 1024n

/** Writes an entry in the field order of `manifestEntrySchema`. */
export function encodeEntry(
  encoder: AvroEncoder,
  entry: ManifestEntry,
  formatVersion: 1 | 2 | 3,
  partition: readonly WrittenPartitionField[],
): void {
  encoder.int(STATUS[entry.status])
  if (formatVersion === 1) encoder.long(entry.snapshotId ?? 0n)
  else {
    for (const number of [entry.snapshotId, entry.sequenceNumber, entry.fileSequenceNumber]) {
      encoder.optional(number, (value) => encoder.long(value))
    }
  }
  encodeFile(encoder, entry.dataFile, formatVersion, partition)
}

function encodeFile(
  encoder: AvroEncoder,
  file: DataFile,
  formatVersion: 1 | 2 | 3,
  partition: readonly WrittenPartitionField[],
): void {
  const long = (value: bigint) => encoder.long(value)
  const int = (value: number) => encoder.int(value)
  const bytes = (value: Uint8Array) => encoder.byteString(value)
  if (formatVersion >= 2) encoder.int(CONTENT[file.content])
  encoder.string(file.filePath)
  encoder.string(FORMAT[file.fileFormat])
  for (let at = 0; at < partition.length; at++) {
    const field = partition[at]
    if (field !== undefined) writePartitionValue(encoder, field.type, file.partition[at] ?? null)
  }
  encoder.long(file.recordCount)
  encoder.long(file.fileSizeInBytes)
  if (formatVersion === 1) encoder.long(V1_BLOCK_SIZE)
  columnMap(encoder, file.columnSizes, long)
  columnMap(encoder, file.valueCounts, long)
  columnMap(encoder, file.nullValueCounts, long)
  columnMap(encoder, file.nanValueCounts, long)
  columnMap(encoder, file.lowerBounds, bytes)
  columnMap(encoder, file.upperBounds, bytes)
  encoder.optional(file.keyMetadata, bytes)
  encoder.optional(file.splitOffsets, (offsets) => encoder.array(offsets.length, offsets, long))
  if (formatVersion >= 2) encoder.optional(file.equalityIds, (ids) => encoder.array(ids.length, ids, int))
  encoder.optional(file.sortOrderId, int)
  if (formatVersion >= 3) encoder.optional(file.firstRowId, long)
  if (formatVersion >= 2) encoder.optional(file.referencedDataFile, (path) => encoder.string(path))
  if (formatVersion >= 3) {
    encoder.optional(file.contentOffset, long)
    encoder.optional(file.contentSizeInBytes, long)
  }
}

/** A map of column ids: an array of records of key and value (I9). */
function columnMap<T>(encoder: AvroEncoder, map: ReadonlyMap<number, T> | undefined, write: (value: T) => void): void {
  encoder.optional(map, (entries) => {
    encoder.array(entries.size, entries, ([key, value]) => {
      encoder.int(key)
      write(value)
    })
  })
}
