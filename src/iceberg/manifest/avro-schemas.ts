import { IceboxError, type Json } from '../../base/index.ts'
import { partitionType, transformToString } from '../spec/partition.ts'
import { isPrimitive } from '../spec/type-text.ts'
import type { PartitionSpec, PrimitiveType, Schema } from '../spec/types.ts'
import { avroName, avroTypeOf } from './partition-values.ts'

/** Record names are those of the reference implementation: `r` and the id of the field that holds the record. */

const required = (id: number, name: string, type: Json): Json => ({ name, type, 'field-id': id })
const optional = (id: number, name: string, type: Json): Json => ({
  name,
  type: ['null', type],
  default: null,
  'field-id': id,
})

const list = (elementId: number, items: Json): Json => ({ type: 'array', items, 'element-id': elementId })

/** Integer keys: an array of records (Iceberg spec, Appendix A). */
const intMap = (keyId: number, valueId: number, valueType: Json): Json => ({
  type: 'array',
  logicalType: 'map',
  items: {
    type: 'record',
    name: `k${keyId}_v${valueId}`,
    fields: [required(keyId, 'key', 'int'), required(valueId, 'value', valueType)],
  },
})

/** A field of the partition tuple as it is written. */
export interface WrittenPartitionField {
  readonly name: string
  readonly fieldId: number
  readonly type: PrimitiveType
}

/** The partition tuple of a spec that data may be written with. Rejects unknown transforms by name (Iceberg spec, "Partitioning"). */
export function writtenPartitionFields(spec: PartitionSpec, schema: Schema): WrittenPartitionField[] {
  return partitionType(spec, schema).map((field, at) => {
    const transform = spec.fields[at]?.transform
    if (transform?.kind === 'unknown') {
      throw new IceboxError('iceberg/unsupported', {
        message: `files cannot be written with the partition field ${field.name}, whose transform ${transformToString(transform)} is not known`,
        remedy: 'give the table a partition spec of known transforms',
      })
    }
    return { name: field.name, fieldId: field.id, type: isPrimitive(field.type) ? field.type : { kind: 'unknown' } }
  })
}

function partitionField(field: WrittenPartitionField): Json {
  const name = avroName(field.name)
  return {
    name,
    type: ['null', avroTypeOf(field.type, field.fieldId)],
    default: null,
    'field-id': field.fieldId,
    ...(name !== field.name && { 'iceberg-field-name': field.name }),
  }
}

/** The Avro schema of manifest entries (Iceberg spec, "Manifests"), in the field order of {@link encodeEntry}. */
export function manifestEntrySchema(formatVersion: 1 | 2 | 3, partition: readonly WrittenPartitionField[]): Json {
  const dataFile = {
    type: 'record',
    name: 'r2',
    fields: [
      ...(formatVersion >= 2 ? [required(134, 'content', 'int')] : []),
      required(100, 'file_path', 'string'),
      required(101, 'file_format', 'string'),
      required(102, 'partition', { type: 'record', name: 'r102', fields: partition.map(partitionField) }),
      required(103, 'record_count', 'long'),
      required(104, 'file_size_in_bytes', 'long'),
      // Without use, but v1 requires it.
      ...(formatVersion === 1 ? [required(105, 'block_size_in_bytes', 'long')] : []),
      optional(108, 'column_sizes', intMap(117, 118, 'long')),
      optional(109, 'value_counts', intMap(119, 120, 'long')),
      optional(110, 'null_value_counts', intMap(121, 122, 'long')),
      optional(137, 'nan_value_counts', intMap(138, 139, 'long')),
      optional(125, 'lower_bounds', intMap(126, 127, 'bytes')),
      optional(128, 'upper_bounds', intMap(129, 130, 'bytes')),
      optional(131, 'key_metadata', 'bytes'),
      optional(132, 'split_offsets', list(133, 'long')),
      ...(formatVersion >= 2 ? [optional(135, 'equality_ids', list(136, 'int'))] : []),
      optional(140, 'sort_order_id', 'int'),
      ...(formatVersion >= 3 ? [optional(142, 'first_row_id', 'long')] : []),
      ...(formatVersion >= 2 ? [optional(143, 'referenced_data_file', 'string')] : []),
      ...(formatVersion >= 3
        ? [optional(144, 'content_offset', 'long'), optional(145, 'content_size_in_bytes', 'long')]
        : []),
    ],
  }
  return {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      required(0, 'status', 'int'),
      ...(formatVersion === 1
        ? [required(1, 'snapshot_id', 'long')]
        : [
            optional(1, 'snapshot_id', 'long'),
            optional(3, 'sequence_number', 'long'),
            optional(4, 'file_sequence_number', 'long'),
          ]),
      required(2, 'data_file', dataFile),
    ],
  }
}

/** The Avro schema of a manifest list (Iceberg spec, "Manifest Lists"). */
export function manifestListSchema(formatVersion: 1 | 2 | 3): Json {
  const summary = {
    type: 'record',
    name: 'r508',
    fields: [
      required(509, 'contains_null', 'boolean'),
      optional(518, 'contains_nan', 'boolean'),
      optional(510, 'lower_bound', 'bytes'),
      optional(511, 'upper_bound', 'bytes'),
    ],
  }
  // A v1 writer may have left counts out, and then they stay out.
  const count = formatVersion === 1 ? optional : required
  return {
    type: 'record',
    name: 'manifest_file',
    fields: [
      required(500, 'manifest_path', 'string'),
      required(501, 'manifest_length', 'long'),
      required(502, 'partition_spec_id', 'int'),
      ...(formatVersion >= 2
        ? [
            required(517, 'content', 'int'),
            required(515, 'sequence_number', 'long'),
            required(516, 'min_sequence_number', 'long'),
          ]
        : []),
      required(503, 'added_snapshot_id', 'long'),
      count(504, 'added_files_count', 'int'),
      count(505, 'existing_files_count', 'int'),
      count(506, 'deleted_files_count', 'int'),
      count(512, 'added_rows_count', 'long'),
      count(513, 'existing_rows_count', 'long'),
      count(514, 'deleted_rows_count', 'long'),
      optional(507, 'partitions', list(508, summary)),
      optional(519, 'key_metadata', 'bytes'),
      ...(formatVersion >= 3 ? [optional(520, 'first_row_id', 'long')] : []),
    ],
  }
}
