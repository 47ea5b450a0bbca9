import type { PrimitiveType } from '../../iceberg/index.ts'
import type { LiteralText } from './literal-text.ts'

const ZONED = /^TIMESTAMP WITH TIME ZONE$|^TIMESTAMPTZ$/

/**
 * The literal that a column of the type is compared with where it is cast to `castTo` for the comparison, in the terms of the
 * column itself. Undefined where the cast does not keep the order and the values apart.
 */
export function literalBehindCast(
  type: PrimitiveType,
  castTo: string,
  literal: LiteralText,
  isUtc: boolean,
): LiteralText | undefined {
  if (holdsAllNumbers(castTo, type)) return literal
  if (type.kind !== 'timestamp' || !isUtc || !ZONED.test(castTo) || !ZONED.test(literal.type ?? '')) return undefined
  const text = /^(.*)\+00$/.exec(literal.text)?.[1]
  return text === undefined ? undefined : { text, isQuoted: literal.isQuoted, type: 'TIMESTAMP' }
}

/** The most digits before the point. */
const DIGITS = { int: 10, long: 19 } as const

/** True where a cast to the type rounds no integer or decimal of the column and fails for none. */
function holdsAllNumbers(castTo: string, type: PrimitiveType): boolean {
  if (type.kind === 'int' && castTo === 'INTEGER') return true
  if (type.kind !== 'int' && type.kind !== 'long' && type.kind !== 'decimal') return false
  if (type.kind !== 'decimal' && (castTo === 'BIGINT' || castTo === 'HUGEINT')) return true
  const decimal = /^DECIMAL ?\((\d+), ?(\d+)\)$/.exec(castTo)
  if (decimal === null) return false
  const [precision, scale] = [Number(decimal[1]), Number(decimal[2])]
  const ownScale = type.kind === 'decimal' ? type.scale : 0
  const digits = type.kind === 'decimal' ? type.precision - type.scale : DIGITS[type.kind]
  return scale >= ownScale && precision - scale >= digits
}
