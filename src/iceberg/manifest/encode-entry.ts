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
    optionalLong(encoder, entry.snapshotId)
    optionalLong(encoder, entry.sequenceNumber)
    optionalLong(encoder, entry.fileSequenceNumber)
  }
  encodeFile(encoder, entry.dataFile, formatVersion, partition)
}

function encodeFile(
  encoder: AvroEncoder,
  file: DataFile,
  formatVersion: 1 | 2 | 3,
  partition: readonly WrittenPartitionField[],
): void {
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
  longMap(encoder, file.columnSizes)
  longMap(encoder, file.valueCounts)
  longMap(encoder, file.nullValueCounts)
  longMap(encoder, file.nanValueCounts)
  bytesMap(encoder, file.lowerBounds)
  bytesMap(encoder, file.upperBounds)
  optionalBytes(encoder, file.keyMetadata)
  list(encoder, file.splitOffsets, (value) => encoder.long(value))
  if (formatVersion >= 2) list(encoder, file.equalityIds, (value) => encoder.int(value))
  optionalInt(encoder, file.sortOrderId)
  if (formatVersion >= 3) optionalLong(encoder, file.firstRowId)
  if (formatVersion >= 2) optionalString(encoder, file.referencedDataFile)
  if (formatVersion >= 3) {
    optionalLong(encoder, file.contentOffset)
    optionalLong(encoder, file.contentSizeInBytes)
  }
}

function optionalLong(encoder: AvroEncoder, value: bigint | null | undefined): void {
  if (value === null || value === undefined) {
    encoder.int(0)
    return
  }
  encoder.int(1)
  encoder.long(value)
}

function optionalInt(encoder: AvroEncoder, value: number | undefined): void {
  if (value === undefined) {
    encoder.int(0)
    return
  }
  encoder.int(1)
  encoder.int(value)
}

function optionalBytes(encoder: AvroEncoder, value: Uint8Array | undefined): void {
  if (value === undefined) {
    encoder.int(0)
    return
  }
  encoder.int(1)
  encoder.byteString(value)
}

function optionalString(encoder: AvroEncoder, value: string | undefined): void {
  if (value === undefined) {
    encoder.int(0)
    return
  }
  encoder.int(1)
  encoder.string(value)
}

function longMap(encoder: AvroEncoder, map: ReadonlyMap<number, bigint> | undefined): void {
  if (map === undefined) {
    encoder.int(0)
    return
  }
  encoder.int(1)
  if (map.size > 0) {
    encoder.int(map.size)
    for (const [key, value] of map) {
      encoder.int(key)
      encoder.long(value)
    }
  }
  encoder.int(0)
}

function bytesMap(encoder: AvroEncoder, map: ReadonlyMap<number, Uint8Array> | undefined): void {
  if (map === undefined) {
    encoder.int(0)
    return
  }
  encoder.int(1)
  if (map.size > 0) {
    encoder.int(map.size)
    for (const [key, value] of map) {
      encoder.int(key)
      encoder.byteString(value)
    }
  }
  encoder.int(0)
}

function list<T>(encoder: AvroEncoder, values: readonly T[] | undefined, write: (value: T) => void): void {
  if (values === undefined) {
    encoder.int(0)
    return
  }
  encoder.int(1)
  if (values.length > 0) {
    encoder.int(values.length)
    for (const value of values) write(value)
  }
  encoder.int(0)
}
