import { IceboxError } from '../../base/index.ts'
import type { Type } from '../../iceberg/index.ts'

/**
 * DuckDB's reader of Parquet (1.5.5) takes twice as long with each level of lists: 20 ms at 16, 1 s at 20, an hour at 32, and
 * of maps twice that. Levels of structs cost nothing.
 */
const MOST_LIST_LEVELS = 16

/** Refuses a column whose values would hardly be read again. Throws `schema/unsupported-type`. */
export function refuseDeepLists(type: Type, column: string): void {
  const levels = listLevels(type)
  if (levels <= MOST_LIST_LEVELS) return
  throw new IceboxError('schema/unsupported-type', {
    message: `column '${column}' nests lists and maps ${levels} deep; at most ${MOST_LIST_LEVELS} are taken`,
    remedy: 'keep the value as JSON in a text column, or use structs: their levels are free',
    context: { column, levels, most: MOST_LIST_LEVELS },
  })
}

function listLevels(type: Type): number {
  switch (type.kind) {
    case 'list':
      return 1 + listLevels(type.element)
    case 'map':
      return 1 + Math.max(listLevels(type.key), listLevels(type.value))
    case 'struct':
      return Math.max(0, ...type.fields.map((field) => listLevels(field.type)))
    default:
      return 0
  }
}
