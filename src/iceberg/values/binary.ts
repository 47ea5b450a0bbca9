import { IceboxError, unreachable } from '../../base/index.ts'
import { typeToString } from '../spec/type-text.ts'
import type { Literal, PrimitiveType } from '../spec/types.ts'
import { toHex } from './format.ts'
import { mismatch } from './mismatch.ts'

const utf8 = new TextEncoder()

/** The binary form of a value (Iceberg spec, Appendix D, "Binary single-value serialization"). */
export function encodeValue(type: PrimitiveType, value: Literal): Uint8Array {
  switch (type.kind) {
    case 'boolean':
      return typeof value === 'boolean' ? Uint8Array.of(value ? 1 : 0) : mismatch(type, value)
    case 'int':
    case 'date':
      return typeof value === 'number' && value === (value | 0)
        ? fixedBytes(4, (view) => view.setInt32(0, value, true))
        : mismatch(type, value)
    case 'float':
      return typeof value === 'number'
        ? fixedBytes(4, (view) => view.setFloat32(0, value, true))
        : mismatch(type, value)
    case 'double':
      return typeof value === 'number'
        ? fixedBytes(8, (view) => view.setFloat64(0, value, true))
        : mismatch(type, value)
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return typeof value === 'bigint' && BigInt.asIntN(64, value) === value
        ? fixedBytes(8, (view) => view.setBigInt64(0, value, true))
        : mismatch(type, value)
    case 'decimal':
      return typeof value === 'bigint' ? encodeBigEndian(value) : mismatch(type, value)
    case 'string':
      return typeof value === 'string' ? utf8.encode(value) : mismatch(type, value)
    case 'uuid':
      return value instanceof Uint8Array && value.length === 16 ? value : mismatch(type, value)
    case 'fixed':
      return value instanceof Uint8Array && value.length === type.length ? value : mismatch(type, value)
    case 'binary':
      return value instanceof Uint8Array ? value : mismatch(type, value)
    case 'unknown':
      return mismatch(type, value)
    default:
      return unreachable(type)
  }
}

function fixedBytes(length: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length)
  write(new DataView(bytes.buffer))
  return bytes
}

/** Two's complement, big-endian, as few bytes as hold the value and its sign. */
export function encodeBigEndian(value: bigint): Uint8Array {
  // A value of n bits without its sign needs n + 1; ~value has the bits of a negative one.
  const magnitude = value < 0n ? ~value : value
  const bits = magnitude === 0n ? 0 : magnitude.toString(2).length
  const length = Math.floor(bits / 8) + 1
  const bytes = new Uint8Array(length)
  let rest = value
  for (let at = length - 1; at >= 0; at--) {
    bytes[at] = Number(BigInt.asUintN(8, rest))
    rest >>= 8n
  }
  return bytes
}

/** The signed value of two's complement big-endian bytes; 0 for none. */
export function decodeBigEndian(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return bytes.length === 0 ? 0n : BigInt.asIntN(bytes.length * 8, value)
}

/**
 * The value of its binary form. Bounds of a column that was widened since (int to long, float to double, date to
 * timestamp, decimal to a wider one) are read as what their length says they were (Iceberg spec, "Schema Evolution").
 * Rejects `iceberg/invalid-manifest` where the length fits no value of the type.
 */
export function decodeValue(type: PrimitiveType, bytes: Uint8Array): Literal {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { length } = bytes
  switch (type.kind) {
    case 'boolean':
      return length === 1 ? bytes[0] !== 0 : wrongLength(type, bytes)
    case 'int':
    case 'date':
      return length === 4 ? view.getInt32(0, true) : wrongLength(type, bytes)
    case 'float':
      return length === 4 ? view.getFloat32(0, true) : wrongLength(type, bytes)
    case 'double':
      if (length === 4) return view.getFloat32(0, true)
      return length === 8 ? view.getFloat64(0, true) : wrongLength(type, bytes)
    case 'long':
      if (length === 4) return BigInt(view.getInt32(0, true))
      return length === 8 ? view.getBigInt64(0, true) : wrongLength(type, bytes)
    case 'time':
    case 'timestamptz':
    case 'timestamptz_ns':
      return length === 8 ? view.getBigInt64(0, true) : wrongLength(type, bytes)
    case 'timestamp':
      if (length === 4) return BigInt(view.getInt32(0, true)) * 86_400_000_000n
      return length === 8 ? view.getBigInt64(0, true) : wrongLength(type, bytes)
    case 'timestamp_ns':
      if (length === 4) return BigInt(view.getInt32(0, true)) * 86_400_000_000_000n
      return length === 8 ? view.getBigInt64(0, true) : wrongLength(type, bytes)
    case 'decimal':
      // Some writers pad to the fixed width of Parquet; the value is the same.
      return length >= 1 && length <= 17 ? decodeBigEndian(bytes) : wrongLength(type, bytes)
    case 'string':
      return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString('utf8')
    case 'uuid':
      return length === 16 ? bytes : wrongLength(type, bytes)
    case 'fixed':
    case 'binary':
      return bytes
    case 'unknown':
      return wrongLength(type, bytes)
    default:
      return unreachable(type)
  }
}

function wrongLength(type: PrimitiveType, bytes: Uint8Array): never {
  throw new IceboxError('iceberg/invalid-manifest', {
    message: `${bytes.length} bytes (${toHex(bytes.subarray(0, 32))}) are not a value of the type ${typeToString(type)}`,
  })
}
