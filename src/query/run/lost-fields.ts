import { type DuckDbType, IceboxError, parseDuckDbType, sqlName } from '../../base/index.ts'
import type { Type } from '../../iceberg/index.ts'
import type { DescribedColumn } from '../../ingest/index.ts'
import type { Assignment } from './write.ts'

/**
 * Rejects `schema/mismatch` where a struct of the query has a field that the table's column has not, at any depth: the engine's
 * cast would leave its values out without a word. Fields that the query lacks are null, as in DuckDB.
 */
export function refuseLostFields(
  columns: readonly DescribedColumn[],
  targets: readonly Assignment[],
  table: string,
): void {
  for (const { field, source } of targets) {
    const type = columns[source]?.type ?? ''
    if (!type.includes('STRUCT(')) continue
    const lost = lostField(parseDuckDbType(type), field.type, [field.name])
    if (lost === undefined) continue
    const { path, name, candidates } = lost
    const column = path.join('.')
    const added = [...path, name].map(sqlName).join('.')
    throw new IceboxError('schema/mismatch', {
      message: `column '${column}' of ${table} has no field '${name}', and its values would be lost`,
      remedy: `its fields are ${candidates.map(sqlName).join(', ')}: name those only, or add the field with ALTER TABLE … ADD COLUMN ${added}`,
      context: { table, column, field: name, candidates },
    })
  }
}

interface LostField {
  readonly path: readonly string[]
  readonly name: string
  readonly candidates: readonly string[]
}

function lostField(from: DuckDbType, type: Type, path: readonly string[]): LostField | undefined {
  if (from.kind === 'list' && type.kind === 'list') return lostField(from.element, type.element, [...path, 'element'])
  if (from.kind === 'map' && type.kind === 'map') {
    return lostField(from.key, type.key, [...path, 'key']) ?? lostField(from.value, type.value, [...path, 'value'])
  }
  if (from.kind !== 'struct' || type.kind !== 'struct') return undefined
  for (const [at, { name, type: inner }] of from.fields.entries()) {
    // A row without names goes by position, and the engine refuses one of another length.
    const field =
      name === undefined
        ? type.fields[at]
        : type.fields.find((known) => known.name.toLowerCase() === name.toLowerCase())
    if (field === undefined && name !== undefined) {
      return { path, name, candidates: type.fields.map((known) => known.name) }
    }
    const lost = field === undefined ? undefined : lostField(inner, field.type, [...path, field.name])
    if (lost !== undefined) return lost
  }
  return undefined
}
