import { isPrimitive, type Type, typeToString } from '../../iceberg/index.ts'
import { acceptsText, checkedCast } from '../inspect/checked-cast.ts'
import { quoteIdentifier } from '../sql.ts'
import { SHOWN_VALUE_CHARACTERS } from './bad-values.ts'
import type { ColumnMapping, JsonDescription, JsonShape } from './description.ts'
import { isMapText, mapEntries, type MapType, takesObjects } from './json-maps.ts'
import { ruleOf } from './value-rule.ts'

/** A column of the objects, and SQL of the text of its first value that does not fit: NULL where all do. */
interface JudgedColumn {
  readonly column: ColumnMapping
  readonly misfit: string
  /** True where a required column is NULL, as `misfit` does not say. */
  readonly isMissing: string | undefined
  /** What is to be said of a value; null: there is none. */
  readonly ruleOf: (value: string | null) => string
}

/** The columns that may hold something that does not fit; `prefix` stands before their names in SQL. */
export function judgedColumns(
  description: JsonDescription,
  mapping: readonly ColumnMapping[],
  prefix: string,
): JudgedColumn[] {
  return mapping.flatMap((column) => {
    const shape = description.shape.fields.find((field) => field.name === column.source)?.shape
    if (shape === undefined) return []
    const value = `${prefix}${quoteIdentifier(column.source)}`
    const misfit = misfitOf(column.type, shape, value, column, 0)
    const isMissing = column.isRequired === true ? `${value} IS NULL` : undefined
    if (misfit === undefined && isMissing === undefined) return []
    const nested = `does not fit into ${typeToString(column.type)}`
    const rule = (text: string | null): string =>
      text === null || (shape.kind === 'leaf' && isPrimitive(column.type)) ? ruleOf(column, text) : nested
    return [{ column, misfit: misfit ?? 'NULL::VARCHAR', isMissing, ruleOf: rule }]
  })
}

/** SQL of a verdict as `badRows` wants it: NULL, or the place of the first column that does not fit and the value. */
export function jsonVerdict(columns: readonly JudgedColumn[]): string {
  const cases = columns.flatMap(({ misfit, isMissing }, at) => [
    ...(isMissing === undefined ? [] : [`WHEN ${isMissing} THEN '${at}'`]),
    `WHEN ${misfit} IS NOT NULL THEN '${at} ' || left(${misfit}, ${SHOWN_VALUE_CHARACTERS})`,
  ])
  return cases.length === 0 ? 'NULL::VARCHAR' : `CASE ${cases.join(' ')} END`
}

/** SQL of whether a column is as the table wants it. */
export function isSound({ misfit, isMissing }: JudgedColumn): string {
  return isMissing === undefined ? `${misfit} IS NULL` : `NOT (${isMissing}) AND ${misfit} IS NULL`
}

/** Undefined where everything fits. */
function misfitOf(
  type: Type,
  shape: JsonShape,
  value: string,
  column: ColumnMapping,
  depth: number,
): string | undefined {
  if (type.kind === 'struct' && shape.kind === 'struct') {
    const fields = type.fields.flatMap((field) => {
      const below = shape.fields.find((some) => some.name.toLowerCase() === field.name.toLowerCase())
      if (below === undefined) return []
      return misfitOf(field.type, below.shape, `${value}.${quoteIdentifier(below.name)}`, column, depth) ?? []
    })
    return fields.length === 0 ? undefined : `coalesce(${fields.join(', ')})`
  }
  if (type.kind === 'list' && shape.kind === 'list') {
    const item = `b${depth}`
    const below = misfitOf(type.element, shape.element, item, column, depth + 1)
    if (below === undefined) return undefined
    return `list_filter(list_transform(${value}, lambda ${item}: ${below}), lambda b: b IS NOT NULL)[1]`
  }
  if (takesObjects(type)) return mapMisfit(type, value, column, depth)
  if (!isPrimitive(type)) return `CAST(${value} AS VARCHAR)`
  const fits = acceptsText(checkedCast(type, value, { ...column, isJson: true }), value)
  return fits === 'true' ? undefined : `CASE WHEN NOT ${fits} THEN ${value} END`
}

/** Text that is no object, or the first of its values that does not fit. */
function mapMisfit(type: MapType, text: string, column: ColumnMapping, depth: number): string {
  const entry = `w${depth}`
  const fits = acceptsText(checkedCast(type.value, `${entry}.v`, { ...column, isJson: true }), `${entry}.v`)
  const isMissing = type.valueRequired ? `${entry}.v IS NULL` : 'false'
  const isBad = fits === 'true' ? isMissing : `(${isMissing} OR NOT ${fits})`
  const bad = `list_filter(${mapEntries(type, text, depth)}, lambda ${entry}: ${isBad})[1]`
  const first =
    isBad === 'false' ? 'NULL' : `list_transform([${bad}], lambda x: x.k || ': ' || coalesce(x.v, 'null'))[1]`
  return `CASE WHEN ${text} IS NULL THEN NULL WHEN NOT ${isMapText(text)} THEN ${text} ELSE ${first} END`
}
