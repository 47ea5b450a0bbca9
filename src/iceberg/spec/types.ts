/** Types of the format (Iceberg spec, "Schemas and Data Types"). Pure values; the wire forms are in ../json. */

export type PrimitiveType =
  | { readonly kind: 'boolean' | 'int' | 'long' | 'float' | 'double' }
  | { readonly kind: 'date' | 'time' | 'timestamp' | 'timestamptz' | 'timestamp_ns' | 'timestamptz_ns' }
  | { readonly kind: 'string' | 'uuid' | 'binary' | 'unknown' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'fixed'; readonly length: number }

export interface StructType {
  readonly kind: 'struct'
  readonly fields: readonly NestedField[]
}
export interface ListType {
  readonly kind: 'list'
  readonly elementId: number
  readonly element: Type
  readonly elementRequired: boolean
}
export interface MapType {
  readonly kind: 'map'
  readonly keyId: number
  readonly key: Type
  readonly valueId: number
  readonly value: Type
  readonly valueRequired: boolean
}
export type Type = PrimitiveType | StructType | ListType | MapType

export interface NestedField {
  readonly id: number
  readonly name: string
  readonly type: Type
  readonly required: boolean
  readonly doc?: string
  /** v3: the value of rows written before the field was added. */
  readonly initialDefault?: Literal
  /** v3: the value that writers use where none is given. */
  readonly writeDefault?: Literal
  /** Keys that this build does not know, kept as read (invariant I2). */
  readonly extra?: Readonly<Record<string, unknown>>
}

/**
 * A single value. boolean: boolean; int, date (days from 1970): number; float, double: number;
 * long, time (microseconds), timestamp and timestamptz (microseconds from 1970), *_ns (nanoseconds): bigint;
 * decimal: the unscaled bigint; string: string; uuid, fixed, binary: bytes (uuid: 16).
 */
export type Literal = boolean | number | bigint | string | Uint8Array

export interface Schema {
  readonly schemaId: number
  readonly fields: readonly NestedField[]
  readonly identifierFieldIds: readonly number[]
  /** Keys that this build does not know, kept as read (invariant I2). */
  readonly extra?: Readonly<Record<string, unknown>>
}

/** Iceberg spec, "Partition Transforms". A transform that is not known keeps its text: ignored for pruning, refused for writing. */
export type Transform =
  | { readonly kind: 'identity' | 'year' | 'month' | 'day' | 'hour' | 'void' }
  | { readonly kind: 'bucket'; readonly buckets: number }
  | { readonly kind: 'truncate'; readonly width: number }
  | { readonly kind: 'unknown'; readonly text: string }

export interface PartitionField {
  readonly fieldId: number
  /** More than one only in v3 multi-argument transforms, which are kept and never written by us. */
  readonly sourceIds: readonly number[]
  readonly name: string
  readonly transform: Transform
  /** Keys that this build does not know, kept as read (invariant I2). */
  readonly extra?: Readonly<Record<string, unknown>>
}
export interface PartitionSpec {
  readonly specId: number
  readonly fields: readonly PartitionField[]
  /** Keys that this build does not know, kept as read (invariant I2). */
  readonly extra?: Readonly<Record<string, unknown>>
}

export interface SortField {
  readonly sourceIds: readonly number[]
  readonly transform: Transform
  readonly direction: 'asc' | 'desc'
  readonly nullOrder: 'nulls-first' | 'nulls-last'
  /** Keys that this build does not know, kept as read (invariant I2). */
  readonly extra?: Readonly<Record<string, unknown>>
}
export interface SortOrder {
  readonly orderId: number
  readonly fields: readonly SortField[]
  /** Keys that this build does not know, kept as read (invariant I2). */
  readonly extra?: Readonly<Record<string, unknown>>
}

/** Values in the order of the spec's fields; null where the partition value is null. */
export type PartitionTuple = readonly (Literal | null)[]
