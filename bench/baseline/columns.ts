import { type Data, DateDay, Float64, Int64, makeData, Utf8 } from 'apache-arrow'
import { compareLiterals, daysFromCivil, type Literal, type PrimitiveType } from '../../src/iceberg/index.ts'

export type ColumnKind = 'long' | 'double' | 'date' | 'string'

/** A column of a CSV file: what its values are, by the first rows. */
export interface Column {
  readonly name: string
  readonly kind: ColumnKind
}

export const ICEBERG_TYPES: Readonly<Record<ColumnKind, PrimitiveType>> = {
  long: { kind: 'long' },
  double: { kind: 'double' },
  date: { kind: 'date' },
  string: { kind: 'string' },
}

export const ARROW_TYPES = {
  long: new Int64(),
  double: new Float64(),
  date: new DateDay(),
  string: new Utf8(),
}

const PATTERNS: readonly (readonly [ColumnKind, RegExp])[] = [
  ['long', /^-?\d{1,15}$/],
  ['double', /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i],
  ['date', /^\d{4}-\d{2}-\d{2}$/],
]

/** The kinds that all sampled values of a column have; an empty value is null and says nothing. */
export function inferColumns(names: readonly string[], sample: readonly (readonly string[])[]): readonly Column[] {
  return names.map((name, at) => {
    const values = sample.map((row) => row[at] ?? '').filter((value) => value !== '')
    const found = PATTERNS.find(([, pattern]) => values.length > 0 && values.every((value) => pattern.test(value)))
    return { name, kind: found?.[0] ?? 'string' }
  })
}

/** What the statistics of a data file need of a column; a decoder keeps it while it goes. */
export interface ColumnStatistics {
  nulls: number
  low: Literal | undefined
  high: Literal | undefined
  /** False: low and high are not to be used. */
  isBounded: boolean
}

export function noStatistics(): ColumnStatistics {
  return { nulls: 0, low: undefined, high: undefined, isBounded: true }
}

const encoder = new TextEncoder()
const TWO_32 = 2 ** 32
const SURROGATE = /[\ud800-\udfff]/

/** One Arrow array of the values of a column in some rows; an empty field is null. */
export function decodeColumn(
  column: Column,
  at: number,
  rows: readonly (readonly string[])[],
  statistics: ColumnStatistics,
): Data {
  const { length } = rows
  const nullBitmap = new Uint8Array(Math.ceil(length / 64) * 8)
  let nullCount = 0
  const isNull = (value: string, row: number) => {
    if (value === '') {
      nullCount++
      return true
    }
    nullBitmap[row >> 3] = (nullBitmap[row >> 3] ?? 0) | (1 << (row & 7))
    return false
  }
  const finish = (low: Literal | undefined, high: Literal | undefined) => {
    statistics.nulls += nullCount
    if (low === undefined || high === undefined) return
    const type = ICEBERG_TYPES[column.kind]
    if (statistics.low === undefined || compareLiterals(type, low, statistics.low) < 0) statistics.low = low
    if (statistics.high === undefined || compareLiterals(type, high, statistics.high) > 0) statistics.high = high
  }
  switch (column.kind) {
    case 'long':
    case 'double':
    case 'date': {
      const values = new Float64Array(length)
      let low = Number.POSITIVE_INFINITY
      let high = Number.NEGATIVE_INFINITY
      for (let row = 0; row < length; row++) {
        const text = rows[row]?.[at] ?? ''
        if (isNull(text, row)) continue
        const value = column.kind === 'date' ? daysOf(text) : Number(text)
        if (Number.isNaN(value) || (column.kind === 'long' && !Number.isSafeInteger(value)))
          throw new Error(`column ${column.name}: '${text}' is no ${column.kind}`)
        values[row] = value
        if (value < low) low = value
        if (value > high) high = value
      }
      const isEmpty = low > high
      const literal = (value: number) => (isEmpty ? undefined : column.kind === 'long' ? BigInt(value) : value)
      finish(literal(low), literal(high))
      const common = { length, nullCount, nullBitmap }
      if (column.kind === 'double') return makeData({ type: ARROW_TYPES.double, data: values, ...common })
      if (column.kind === 'date') return makeData({ type: ARROW_TYPES.date, data: Int32Array.from(values), ...common })
      return makeData({ type: ARROW_TYPES.long, data: toInt64(values), ...common })
    }
    case 'string': {
      const valueOffsets = new Int32Array(length + 1)
      let bytes = new Uint8Array(length * 32)
      let used = 0
      let isOrdered = true
      let low: string | undefined
      let high: string | undefined
      for (let row = 0; row < length; row++) {
        const text = rows[row]?.[at] ?? ''
        if (!isNull(text, row)) {
          // UTF-8 takes at most three bytes for each unit of UTF-16.
          if (used + text.length * 3 > bytes.length) bytes = grown(bytes, used + text.length * 3)
          const { written } = encoder.encodeInto(text, bytes.subarray(used))
          used += written
          // UTF-16 and UTF-8 order texts alike but for surrogates: such a column goes without bounds.
          if (written !== text.length && SURROGATE.test(text)) isOrdered = false
          if (low === undefined || text < low) low = text
          if (high === undefined || text > high) high = text
        }
        valueOffsets[row + 1] = used
      }
      if (!isOrdered) statistics.isBounded = false
      finish(low, high)
      return makeData({
        type: ARROW_TYPES.string,
        length,
        nullCount,
        nullBitmap,
        valueOffsets,
        data: bytes.slice(0, used),
      })
    }
  }
}

/** Integers as the two words of 64 bits: BigInt of every value takes three times as long. */
function toInt64(values: Float64Array): BigInt64Array {
  const words = new Uint32Array(values.length * 2)
  for (let row = 0; row < values.length; row++) {
    const value = values[row] ?? 0
    const high = Math.floor(value / TWO_32)
    words[row * 2] = value - high * TWO_32
    words[row * 2 + 1] = high
  }
  return new BigInt64Array(words.buffer)
}

function daysOf(text: string): number {
  return daysFromCivil({
    year: Number(text.slice(0, 4)),
    month: Number(text.slice(5, 7)),
    day: Number(text.slice(8, 10)),
  })
}

function grown(bytes: Uint8Array, least: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(least, bytes.length * 2))
  larger.set(bytes)
  return larger
}
