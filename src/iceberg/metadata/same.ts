import type { PartitionField, PartitionSpec, Schema, SortOrder, Transform } from '../spec/types.ts'

/** True when two values are structurally equal: plain objects, arrays, bytes, primitives. Key order does not matter. */
function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const left = Object.entries(a).filter(([, value]) => value !== undefined)
  const right = new Map<string, unknown>(Object.entries(b).filter(([, value]) => value !== undefined))
  return left.length === right.size && left.every(([key, value]) => right.has(key) && sameValue(value, right.get(key)))
}

/** Equal but for the schema id: then the historic id is used again. */
export function sameSchema(a: Schema, b: Schema): boolean {
  return (
    sameValue(a.fields, b.fields) &&
    sameValue([...a.identifierFieldIds].sort(byNumber), [...b.identifierFieldIds].sort(byNumber))
  )
}

export function sameTransform(a: Transform, b: Transform): boolean {
  return sameValue(a, b)
}

/** Equal in what they do: sources, transforms, names and field ids in order; the spec id does not matter. */
export function sameSpec(a: PartitionSpec, b: PartitionSpec): boolean {
  return a.fields.length === b.fields.length && a.fields.every((field, at) => sameField(field, b.fields[at]))
}

function sameField(a: PartitionField, b: PartitionField | undefined): boolean {
  return (
    b !== undefined &&
    a.fieldId === b.fieldId &&
    a.name === b.name &&
    sameValue(a.sourceIds, b.sourceIds) &&
    sameTransform(a.transform, b.transform)
  )
}

export function sameSortOrder(a: SortOrder, b: SortOrder): boolean {
  return sameValue(a.fields, b.fields)
}

function byNumber(a: number, b: number): number {
  return a - b
}
