import { IceboxError } from '../../base/index.ts'
import {
  type AvroDecoder,
  type AvroRecord,
  type AvroType,
  bytesReader,
  intReader,
  invalidAvro,
  listReader,
  longReader,
  type MakeRead,
  mapReader,
  skipper,
  stringReader,
} from '../avro/index.ts'
import type { DataFile, FileContent, FileFormat, ManifestEntry } from '../spec/manifest.ts'
import type { NestedField } from '../spec/types.ts'
import { asRecord, field, type KnownField, recordSteps, type Step } from './fields.ts'
import { partitionSteps, type TupleDraft } from './partition-values.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
export type FileDraft = Mutable<DataFile>
export interface EntryDraft {
  status: ManifestEntry['status']
  snapshotId: bigint | null
  sequenceNumber: bigint | null
  fileSequenceNumber: bigint | null
  readonly dataFile: FileDraft
}

const STATUSES: readonly ManifestEntry['status'][] = ['existing', 'added', 'deleted']
const CONTENTS: readonly FileContent[] = ['data', 'position-deletes', 'equality-deletes']
const FORMATS: readonly FileFormat[] = ['parquet', 'avro', 'orc', 'puffin']

export interface EntrySchema {
  /** Fields of the partition tuple by the current schema. */
  readonly partition: readonly NestedField[]
  readonly specId: number
  /** What of the column statistics is read: all, none, or those of some columns. */
  readonly stats: 'all' | 'none' | ReadonlySet<number>
}

export interface EntryReader {
  read(decoder: AvroDecoder): EntryDraft
  /** False in manifests of v1, whose files have the sequence number 0. */
  readonly hasSequenceNumbers: boolean
}

/** Compiles a writer's schema of manifest entries to a reader of them. */
export function entryReader(type: AvroType, schema: EntrySchema): EntryReader {
  const record = asRecord(type, 'manifest_entry')
  const steps = recordSteps(record, entryFields(schema))
  const nulls: TupleDraft = schema.partition.map(() => null)
  const { specId } = schema
  return {
    hasSequenceNumbers: record.fields.some((field) => field.fieldId === 3 || field.name === 'sequence_number'),
    read: (decoder) => {
      const draft: EntryDraft = {
        status: 'existing',
        snapshotId: null,
        sequenceNumber: null,
        fileSequenceNumber: null,
        dataFile: {
          content: 'data',
          filePath: '',
          fileFormat: 'parquet',
          specId,
          partition: nulls.slice(),
          recordCount: 0n,
          fileSizeInBytes: 0n,
        },
      }
      for (const step of steps) step(decoder, draft)
      return draft
    },
  }
}

function entryFields(schema: EntrySchema): ReadonlyMap<number, KnownField<EntryDraft>> {
  return new Map<number, KnownField<EntryDraft>>([
    [
      0,
      field(
        'status',
        intReader,
        (entry, value) => {
          entry.status = STATUSES[value] ?? fail(`an entry has the status ${value}; 0 to 2 are defined`)
        },
        true,
      ),
    ],
    [1, field('snapshot_id', longReader, (entry, value) => (entry.snapshotId = value))],
    [3, field('sequence_number', longReader, (entry, value) => (entry.sequenceNumber = value))],
    [4, field('file_sequence_number', longReader, (entry, value) => (entry.fileSequenceNumber = value))],
    [
      2,
      {
        name: 'data_file',
        required: true,
        step: (type) => {
          const steps = recordSteps(asRecord(type, 'data_file'), fileFields(schema))
          return inRecord(type, (decoder, entry: EntryDraft) => {
            for (const step of steps) step(decoder, entry.dataFile)
          })
        },
      },
    ],
  ])
}

/** Reads the branch before a record that is written as optional, as some writers do for required ones. */
function inRecord<D>(type: AvroType, step: Step<D>): Step<D> {
  if (type.kind !== 'union') return step
  const index = type.branches.findIndex((branch) => branch.kind === 'record')
  return (decoder, draft) => {
    const branch = decoder.int()
    if (branch !== index) throw invalidAvro(`a record that is required is null (branch ${branch})`)
    step(decoder, draft)
  }
}

function fileFields(schema: EntrySchema): ReadonlyMap<number, KnownField<FileDraft>> {
  const wanted = typeof schema.stats === 'string' ? undefined : schema.stats
  const stats = <T>(name: string, item: MakeRead<T>, set: (file: FileDraft, value: Map<number, T>) => void) =>
    schema.stats === 'none' ? skipped(name) : field(name, mapReader(name, item, wanted), set)
  return new Map<number, KnownField<FileDraft>>([
    [
      134,
      field('content', intReader, (file, value) => {
        file.content = CONTENTS[value] ?? fail(`a file has the content ${value}; 0 to 2 are defined`)
      }),
    ],
    [100, field('file_path', stringReader, (file, value) => (file.filePath = value), true)],
    [101, field('file_format', stringReader, (file, value) => (file.fileFormat = fileFormat(value)), true)],
    [102, { name: 'partition', step: (type) => partitionStep(type, schema.partition) }],
    [103, field('record_count', longReader, (file, value) => (file.recordCount = value), true)],
    [104, field('file_size_in_bytes', longReader, (file, value) => (file.fileSizeInBytes = value), true)],
    [108, stats('column_sizes', longReader, (file, value) => (file.columnSizes = value))],
    [109, stats('value_counts', longReader, (file, value) => (file.valueCounts = value))],
    [110, stats('null_value_counts', longReader, (file, value) => (file.nullValueCounts = value))],
    [137, stats('nan_value_counts', longReader, (file, value) => (file.nanValueCounts = value))],
    [125, stats('lower_bounds', bytesReader, (file, value) => (file.lowerBounds = value))],
    [128, stats('upper_bounds', bytesReader, (file, value) => (file.upperBounds = value))],
    [131, field('key_metadata', bytesReader, (file, value) => (file.keyMetadata = value))],
    [
      132,
      field('split_offsets', listReader('split_offsets', longReader), (file, value) => {
        file.splitOffsets = value
      }),
    ],
    [
      135,
      field('equality_ids', listReader('equality_ids', intReader), (file, value) => {
        file.equalityIds = value
      }),
    ],
    [140, field('sort_order_id', intReader, (file, value) => (file.sortOrderId = value))],
    [142, field('first_row_id', longReader, (file, value) => (file.firstRowId = value))],
    [143, field('referenced_data_file', stringReader, (file, value) => (file.referencedDataFile = value))],
    [144, field('content_offset', longReader, (file, value) => (file.contentOffset = value))],
    [145, field('content_size_in_bytes', longReader, (file, value) => (file.contentSizeInBytes = value))],
  ])
}

function skipped<D>(name: string): KnownField<D> {
  return { name, step: (type) => skipper(type) }
}

function partitionStep(type: AvroType, fields: readonly NestedField[]): Step<FileDraft> {
  const record: AvroRecord = asRecord(type, 'partition')
  const steps = partitionSteps(record, fields)
  const nulls: TupleDraft = fields.map(() => null)
  return inRecord(type, (decoder, file: FileDraft) => {
    const tuple = nulls.slice()
    for (const step of steps) step(decoder, tuple)
    file.partition = tuple
  })
}

function fileFormat(text: string): FileFormat {
  const lower = text.toLowerCase()
  const format = FORMATS.find((known) => known === lower)
  if (format !== undefined) return format
  throw new IceboxError('iceberg/unsupported', {
    message: `a file has the format ${text}; Iceberg knows ${FORMATS.join(', ')}`,
    remedy: 'have the file rewritten as Parquet',
  })
}

function fail(problem: string): never {
  throw invalidAvro(problem)
}
