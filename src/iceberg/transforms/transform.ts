import { IceboxError, unreachable } from '../../base/index.ts'
import { transformToString } from '../spec/partition.ts'
import { typeToString } from '../spec/type-text.ts'
import type { Literal, PrimitiveType, Transform } from '../spec/types.ts'
import { civilFromDays, codePointPrefix, encodeValue, floorDivide } from '../values/index.ts'
import { murmur3 } from './murmur3.ts'

type Kind = PrimitiveType['kind']
const TIMESTAMPS: readonly Kind[] = ['timestamp', 'timestamptz', 'timestamp_ns', 'timestamptz_ns']
const BUCKETED: ReadonlySet<Kind> = new Set<Kind>([
  'int',
  'long',
  'decimal',
  'date',
  'time',
  ...TIMESTAMPS,
  'string',
  'uuid',
  'fixed',
  'binary',
])
const TRUNCATED: ReadonlySet<Kind> = new Set<Kind>(['int', 'long', 'decimal', 'string', 'binary'])
const DATED: ReadonlySet<Kind> = new Set<Kind>(['date', ...TIMESTAMPS])
const TIMED: ReadonlySet<Kind> = new Set<Kind>(TIMESTAMPS)
const UNITS_PER_SECOND = { micro: 1_000_000n, nano: 1_000_000_000n }

/** True where the specification allows the transform on the type ("Partition Transforms"). */
export function canTransform(transform: Transform, type: PrimitiveType): boolean {
  switch (transform.kind) {
    case 'identity':
    case 'void':
      return true
    case 'bucket':
      return BUCKETED.has(type.kind)
    case 'truncate':
      return TRUNCATED.has(type.kind)
    case 'year':
    case 'month':
    case 'day':
      return DATED.has(type.kind)
    case 'hour':
      return TIMED.has(type.kind)
    case 'unknown':
      return false
    default:
      return unreachable(transform)
  }
}

/** True where a <= b implies transform(a) <= transform(b): a range of the source is a range of results. */
export function preservesOrder(transform: Transform): boolean {
  return transform.kind !== 'bucket' && transform.kind !== 'void' && transform.kind !== 'unknown'
}

/**
 * The result of a transform; null for null, and always for void. Rejects `iceberg/unsupported` for a transform that is
 * not known or not allowed on the type.
 */
export function applyTransform(transform: Transform, sourceType: PrimitiveType, value: Literal | null): Literal | null {
  if (value === null) return null
  if (!canTransform(transform, sourceType)) {
    throw new IceboxError('iceberg/unsupported', {
      message: `the transform ${transformToString(transform)} cannot be applied to ${typeToString(sourceType)}`,
      remedy: 'use a transform that the Iceberg specification defines for the type',
    })
  }
  switch (transform.kind) {
    case 'identity':
      return value
    case 'bucket':
      return (hashValue(sourceType, value) & 0x7fffffff) % transform.buckets
    case 'truncate':
      return truncate(sourceType, value, transform.width)
    case 'year':
      return civilFromDays(daysOf(sourceType, value)).year - 1970
    case 'month': {
      const { year, month } = civilFromDays(daysOf(sourceType, value))
      return (year - 1970) * 12 + month - 1
    }
    case 'day':
      return daysOf(sourceType, value)
    case 'hour':
      return typeof value === 'bigint' ? Number(floorDivide(value, 3600n * unitsPerSecond(sourceType))) : null
    case 'void':
    case 'unknown':
      return null
    default:
      return unreachable(transform)
  }
}

/** The 32-bit hash of a value (Iceberg spec, Appendix B), signed; bucket discards the sign. */
export function hashValue(type: PrimitiveType, value: Literal): number {
  if (typeof value === 'number' && (type.kind === 'int' || type.kind === 'date')) return hashLong(BigInt(value))
  if (typeof value === 'bigint' && type.kind !== 'decimal') {
    // Nanoseconds hash as their microseconds, so that both precisions fall into one bucket.
    const isNano = type.kind === 'timestamp_ns' || type.kind === 'timestamptz_ns'
    return hashLong(isNano ? floorDivide(value, 1000n) : value)
  }
  return murmur3(encodeValue(type, value))
}

const scratch = new DataView(new ArrayBuffer(8))
const scratchBytes = new Uint8Array(scratch.buffer)
function hashLong(value: bigint): number {
  scratch.setBigInt64(0, value, true)
  return murmur3(scratchBytes)
}

/**
 * Numbers round down to a multiple of the width, also below zero; text by code points, binary by bytes. The multiple below
 * the least values is past 32 or 64 bits and wraps as Java's does (iceberg-rust likewise; PyIceberg leaves the integer too
 * large, which no partition tuple can hold). Decimals have digits to spare and do not wrap.
 */
function truncate(type: PrimitiveType, value: Literal, width: number): Literal | null {
  // The remainder of the largest 32-bit values stays within a double.
  if (typeof value === 'number') return (value - (((value % width) + width) % width)) | 0
  if (typeof value === 'bigint') {
    const multiple = value - floorRemainder(value, BigInt(width))
    return type.kind === 'long' ? BigInt.asIntN(64, multiple) : multiple
  }
  if (typeof value === 'string') return codePointPrefix(value, width)
  return value instanceof Uint8Array ? value.subarray(0, width) : null
}

function floorRemainder(value: bigint, by: bigint): bigint {
  return ((value % by) + by) % by
}

function daysOf(type: PrimitiveType, value: Literal): number {
  return typeof value === 'bigint' ? Number(floorDivide(value, 86_400n * unitsPerSecond(type))) : Number(value)
}

function unitsPerSecond(type: PrimitiveType): bigint {
  return type.kind === 'timestamp_ns' || type.kind === 'timestamptz_ns' ? UNITS_PER_SECOND.nano : UNITS_PER_SECOND.micro
}
