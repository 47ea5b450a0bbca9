import type { PrimitiveType, Type } from './types.ts'

const SIMPLE = [
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'timestamp_ns',
  'timestamptz_ns',
  'string',
  'uuid',
  'binary',
  'unknown',
] as const
const simpleTypes: ReadonlyMap<string, PrimitiveType> = new Map(SIMPLE.map((kind) => [kind, { kind }]))
const DECIMAL = /^decimal\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)$/
const FIXED = /^fixed\[\s*(\d{1,9})\s*\]$/

/** Types of the format that this build does not do yet; a table that has one is refused by name. */
export const UNSUPPORTED_TYPES: readonly string[] = ['variant', 'geometry', 'geography']

/** The primitive type of its text (Iceberg spec, Appendix C), or undefined. Blanks around parameters are accepted. */
export function parsePrimitiveType(text: string): PrimitiveType | undefined {
  const trimmed = text.trim()
  const simple = simpleTypes.get(trimmed)
  if (simple !== undefined) return simple
  const decimal = DECIMAL.exec(trimmed)
  if (decimal !== null) {
    const precision = Number(decimal[1])
    const scale = Number(decimal[2])
    return precision >= 1 && precision <= 38 && scale <= precision ? { kind: 'decimal', precision, scale } : undefined
  }
  const fixed = FIXED.exec(trimmed)
  return fixed === null ? undefined : { kind: 'fixed', length: Number(fixed[1]) }
}

/**
 * The text of a type: of a primitive as in JSON (`decimal(9, 2)`, `fixed[16]`), of a nested one for people
 * (`struct<1: x: required int, 2: y: optional list<string>>`).
 */
export function typeToString(type: Type): string {
  if (type.kind === 'decimal') return `decimal(${type.precision}, ${type.scale})`
  if (type.kind === 'fixed') return `fixed[${type.length}]`
  if (type.kind === 'list') return `list<${typeToString(type.element)}>`
  if (type.kind === 'map') return `map<${typeToString(type.key)}, ${typeToString(type.value)}>`
  if (type.kind !== 'struct') return type.kind
  const fields = type.fields.map(
    (field) => `${field.id}: ${field.name}: ${field.required ? 'required' : 'optional'} ${typeToString(field.type)}`,
  )
  return `struct<${fields.join(', ')}>`
}

export function isPrimitive(type: Type): type is PrimitiveType {
  return type.kind !== 'struct' && type.kind !== 'list' && type.kind !== 'map'
}

/** True for types that are the same in every part, field ids included. */
export function sameType(a: Type, b: Type): boolean {
  if (a.kind === 'struct' && b.kind === 'struct') {
    return (
      a.fields.length === b.fields.length &&
      a.fields.every((field, at) => {
        const other = b.fields[at]
        return (
          other !== undefined &&
          field.id === other.id &&
          field.name === other.name &&
          field.required === other.required &&
          sameType(field.type, other.type)
        )
      })
    )
  }
  if (a.kind === 'list' && b.kind === 'list') {
    return a.elementId === b.elementId && a.elementRequired === b.elementRequired && sameType(a.element, b.element)
  }
  if (a.kind === 'map' && b.kind === 'map') {
    return (
      a.keyId === b.keyId &&
      a.valueId === b.valueId &&
      a.valueRequired === b.valueRequired &&
      sameType(a.key, b.key) &&
      sameType(a.value, b.value)
    )
  }
  return isPrimitive(a) && isPrimitive(b) && typeToString(a) === typeToString(b)
}
