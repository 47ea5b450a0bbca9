import { crc32 } from 'node:zlib'
import {
  formatBytes,
  IceboxError,
  isIceboxError,
  messageOf,
  nearestNames,
  shownValue,
  didYouMean,
} from '../../base/index.ts'
import { type Schema, typeToString } from '../../iceberg/index.ts'
import type { Lease } from '../../memory/index.ts'
import { refuseNamesakes } from '../types/namesakes.ts'
import { encoderOf, type EncodeValue, isMissing } from './encode-value.ts'
import { type EncodedRows, HeldRows, leaseText, PassingRows, releaseAll, type RowBuffers } from './encoded-rows.ts'
import { INHERITED, isPlain, isRecord, type NamedValues, RecordName, unknownName } from './record.ts'

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
    readonly name: RecordName
    readonly type: string
    readonly start: string
    readonly required: boolean
    readonly encode: EncodeValue
  }[]
  /** Names of a row that all are columns: most rows of an append have the same. */
  #checked: readonly string[] = []

  /** `mostRowBytes`: a longer row could be kept, but not be read again within the budget. */
  constructor(schema: Schema, mostRowBytes: number) {
    refuseNamesakes(schema)
    this.schema = schema
    this.#mostRowBytes = Math.min(mostRowBytes, MAX_APPEND_BYTES)
    this.#names = new Set(schema.fields.map((field) => field.name))
    this.#columns = schema.fields.map((field) => ({
      name: new RecordName(field.name),
      type: typeToString(field.type),
      start: `"${field.id}":`,
      required: field.required,
      encode: encoderOf(field.type),
    }))
  }

  /**
   * Throws `source/row` naming row (from 0), column, value and rule, `usage/invalid` for what is no array and for more than
   * {@link MAX_APPEND_BYTES}, `memory/refused` where there is no buffer; then nothing is held.
   */
  encode(rows: readonly unknown[], into: RowBuffers): EncodedRows {
    checkRows(rows)
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

  /** CRC-32 of the rows as {@link encode} counts it; undefined where a row does not fit. */
  checksum(rows: readonly unknown[]): number | undefined {
    let crc = 0
    try {
      for (const { text } of this.#texts(rows)) crc = crc32(text, crc)
      return crc
    } catch (error) {
      if (isIceboxError(error, 'source/row')) return undefined
      throw error
    }
  }

  /** The lines, several together. */
  *#texts(rows: readonly unknown[]): Generator<{ readonly text: string; readonly longestLine: number }, void> {
    let text = ''
    let longestLine = 0
    for (const [at, row] of rows.entries()) {
      const line = this.#line(row, at)
      longestLine = Math.max(longestLine, line.length)
      text += line
      if (text.length < PIECE_CHARACTERS) continue
      yield { text, longestLine }
      text = ''
    }
    if (text !== '') yield { text, longestLine }
  }

  #line(row: unknown, at: number): string {
    try {
      return this.#row(row, at)
    } catch (error) {
      // A getter of the row, or a buffer that was given away.
      throw isIceboxError(error) ? error : badRow(at, `row ${at} cannot be read: ${messageOf(error)}`, {})
    }
  }

  #row(row: unknown, at: number): string {
    if (!isRecord(row)) {
      throw badRow(at, `row ${at} is ${shownValue(row)}, not an object with a value for each column`, {
        value: shownValue(row),
      })
    }
    const isPlainRow = isPlain(row)
    let line = '{'
    for (const { name, start, required, type, encode } of this.#columns) {
      const value = name.read(row, isPlainRow)
      if (isMissing(value)) {
        if (required) throw this.#missing(at, name.text, row)
        continue
      }
      if (value === INHERITED) throw inherited(at, name.text)
      if (this.#isTooLong(value)) throw this.#tooLong(at, name.text)
      const text = encode(value)
      if (typeof text !== 'string') {
        throw badRow(
          at,
          `row ${at}, column '${name.text}${text.path}': ${shownValue(text.value)} ${text.rule} (the column is ${type})`,
          { column: name.text, value: shownValue(text.value), expected: type, rule: text.rule },
        )
      }
      line += (line === '{' ? '' : ',') + start + text
      if (this.#isTooLong(line)) throw this.#tooLong(at, name.text)
    }
    this.#checkNames(row, at)
    return `${line}}\n`
  }

  #checkNames(row: NamedValues, at: number): void {
    const names = Object.keys(row)
    const checked = this.#checked
    if (names.length === checked.length && names.every((name, index) => name === checked[index])) return
    const unknown = unknownName(row, names, this.#names)
    if (unknown !== undefined) throw this.#unknown(at, unknown)
    if (names.every((name) => this.#names.has(name))) this.#checked = names
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
      didYouMean(near) ?? 'leave it out, or add the column with ALTER TABLE',
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

function inherited(at: number, column: string): IceboxError {
  return badRow(
    at,
    `row ${at}, column '${column}': its value is of the row's class, not of the row`,
    { column },
    `give objects that own their values: { ${column}: row.${column} }`,
  )
}

/** A string or a `Set` has entries, too, and other ones. */
function checkRows(rows: unknown): void {
  if (Array.isArray(rows)) return
  throw new IceboxError('usage/invalid', {
    message: `append was given ${shownValue(rows)}, not an array of rows`,
    remedy: arrayOf(rows),
    context: { value: shownValue(rows) },
  })
}

function arrayOf(rows: unknown): string {
  if (typeof rows === 'object' && rows !== null && Symbol.iterator in rows) return 'write append([...rows])'
  if (isRecord(rows) && !(Symbol.asyncIterator in rows)) return 'write append([row])'
  return 'give an array of objects, each with values by column name'
}

function tooLarge(rows: number): IceboxError {
  return new IceboxError('usage/invalid', {
    message: `an append of ${rows} rows is larger than ${formatBytes(MAX_APPEND_BYTES)}`,
    remedy: 'append fewer rows at a time',
    context: { rows, limitBytes: MAX_APPEND_BYTES },
  })
}
