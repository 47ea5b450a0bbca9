import { crc32 } from 'node:zlib'
import { formatBytes, IceboxError, nearestNames } from '../../base/index.ts'
import { type Schema, typeToString } from '../../iceberg/index.ts'
import { encoderOf, type EncodeValue, isMissing, isRecord } from './encode-value.ts'

/** Rows of one append as they are written into the spool. */
export interface EncodedRows {
  /** NDJSON: an object a line, members by field id; NULL is left out. */
  readonly body: Uint8Array
  readonly rows: number
  readonly longest: number
  readonly crc: number
}

/** What one append may hold: it is in memory as a whole, since it is kept as a whole or not at all. */
export const MAX_APPEND_BYTES = 64_000_000
/** Text is turned into bytes in pieces of about this many characters. */
const PIECE_CHARACTERS = 1 << 20

/** Checks rows against a schema and writes them down. Made once for a schema, used for every append. */
export class RowEncoder {
  readonly schema: Schema
  readonly #names: ReadonlySet<string>
  readonly #columns: readonly {
    readonly name: string
    readonly type: string
    readonly start: string
    readonly required: boolean
    readonly encode: EncodeValue
  }[]

  constructor(schema: Schema) {
    this.schema = schema
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
   * Rejects `source/row` naming row (from 0), column, value and rule, and `usage/invalid` for more than
   * {@link MAX_APPEND_BYTES}.
   */
  encode(rows: readonly unknown[]): EncodedRows {
    const pieces: Buffer[] = []
    let text = ''
    let bytes = 0
    let longest = 0
    const flush = () => {
      const piece = Buffer.from(text)
      pieces.push(piece)
      bytes += piece.length
      text = ''
      if (bytes > MAX_APPEND_BYTES) throw tooLarge(rows.length)
    }
    for (const [at, row] of rows.entries()) {
      const line = this.#row(row, at)
      // At most three bytes a UTF-16 unit; the exact length is not worth a second pass.
      longest = Math.max(longest, line.length * 3)
      text += line
      if (text.length >= PIECE_CHARACTERS) flush()
    }
    flush()
    const body = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
    return { body, rows: rows.length, longest: Math.min(longest, body.length), crc: crc32(body) }
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
      const text = column.encode(value)
      if (typeof text !== 'string') {
        throw badRow(
          at,
          `row ${at}, column '${column.name}${text.path}': ${shown(text.value)} ${text.rule} (the column is ${column.type})`,
          { column: column.name, value: shown(text.value), expected: column.type, rule: text.rule },
        )
      }
      line += (line === '{' ? '' : ',') + column.start + text
    }
    // Counted first: names are looked up one by one only where something is left over.
    const names = Object.keys(row)
    if (names.length > used) for (const name of names) if (!this.#names.has(name)) throw this.#unknown(at, name)
    return `${line}}\n`
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
  context: Record<string, string | null>,
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
