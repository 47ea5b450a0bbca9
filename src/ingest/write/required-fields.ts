import type { NestedField, Schema, Type } from '../../iceberg/index.ts'
import { quoteIdentifier, quoteText } from '../sql.ts'

/** A required field below the top level, for which the engine's files have no constraint. */
export interface RequiredField {
  readonly fieldId: number
  /** Fields below it (or itself) that have one value a row: one without nulls proves that it has none. */
  readonly leafIds: readonly number[]
  /** True for a row in which it is null while what it is in is there. */
  readonly isNullSql: string
}

type Step = { readonly field: string } | 'element' | 'key' | 'value'

/** The required fields within structs, list elements and map values. */
export function requiredFields(schema: Schema): RequiredField[] {
  const found: RequiredField[] = []
  const add = (fieldId: number, type: Type, top: string, steps: readonly Step[]): void => {
    const isRepeated = steps.some((step) => typeof step === 'string')
    const leafIds = isRepeated ? [] : leavesOf(fieldId, type)
    found.push({ fieldId, leafIds, isNullSql: isNull(quoteIdentifier(top), steps, 0) })
  }
  const walk = (type: Type, top: string, steps: readonly Step[]): void => {
    if (type.kind === 'struct') {
      for (const field of type.fields) {
        const path = [...steps, { field: field.name }]
        if (field.required) add(field.id, field.type, top, path)
        walk(field.type, top, path)
      }
    } else if (type.kind === 'list') {
      const path = [...steps, 'element' as const]
      if (type.elementRequired) add(type.elementId, type.element, top, path)
      walk(type.element, top, path)
    } else if (type.kind === 'map') {
      const path = [...steps, 'value' as const]
      if (type.valueRequired) add(type.valueId, type.value, top, path)
      walk(type.key, top, [...steps, 'key'])
      walk(type.value, top, path)
    }
  }
  for (const field of schema.fields) walk(field.type, field.name, [])
  return found
}

function leavesOf(fieldId: number, type: Type): number[] {
  if (type.kind === 'struct') return type.fields.flatMap((field: NestedField) => leavesOf(field.id, field.type))
  return type.kind === 'list' || type.kind === 'map' ? [] : [fieldId]
}

function isNull(value: string, steps: readonly Step[], depth: number): string {
  const [step, ...rest] = steps
  if (step === undefined) return `${value} IS NULL`
  const there = `${value} IS NOT NULL`
  if (typeof step === 'object') {
    return `(${there} AND ${isNull(`struct_extract(${value}, ${quoteText(step.field)})`, rest, depth)})`
  }
  const items = step === 'element' ? value : `map_${step}s(${value})`
  const item = `i${depth}`
  return `(${there} AND len(list_filter(${items}, lambda ${item}: ${isNull(item, rest, depth + 1)})) > 0)`
}
