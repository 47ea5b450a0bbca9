import { isPrimitive, type Schema, type Type } from '../../iceberg/index.ts'
import { failedBy, quoteText } from '../sql.ts'

/*
 * In a Parquet dictionary of DuckDB 1.5.5 0.0 and -0.0 are one value, so that one of them becomes the other (decision
 * 0017). Columns of reals are watched for -0.0 as they are written, and the first one has them written without dictionaries.
 */

const MARK = 'icebox-negative-zero'

/** Whether rows may be written with dictionaries: top-level columns are watched, below lists and structs nobody watches. */
export function mayUseDictionaries(schema: Schema): boolean {
  return !schema.fields.some(({ type }) => !isPrimitive(type) && holdsReals(type))
}

/**
 * The value of an expression of type FLOAT or DOUBLE; fails where it is -0.0, see {@link isNegativeZero}. The sign first and
 * in a CASE of its own, which keeps its place: most columns have no negative numbers, and many have zeros.
 */
export function refusingNegativeZero(sql: string): string {
  const checked = `CASE WHEN ${sql} = 0 THEN error(${quoteText(MARK)}) ELSE ${sql} END`
  return `CASE WHEN signbit(${sql}) THEN ${checked} ELSE ${sql} END`
}

/** Whether a statement failed by a -0.0 that {@link refusingNegativeZero} found. */
export function isNegativeZero(error: unknown): boolean {
  return failedBy(error, MARK)
}

function holdsReals(type: Type): boolean {
  switch (type.kind) {
    case 'struct':
      return type.fields.some((field) => holdsReals(field.type))
    case 'list':
      return holdsReals(type.element)
    case 'map':
      return holdsReals(type.key) || holdsReals(type.value)
    default:
      return type.kind === 'double' || type.kind === 'float'
  }
}
