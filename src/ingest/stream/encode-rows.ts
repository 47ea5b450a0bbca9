import { crc32 } from 'node:zlib'
import { formatBytes, IceboxError, nearestNames } from '../../base/index.ts'
import { type Schema, typeToString } from '../../iceberg/index.ts'
import type { Lease } from '../../memory/index.ts'
import { encoderOf, type EncodeValue, isMissing, isRecord } from './encode-value.ts'
import { type EncodedRows, HeldRows, leaseText, PassingRows, releaseAll, type RowBuffers } from './encoded-rows.ts'

/** What one append may hold. It is kept as a whole or not at all. */
export const MAX_APPEND_BYTES = 64_000_000
/** Larger ones are encoded twice rather than held in memory. */
const MOST_HELD_BYTES = 4_000_000
/** Text is turned into bytes in pieces of about this many characters: strings so short die young in V8's heap. */
const PIECE_CHARACTERS = 1 << 16

/** Checks rows against a schema and writes them down. Made once for a schema, used for every append. */
export class RowEncoder {
  readonly schema: Schema
  readonly #mostRowBytes: number
  readonly #names: ReadonlySet<string>
  readonly #columns: readonly {
    readonly name: string
    readonly type: string
    readonly start: string
    readonly required: boolean
    readonly encode: EncodeValue
  }[]

  /** `mostRowBytes`: a longer row could be kept, but not be read again within the budget. */
  constructor(schema: Schema, mostRowBytes: number) {
    this.schema = schema
    this.#mostRowBytes = Math.min(mostRowBytes, MAX_APPEND_BYTES)
    this.#names = new Set(schema.fields.map((field) => field.name))
    this.#columns = schema.fields.map((field) => ({
      name: field.name,
      type: typeToString(field.type),
      start: `"${field.id}":`,
      required: field.required,
      encode: encoderOf(field.type),
    }))
  }

  /**
   * Throws `source/row` naming row (from 0), column, value and rule, `usage/invalid` for more than
   * {@link MAX_APPEND_BYTES}, `memory/refused` where there is no buffer; then nothing is held.
   */
  encode(rows: readonly unknown[], into: RowBuffers): EncodedRows {
    const leases: Lease[] = []
    let largest = 0
    let bytes = 0
    let longest = 0
    let crc = 0
    try {
      for (const { text, longestLine } of this.#texts(rows)) {
        const size = Buffer.byteLength(text)
        bytes += size
        if (bytes > MAX_APPEND_BYTES) throw tooLarge(rows.length)
        largest = Math.max(largest, size)
        longest = Math.max(longest, longestLine)
        crc = crc32(text, crc)
        if (bytes <= MOST_HELD_BYTES) leases.push(leaseText(text, size, into))
        else releaseAll(leases.splice(0))
      }
      // At most three bytes a UTF-16 unit; the exact length is not worth a second pass.
      const count = { rows: rows.length, bytes, longest: Math.min(longest * 3, bytes), crc }
      if (bytes <= MOST_HELD_BYTES) return new HeldRows(count, leases)
      return new PassingRows(count, largest, () => this.#texts(rows), into)
    } catch (error) {
      releaseAll(leases)
      throw error
    }
  }

  /** The lines, several together. */
  *#texts(rows: readonly unknown[]): Generator<{ readonly text: string; readonly longestLine: number }, void> {
    let text = ''
    let longestLine = 0
    for (const [at, row] of rows.entries()) {
      const line = this.#row(row, at)
      longestLine = Math.max(longestLine, line.length)
      text += line
      if (text.length < PIECE_CHARACTERS) continue
      yield { text, longestLine }
      text = ''
    }
    if (text !== '') yield { text, longestLine }
  }

  #row(row: unknown, at: number): string {
    if (!isRecord(row)) throw badRow(at, `row ${at} is not an object with a value for each column`, {})
    let line = '{'
    let used = 0
    for (const column of this.#columns) {
      const value = row[column.name]
      if (value !== undefined) used++
      if (isMissing(value)) {
        if (column.required) throw this.#missing(at, column.name, row)
        continue
      }
      if (this.#isTooLong(value)) throw this.#tooLong(at, column.name)
      const text = column.encode(value)
      if (typeof text !== 'string') {
        throw badRow(
          at,
          `row ${at}, column '${column.name}${text.path}': ${shown(text.value)} ${text.rule} (the column is ${column.type})`,
          { column: column.name, value: shown(text.value), expected: column.type, rule: text.rule },
        )
      }
      line += (line === '{' ? '' : ',') + column.start + text
      if (this.#isTooLong(line)) throw this.#tooLong(at, column.name)
    }
    // Counted first: names are looked up one by one only where something is left over.
    const names = Object.keys(row)
    if (names.length > used) for (const name of names) if (!this.#names.has(name)) throw this.#unknown(at, name)
    return `${line}}\n`
  }

  #isTooLong(value: unknown): boolean {
    if (typeof value === 'string') return value.length > this.#mostRowBytes
    return value instanceof Uint8Array && value.length > this.#mostRowBytes
  }

  #tooLong(at: number, column: string): IceboxError {
    const most = formatBytes(this.#mostRowBytes)
    return badRow(
      at,
      `row ${at}, column '${column}': the row takes more than ${most} as text`,
      { column, limitBytes: this.#mostRowBytes },
      this.#mostRowBytes < MAX_APPEND_BYTES
        ? 'raise performance.memory.max_usage: a row may take a 48th of it'
        : 'keep such values in files of their own, and their paths in the table',
    )
  }

  #unknown(at: number, name: string): IceboxError {
    const near = nearestNames(name, [...this.#names])
    return badRow(
      at,
      `row ${at}: the table has no column '${name}'`,
      { column: name },
      near.length > 0 ? `did you mean ${near.join(' or ')}?` : 'leave it out, or add the column with ALTER TABLE',
    )
  }

  #missing(at: number, name: string, row: Readonly<Record<string, unknown>>): IceboxError {
    const near = nearestNames(
      name,
      Object.keys(row).filter((other) => !this.#names.has(other)),
    )
    return badRow(
      at,
      `row ${at}: the required column '${name}' has no value`,
      { column: name, value: null },
      near.length > 0 ? `rename ${near.join(' or ')}` : 'give it a value, or make the column optional',
    )
  }
}

function badRow(
  row: number,
  message: string,
  context: Record<string, string | number | null>,
  remedy = 'mend the row: nothing of this append was kept',
): IceboxError {
  return new IceboxError('source/row', { message, remedy, context: { row, ...context } })
}

function tooLarge(rows: number): IceboxError {
  return new IceboxError('usage/invalid', {
    message: `an append of ${rows} rows is larger than ${formatBytes(MAX_APPEND_BYTES)}`,
    remedy: 'append fewer rows at a time',
    context: { rows, limitBytes: MAX_APPEND_BYTES },
  })
}

const SHOWN_CHARACTERS = 200

function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, SHOWN_CHARACTERS)}'`
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString()
  if (typeof value === 'object' && value !== null) return `a value of the kind ${value.constructor?.name ?? 'object'}`
  return String(value)
}
