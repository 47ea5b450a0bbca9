import { IceboxError } from '../base/index.ts'
import { ARROW, type ArrowType } from './arrow-data.ts'
import { TYPE } from './binding.ts'

/** Bytes of a value of the types that Arrow stores as DuckDB does. */
export const SAME_WIDTHS: Readonly<Record<number, number>> = {
  [TYPE.TINYINT]: 1,
  [TYPE.UTINYINT]: 1,
  [TYPE.SMALLINT]: 2,
  [TYPE.USMALLINT]: 2,
  [TYPE.INTEGER]: 4,
  [TYPE.UINTEGER]: 4,
  [TYPE.FLOAT]: 4,
  [TYPE.DATE]: 4,
  [TYPE.BIGINT]: 8,
  [TYPE.UBIGINT]: 8,
  [TYPE.DOUBLE]: 8,
  [TYPE.TIME]: 8,
  [TYPE.TIME_NS]: 8,
  [TYPE.TIMESTAMP]: 8,
  [TYPE.TIMESTAMP_S]: 8,
  [TYPE.TIMESTAMP_MS]: 8,
  [TYPE.TIMESTAMP_NS]: 8,
  [TYPE.TIMESTAMP_TZ]: 8,
}

/** Units of timestamps in Arrow, by number: seconds, milliseconds, microseconds, nanoseconds. */
const TIMESTAMPS = ['TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP', 'TIMESTAMP_NS'] as const
const FLOATS: readonly (string | undefined)[] = [undefined, 'FLOAT', 'DOUBLE']
/** Values of a dictionary that are written by its codes. */
const DICTIONARY_VALUES: readonly number[] = [
  ARROW.UTF8,
  ARROW.LARGE_UTF8,
  ARROW.BINARY,
  ARROW.LARGE_BINARY,
  ARROW.FIXED_SIZE_BINARY,
]
/** Types of apache-arrow without a partner, by number. */
const OTHERS: Readonly<Record<number, string>> = {
  11: 'an interval',
  14: 'a union',
  18: 'a duration',
  21: 'a large list',
  23: 'a view of bytes',
  24: 'a view of text',
}

/** Where Arrow's type has several partners. */
export interface ArrowTypeChoices {
  /** Default INTEGER, as DuckDB has it. */
  readonly ofNull?: string
  /** Default TIME_NS; as TIME, one with nanoseconds is refused when it comes. */
  readonly ofTimeNs?: string
  /** Default true; else lists of a fixed size are lists. */
  readonly hasArrays?: boolean
}

/**
 * The SQL type of a table column that {@link EngineSession.appendArrow} fills from this apache-arrow type.
 * Rejects `schema/unsupported-type` for half floats, unions, intervals, durations, views, decimals of other widths than 128
 * bits, and dictionaries of values that are neither text nor bytes.
 */
export function arrowSqlType(type: ArrowType, choices: ArrowTypeChoices = {}): string {
  const { typeId } = type
  const typeOf = (inner: ArrowType) => arrowSqlType(inner, choices)
  switch (typeId) {
    case ARROW.NULL:
      return choices.ofNull ?? 'INTEGER'
    case ARROW.INT:
      return integerType(type)
    case ARROW.FLOAT:
      return FLOATS[type.precision ?? 0] ?? refuse('a 16-bit float')
    case ARROW.BOOL:
      return 'BOOLEAN'
    case ARROW.DECIMAL:
      if (type.bitWidth !== undefined && type.bitWidth !== 128) return refuse(`a decimal of ${type.bitWidth} bits`)
      return `DECIMAL(${type.precision},${type.scale})`
    case ARROW.UTF8:
    case ARROW.LARGE_UTF8:
      return 'VARCHAR'
    case ARROW.BINARY:
    case ARROW.LARGE_BINARY:
    case ARROW.FIXED_SIZE_BINARY:
      return 'BLOB'
    case ARROW.DATE:
      return 'DATE'
    case ARROW.TIME:
      return type.unit === 3 ? (choices.ofTimeNs ?? 'TIME_NS') : 'TIME'
    case ARROW.TIMESTAMP: {
      const name = TIMESTAMPS[type.unit ?? 2] ?? refuse(`a timestamp of unit ${type.unit}`)
      // With a zone DuckDB has microseconds only: nanoseconds between two of them are refused when they come.
      return type.timezone === undefined || type.timezone === null || type.timezone === '' ? name : 'TIMESTAMPTZ'
    }
    case ARROW.LIST:
      return `${typeOf(child(type, 0).type)}[]`
    case ARROW.FIXED_SIZE_LIST:
      return `${typeOf(child(type, 0).type)}[${choices.hasArrays === false ? '' : type.listSize}]`
    case ARROW.STRUCT: {
      const fields = (type.children ?? []).map((field) => `${quote(field.name)} ${typeOf(field.type)}`)
      return `STRUCT(${fields.join(', ')})`
    }
    case ARROW.MAP: {
      const entries = child(type, 0).type
      return `MAP(${typeOf(child(entries, 0).type)}, ${typeOf(child(entries, 1).type)})`
    }
    default:
      if (type.dictionary === undefined) return refuse(OTHERS[typeId] ?? `the Arrow type number ${typeId}`)
      return DICTIONARY_VALUES.includes(type.dictionary.typeId)
        ? typeOf(type.dictionary)
        : refuse(`a dictionary of values that are neither text nor bytes (${typeOf(type.dictionary)})`)
  }
}

function integerType(type: ArrowType): string {
  const names =
    type.isSigned === false
      ? ['UTINYINT', 'USMALLINT', 'UINTEGER', 'UBIGINT']
      : ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT']
  return names[Math.log2((type.bitWidth ?? 32) / 8)] ?? refuse(`an integer of ${type.bitWidth} bits`)
}

function child(type: ArrowType, at: number): { readonly name: string; readonly type: ArrowType } {
  return type.children?.[at] ?? refuse(`the Arrow type ${type.typeId} without its child ${at}`)
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function refuse(what: string): never {
  throw new IceboxError('schema/unsupported-type', {
    message: `${what} has no partner among the engine's types`,
    remedy: 'convert the column before importing it, or write the data as Parquet',
  })
}
