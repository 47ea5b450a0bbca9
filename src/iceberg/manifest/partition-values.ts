import { type AvroEncoder, type AvroRecord, type AvroType, type MakeRead, nullable } from '../avro/index.ts'
import type { Json } from '../../base/index.ts'
import { unreachable } from '../../base/index.ts'
import { isPrimitive } from '../spec/type-text.ts'
import type { Literal, NestedField, PrimitiveType } from '../spec/types.ts'
import { decodeBigEndian, encodeBigEndian, parseUuid } from '../values/index.ts'
import type { Step } from './fields.ts'

/** A tuple while it is read, null where the file has no value. */
export type TupleDraft = (Literal | null)[]

/**
 * Reads the partition record: by field id, else by name. Values of columns that were widened since are widened; where
 * the source column is gone from the schema, the Avro type says what the value is.
 */
export function partitionSteps(record: AvroRecord, fields: readonly NestedField[]): Step<TupleDraft>[] {
  return record.fields.map((field): Step<TupleDraft> => {
    const at = fields.findIndex((candidate) =>
      field.fieldId === undefined ? avroName(candidate.name) === field.name : candidate.id === field.fieldId,
    )
    const type = fields[at]?.type
    const target = type !== undefined && isPrimitive(type) ? type : undefined
    const read = nullable(field.type, `partition.${field.name}`, literalReader(target))
    return (decoder, tuple) => {
      const value = read(decoder)
      if (at >= 0) tuple[at] = value
    }
  })
}

const MICROS_PER_DAY = 86_400_000_000n

function literalReader(target: PrimitiveType | undefined): MakeRead<Literal> {
  return (type) => {
    switch (type.kind) {
      case 'boolean':
        return (decoder) => decoder.boolean()
      case 'int':
      case 'long':
        return integerReader(type.kind, target)
      case 'float':
        return (decoder) => decoder.float()
      case 'double':
        return (decoder) => decoder.double()
      case 'string':
        if (target?.kind === 'uuid') return (decoder) => parseUuid(decoder.string()) ?? null
        return (decoder) => decoder.string()
      case 'bytes':
        if (isDecimal(type, target)) return (decoder) => decodeBigEndian(decoder.byteString())
        return (decoder) => decoder.byteString()
      case 'fixed': {
        const { size } = type
        if (isDecimal(type, target)) return (decoder) => decodeBigEndian(decoder.fixed(size))
        return (decoder) => decoder.fixed(size)
      }
      case 'null':
      case 'enum':
      case 'array':
      case 'map':
      case 'union':
      case 'record':
        return undefined
      default:
        return unreachable(type)
    }
  }
}

function integerReader(written: 'int' | 'long', target: PrimitiveType | undefined): ReturnType<MakeRead<Literal>> {
  switch (target?.kind) {
    case 'int':
    case 'date':
      return (decoder) => decoder.int()
    case 'timestamp':
      if (written === 'int') return (decoder) => decoder.long() * MICROS_PER_DAY
      return (decoder) => decoder.long()
    case 'timestamp_ns':
      if (written === 'int') return (decoder) => decoder.long() * MICROS_PER_DAY * 1000n
      return (decoder) => decoder.long()
    case undefined:
    case 'unknown':
      return written === 'int' ? (decoder) => decoder.int() : (decoder) => decoder.long()
    case 'float':
    case 'double':
      return (decoder) => decoder.int()
    // A column of another type by now, in a table that was replaced.
    case 'boolean':
    case 'string':
    case 'uuid':
    case 'fixed':
    case 'binary':
      return integerReader(written, undefined)
    case 'long':
    case 'time':
    case 'timestamptz':
    case 'timestamptz_ns':
    case 'decimal':
      return (decoder) => decoder.long()
  }
}

function isDecimal(type: AvroType & { readonly logicalType?: string }, target: PrimitiveType | undefined): boolean {
  return target === undefined || target.kind === 'unknown' ? type.logicalType === 'decimal' : target.kind === 'decimal'
}

/** A name that Avro takes, as the reference implementation makes it: others' characters as `_x` and their code. */
export function avroName(name: string): string {
  if (/^[A-Za-z_]\w*$/.test(name)) return name
  let made = ''
  for (let at = 0; at < name.length; at++) {
    const letter = name.charAt(at)
    if (/[A-Za-z_]/.test(letter) || (at > 0 && /\d/.test(letter))) made += letter
    else if (/\d/.test(letter)) made += `_${letter}`
    else made += `_x${letter.charCodeAt(0).toString(16).toUpperCase()}`
  }
  return made
}

/** The Avro type of a partition value (Iceberg spec, Appendix A). Named types carry the field id to be unique. */
export function avroTypeOf(type: PrimitiveType, fieldId: number): Json {
  switch (type.kind) {
    case 'boolean':
    case 'int':
    case 'long':
    case 'float':
    case 'double':
    case 'string':
      return type.kind
    case 'binary':
      return 'bytes'
    case 'date':
      return { type: 'int', logicalType: 'date' }
    case 'time':
      return { type: 'long', logicalType: 'time-micros' }
    case 'timestamp':
    case 'timestamptz':
      return { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': type.kind === 'timestamptz' }
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return { type: 'long', logicalType: 'timestamp-nanos', 'adjust-to-utc': type.kind === 'timestamptz_ns' }
    case 'uuid':
      return { type: 'fixed', name: `uuid_fixed_${fieldId}`, size: 16, logicalType: 'uuid' }
    case 'fixed':
      return { type: 'fixed', name: `fixed_${type.length}_${fieldId}`, size: type.length }
    case 'decimal':
      return {
        type: 'fixed',
        name: `decimal_${type.precision}_${type.scale}_${fieldId}`,
        size: decimalBytes(type.precision),
        logicalType: 'decimal',
        precision: type.precision,
        scale: type.scale,
      }
    // A void field whose column is gone: always null, and null needs a partner in the union.
    case 'unknown':
      return 'int'
    default:
      return unreachable(type)
  }
}

/** The bytes that hold every unscaled value of a precision with its sign. */
export function decimalBytes(precision: number): number {
  return encodeBigEndian(10n ** BigInt(precision)).length
}

/** Writes a value of a partition field, null included. Rejects `usage/invalid` where the value is not of the type. */
export function writePartitionValue(encoder: AvroEncoder, type: PrimitiveType, value: Literal | null): void {
  encoder.optional(value, (present) => writeLiteral(encoder, type, present))
}

function writeLiteral(encoder: AvroEncoder, type: PrimitiveType, value: Literal): void {
  if (typeof value === 'boolean') encoder.boolean(value)
  else if (typeof value === 'string') encoder.string(value)
  else if (typeof value === 'number') {
    if (type.kind === 'float') encoder.float(value)
    else if (type.kind === 'double') encoder.double(value)
    else encoder.int(value)
  } else if (typeof value === 'bigint') {
    if (type.kind === 'decimal') encoder.fixed(padBigEndian(encodeBigEndian(value), decimalBytes(type.precision)))
    else encoder.long(value)
  } else if (type.kind === 'binary') encoder.byteString(value)
  else encoder.fixed(value)
}

function padBigEndian(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length >= length) return bytes
  const padded = new Uint8Array(length).fill((bytes[0] ?? 0) >= 0x80 ? 0xff : 0)
  padded.set(bytes, length - bytes.length)
  return padded
}
