import { IceboxError } from '../../base/index.ts'
import { typeToString } from '../spec/type-text.ts'
import type { Literal, PrimitiveType } from '../spec/types.ts'

/** A literal whose JavaScript type is not the one of its Iceberg type: a caller's mistake. */
export function mismatch(type: PrimitiveType, value: Literal): never {
  const found = value instanceof Uint8Array ? `${value.length} bytes` : `${typeof value} ${String(value)}`
  throw new IceboxError('usage/invalid', { message: `${found} is not a value of the type ${typeToString(type)}` })
}
