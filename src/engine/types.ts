import { type Binding, type LogicalType, TYPE } from './binding.ts'

/** A result column's type, read once from DuckDB's handle. */
export type EngineType =
  | { readonly id: number; readonly kind: 'plain' }
  | {
      readonly id: number
      readonly kind: 'decimal'
      readonly width: number
      readonly scale: number
      readonly storage: number
    }
  | { readonly id: number; readonly kind: 'enum'; readonly members: readonly string[]; readonly storage: number }
  | { readonly id: number; readonly kind: 'list'; readonly element: EngineType }
  | { readonly id: number; readonly kind: 'array'; readonly element: EngineType; readonly length: number }
  | { readonly id: number; readonly kind: 'map'; readonly key: EngineType; readonly value: EngineType }
  | {
      readonly id: number
      readonly kind: 'struct' | 'union'
      readonly fields: readonly { readonly name: string; readonly type: EngineType }[]
    }

/** Reads a type with all that hangs below it. */
export function readType(binding: Binding, handle: LogicalType): EngineType {
  const id: number = binding.get_type_id(handle)
  switch (id) {
    case TYPE.DECIMAL:
      return {
        id,
        kind: 'decimal',
        width: binding.decimal_width(handle),
        scale: binding.decimal_scale(handle),
        storage: binding.decimal_internal_type(handle),
      }
    case TYPE.ENUM: {
      const members = Array.from({ length: binding.enum_dictionary_size(handle) }, (_, at) =>
        binding.enum_dictionary_value(handle, at),
      )
      return { id, kind: 'enum', members, storage: binding.enum_internal_type(handle) }
    }
    case TYPE.LIST:
      return { id, kind: 'list', element: readType(binding, binding.list_type_child_type(handle)) }
    case TYPE.ARRAY:
      return {
        id,
        kind: 'array',
        element: readType(binding, binding.array_type_child_type(handle)),
        length: binding.array_type_array_size(handle),
      }
    case TYPE.MAP:
      return {
        id,
        kind: 'map',
        key: readType(binding, binding.map_type_key_type(handle)),
        value: readType(binding, binding.map_type_value_type(handle)),
      }
    case TYPE.STRUCT: {
      const fields = Array.from({ length: binding.struct_type_child_count(handle) }, (_, at) => ({
        name: binding.struct_type_child_name(handle, at),
        type: readType(binding, binding.struct_type_child_type(handle, at)),
      }))
      return { id, kind: 'struct', fields }
    }
    case TYPE.UNION: {
      const fields = Array.from({ length: binding.union_type_member_count(handle) }, (_, at) => ({
        name: binding.union_type_member_name(handle, at),
        type: readType(binding, binding.union_type_member_type(handle, at)),
      }))
      return { id, kind: 'union', fields }
    }
    default:
      return { id, kind: 'plain' }
  }
}

/** False of a struct that is a row: `row(1, 2)`, `(a, b)`. DuckDB tells by the first name too. */
export function hasNames(fields: readonly { readonly name: string }[]): boolean {
  return fields[0]?.name !== ''
}

const NAMES: Readonly<Record<number, string>> = {
  ...Object.fromEntries(Object.entries(TYPE).map(([name, id]) => [id, name])),
  [TYPE.TIME_TZ]: 'TIME WITH TIME ZONE',
  [TYPE.TIMESTAMP_TZ]: 'TIMESTAMP WITH TIME ZONE',
  [TYPE.SQLNULL]: '"NULL"',
}

/** DuckDB's own text of a type, as DESCRIBE and `typeof` print it. */
export function typeText(type: EngineType): string {
  switch (type.kind) {
    case 'plain':
      return NAMES[type.id] ?? `TYPE ${type.id}`
    case 'decimal':
      return `DECIMAL(${type.width},${type.scale})`
    case 'enum':
      return `ENUM(${type.members.map((member) => `'${member.replaceAll("'", "''")}'`).join(', ')})`
    case 'list':
      return `${typeText(type.element)}[]`
    case 'array':
      return `${typeText(type.element)}[${type.length}]`
    case 'map':
      return `MAP(${typeText(type.key)}, ${typeText(type.value)})`
    case 'struct':
    case 'union': {
      const isNameless = type.kind === 'struct' && !hasNames(type.fields)
      const fields = type.fields.map((field) =>
        isNameless ? typeText(field.type) : `${quoteIfNeeded(field.name)} ${typeText(field.type)}`,
      )
      return `${type.kind.toUpperCase()}(${fields.join(', ')})`
    }
  }
}

function quoteIfNeeded(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}
