import type { Json } from '../../base/index.ts'
import { invalidAvro } from './invalid.ts'

/** An Avro schema with names resolved and Iceberg's ids; unions are kept as they are written. */
export type AvroType =
  | {
      readonly kind: 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string'
      readonly logicalType?: string
    }
  | { readonly kind: 'fixed'; readonly size: number; readonly logicalType?: string }
  | { readonly kind: 'enum'; readonly symbols: readonly string[] }
  | { readonly kind: 'array'; readonly items: AvroType; readonly logicalType?: string }
  | { readonly kind: 'map'; readonly values: AvroType }
  | { readonly kind: 'union'; readonly branches: readonly AvroType[] }
  | AvroRecord

export interface AvroField {
  readonly name: string
  readonly fieldId: number | undefined
  readonly type: AvroType
}
export interface AvroRecord {
  readonly kind: 'record'
  readonly name: string
  readonly fields: readonly AvroField[]
}

const PRIMITIVES = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const
type Primitive = (typeof PRIMITIVES)[number]
const isPrimitiveName = (name: string): name is Primitive => PRIMITIVES.some((known) => known === name)

/** Manifests nest five levels; a deeper schema is not one. */
const MAX_DEPTH = 32

/** Parses an Avro schema (Avro 1.11 specification, "Schema Declaration"). Recursive schemas are refused. */
export function parseAvroSchema(json: Json): AvroType {
  return parse(json, '', new Map(), 0)
}

function parse(json: Json | undefined, namespace: string, names: Map<string, AvroType>, depth: number): AvroType {
  if (depth > MAX_DEPTH) throw invalidAvro(`its Avro schema nests deeper than ${MAX_DEPTH}`)
  if (typeof json === 'string') {
    if (isPrimitiveName(json)) return { kind: json }
    const named = names.get(fullName(json, namespace))
    if (named === undefined) throw invalidAvro(`its Avro schema names the type "${json}" without defining it before`)
    return named
  }
  if (Array.isArray(json)) {
    return { kind: 'union', branches: json.map((branch) => parse(branch, namespace, names, depth + 1)) }
  }
  if (typeof json !== 'object' || json === null) throw invalidAvro(`its Avro schema has ${String(json)} for a type`)
  const { type } = json
  if (typeof type !== 'string') return parse(type, namespace, names, depth + 1)
  const logical = typeof json['logicalType'] === 'string' ? { logicalType: json['logicalType'] } : {}
  if (isPrimitiveName(type)) return { kind: type, ...logical }
  if (type === 'array') return { kind: 'array', items: parse(json['items'], namespace, names, depth + 1), ...logical }
  if (type === 'map') return { kind: 'map', values: parse(json['values'], namespace, names, depth + 1) }
  if (type !== 'record' && type !== 'fixed' && type !== 'enum') return parse(type, namespace, names, depth + 1)

  const name = typeof json['name'] === 'string' ? json['name'] : ''
  const own = typeof json['namespace'] === 'string' ? json['namespace'] : namespace
  const full = fullName(name, own)
  const inner = full.includes('.') ? full.slice(0, full.lastIndexOf('.')) : ''
  const define = (defined: AvroType) => {
    names.set(full, defined)
    return defined
  }
  if (type === 'fixed') {
    const { size } = json
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0) {
      throw invalidAvro(`its Avro schema gives ${full} no size`)
    }
    return define({ kind: 'fixed', size, ...logical })
  }
  if (type === 'enum') {
    const symbols = Array.isArray(json['symbols']) ? json['symbols'] : []
    return define({ kind: 'enum', symbols: symbols.map(String) })
  }
  if (!Array.isArray(json['fields'])) throw invalidAvro(`its Avro schema gives the record ${full} no fields`)
  const fields = json['fields'].map((field) => parseField(field, inner, names, depth))
  return define({ kind: 'record', name, fields })
}

function parseField(json: Json, namespace: string, names: Map<string, AvroType>, depth: number): AvroField {
  if (typeof json !== 'object' || json === null || Array.isArray(json) || typeof json['name'] !== 'string') {
    throw invalidAvro('its Avro schema has a field without a name')
  }
  const id = json['field-id']
  return {
    name: json['name'],
    fieldId: typeof id === 'number' ? id : undefined,
    type: parse(json['type'], namespace, names, depth + 1),
  }
}

function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}
