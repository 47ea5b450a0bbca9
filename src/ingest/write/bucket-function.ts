import { IceboxError } from '../../base/index.ts'
import type { ScalarFamilies, ScalarFunction, SqlValue } from '../../engine/index.ts'
import {
  applyTransform,
  type Literal,
  parsePrimitiveType,
  type PrimitiveType,
  type Transform,
  typeToString,
} from '../../iceberg/index.ts'
import { textOf } from '../sql.ts'
import { exact } from './bounds.ts'

const FAMILY = 'icebox_bucket'

/** `bucket[N]` of a type whose hash needs bytes, as a function of TypeScript over whole vectors. Takes text, or bytes for binary. */
export function bucketFunction(buckets: number, type: PrimitiveType): ScalarFunction {
  const transform: Transform = { kind: 'bucket', buckets }
  return {
    name: `${FAMILY}_${type.kind}_${buckets}`,
    argumentTypes: [type.kind === 'binary' ? 'BLOB' : 'VARCHAR'],
    returnType: 'INTEGER',
    family: { name: FAMILY, values: [buckets, typeToString(type)] },
    call: (args) => Number(applyTransform(transform, type, literalOf(type, args[0] ?? null))),
  }
}

/** For an engine in a process of its own. */
export const BUCKET_FAMILY: ScalarFamilies = {
  [FAMILY]: ([buckets, type]) => {
    const known = typeof type === 'string' ? parsePrimitiveType(type) : undefined
    if (typeof buckets === 'number' && known !== undefined) return bucketFunction(buckets, known)
    throw new IceboxError('internal/unreachable', { message: `${FAMILY} of ${String(buckets)} and ${String(type)}` })
  },
}

function literalOf(type: PrimitiveType, value: SqlValue): Literal {
  switch (type.kind) {
    case 'binary':
      return value instanceof Uint8Array ? value : new Uint8Array()
    case 'uuid':
      return exact(type, textOf(value))
    case 'decimal':
      return BigInt(textOf(value))
    default:
      return typeof value === 'string' ? value : ''
  }
}
