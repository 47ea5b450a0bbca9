import { fieldById, fieldByPath } from './schema.ts'
import { isPrimitive } from './type-text.ts'
import type {
  NestedField,
  PartitionField,
  PartitionSpec,
  PartitionTuple,
  PrimitiveType,
  Schema,
  Transform,
} from './types.ts'

const PARAMETERISED = /^(bucket|truncate)\[\s*([1-9]\d{0,9})\s*\]$/
/** Of buckets and of a width. */
export const MAX_PARAMETER = 2 ** 31 - 1

/** The transform of its text (Iceberg spec, Appendix C); one that is not known keeps the text. Case does not matter. */
export function parseTransform(text: string): Transform {
  const lower = text.trim().toLowerCase()
  switch (lower) {
    case 'identity':
    case 'year':
    case 'month':
    case 'day':
    case 'hour':
    case 'void':
      return { kind: lower }
    default: {
      const match = PARAMETERISED.exec(lower)
      const parameter = Number(match?.[2])
      if (match === null || parameter > MAX_PARAMETER) return { kind: 'unknown', text }
      return match[1] === 'bucket' ? { kind: 'bucket', buckets: parameter } : { kind: 'truncate', width: parameter }
    }
  }
}

export function transformToString(transform: Transform): string {
  if (transform.kind === 'bucket') return `bucket[${transform.buckets}]`
  if (transform.kind === 'truncate') return `truncate[${transform.width}]`
  return transform.kind === 'unknown' ? transform.text : transform.kind
}

/** A transform of a column as SQL writes it: `region`, `month(ts)`, `bucket(16, id)`. */
export function transformCall(transform: Transform, column: string): string {
  if (transform.kind === 'identity') return column
  if (transform.kind === 'bucket') return `bucket(${transform.buckets}, ${column})`
  if (transform.kind === 'truncate') return `truncate(${transform.width}, ${column})`
  return `${transformToString(transform)}(${column})`
}

/**
 * The name of a partition field of a table in the making, where none is given: `region`, `ts_month`, `id_bucket`,
 * `name_trunc`, as Java's `PartitionSpec.Builder` has it, through which Spark, Trino and Flink make tables. Where a field or
 * a column has that name (only an identity may be called as a column), it is {@link addedPartitionFieldName}, then that
 * with a number. Dots of nested columns stay.
 */
export function partitionFieldName(
  path: string,
  transform: Transform,
  schema: Schema,
  others: readonly PartitionField[],
): string {
  const isTaken = (name: string) =>
    others.some((field) => field.name === name) ||
    (transform.kind !== 'identity' && fieldByPath(schema, name) !== undefined)
  const short =
    transform.kind === 'bucket'
      ? `${path}_bucket`
      : transform.kind === 'truncate'
        ? `${path}_trunc`
        : addedPartitionFieldName(path, transform)
  const long = addedPartitionFieldName(path, transform)
  let name = isTaken(short) ? long : short
  for (let number = 2; isTaken(name); number++) name = `${long}_${number}`
  return name
}

/**
 * The name of a partition field that is added to a table later: with its number (`id_bucket_16`, `name_trunc_4`), as Java's
 * `UpdatePartitionSpec` and PyIceberg's have it, since a table may go from 16 buckets to 32.
 */
export function addedPartitionFieldName(path: string, transform: Transform): string {
  switch (transform.kind) {
    case 'identity':
    case 'unknown':
      return path
    case 'bucket':
      return `${path}_bucket_${transform.buckets}`
    case 'truncate':
      return `${path}_trunc_${transform.width}`
    case 'void':
      return `${path}_null`
    default:
      return `${path}_${transform.kind}`
  }
}

/**
 * The type of a transform's results (Iceberg spec, "Partition Transforms"). An unknown transform's results are text, as
 * in the reference implementation.
 */
export function resultType(transform: Transform, sourceType: PrimitiveType): PrimitiveType {
  switch (transform.kind) {
    case 'bucket':
    case 'year':
    case 'month':
    case 'hour':
      return { kind: 'int' }
    case 'day':
      return { kind: 'date' }
    case 'unknown':
      return { kind: 'string' }
    case 'identity':
    case 'truncate':
    case 'void':
      return sourceType
  }
}

/**
 * The fields of the partition tuple: id and name of the partition field, type of the transform's result, all optional.
 * A field whose source column is not in the schema any more has the type `unknown`.
 */
export function partitionType(spec: PartitionSpec, schema: Schema): NestedField[] {
  return spec.fields.map((field) => {
    const source = field.sourceIds[0] === undefined ? undefined : fieldById(schema, field.sourceIds[0])
    const sourceType: PrimitiveType =
      source !== undefined && isPrimitive(source.type) ? source.type : { kind: 'unknown' }
    return { id: field.fieldId, name: field.name, type: resultType(field.transform, sourceType), required: false }
  })
}

/** True when all files of the spec lie in one partition: no fields, or void ones only. */
export function isUnpartitioned(spec: PartitionSpec): boolean {
  return spec.fields.every((field) => field.transform.kind === 'void')
}

/** A partition tuple as a map key: equal for equal tuples of one spec, different for different ones. */
export function partitionKey(tuple: PartitionTuple): string {
  let key = ''
  for (const value of tuple) {
    if (value === null) key += 'n;'
    else if (typeof value === 'string') key += `s${value.length}:${value};`
    else if (value instanceof Uint8Array) key += `x${Buffer.from(value).toString('hex')};`
    else key += `${typeof value === 'bigint' ? 'l' : typeof value === 'number' ? 'd' : 'b'}${value};`
  }
  return key
}
