import { allFieldIds, fieldById } from './schema.ts'
import { isPrimitive, typeToString } from './type-text.ts'
import type { PrimitiveType, Schema, Type } from './types.ts'

/** Iceberg spec, "Schema Evolution", valid promotions of format version 2. */
export function canWiden(from: PrimitiveType, to: PrimitiveType): boolean {
  if (from.kind === 'decimal' && to.kind === 'decimal')
    return to.scale === from.scale && to.precision >= from.precision && to.precision <= 38
  if (from.kind === 'int' && to.kind === 'long') return true
  if (from.kind === 'float' && to.kind === 'double') return true
  return from.kind === to.kind && typeToString(from) === typeToString(to)
}

/**
 * Whether what was written for `then` has a meaning under `now`: some column is left, and each field that both have is of the
 * same type or was promoted, as evolution leaves it. A table that was replaced may use an id for a field of another type.
 */
export function isEvolvedFrom(now: Schema, then: Schema): boolean {
  return then.fields.some((field) => fieldById(now, field.id) !== undefined) && isReadableAs(now, then)
}

/** Whether each field that both have is of the same type or was promoted. */
export function isReadableAs(now: Schema, then: Schema): boolean {
  return allFieldIds(then).every((id) => {
    const [before, after] = [fieldById(then, id), fieldById(now, id)]
    return before === undefined || after === undefined || isPromoted(before.type, after.type)
  })
}

function isPromoted(from: Type, to: Type): boolean {
  if (!isPrimitive(from) || !isPrimitive(to)) return from.kind === to.kind
  // Of version 3, by others.
  if (from.kind === 'unknown') return true
  if (from.kind === 'date' && (to.kind === 'timestamp' || to.kind === 'timestamp_ns')) return true
  return canWiden(from, to)
}
