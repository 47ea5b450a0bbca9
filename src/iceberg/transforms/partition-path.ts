import { partitionType } from '../spec/partition.ts'
import { isPrimitive } from '../spec/type-text.ts'
import type { Literal, PartitionSpec, PartitionTuple, PrimitiveType, Schema, Transform } from '../spec/types.ts'
import { formatDate, formatLiteral, formatYear } from '../values/index.ts'
import { murmur3 } from './murmur3.ts'

/** File systems take names of 255 bytes; what is cut off is replaced by its hash. */
const MAX_SEGMENT = 200

/** How the null partition is written. */
const NULL = 'null'

/**
 * The folder of a partition below `data/`, as Java names it: `ts_month=2017-11/name=a%2Fb`. Names and values are escaped
 * so that a segment holds only letters, digits and `._-+%`. Void fields appear as `null`, and so does the text `null`: paths
 * are for people, and nothing reads values out of them.
 */
export function partitionPath(spec: PartitionSpec, schema: Schema, tuple: PartitionTuple): string {
  return segments(spec, schema, tuple, NULL)
}

/** As {@link partitionPath}, but other for every partition of the spec that is another one: the text `null` is `'null'`. */
export function partitionLabel(spec: PartitionSpec, schema: Schema, tuple: PartitionTuple): string {
  return segments(spec, schema, tuple, `'${NULL}'`)
}

function segments(spec: PartitionSpec, schema: Schema, tuple: PartitionTuple, textOfNull: string): string {
  const types = partitionType(spec, schema)
  const written = spec.fields.map((field, at) => {
    const type = types[at]?.type
    const value = tuple[at] ?? null
    if (value === null || type === undefined || !isPrimitive(type)) return shorten(`${escape(field.name)}=${NULL}`)
    const text = escape(formatPartitionValue(field.transform, type, value))
    return shorten(`${escape(field.name)}=${text === NULL ? textOfNull : text}`)
  })
  return written.join('/')
}

/** A partition value for people: `2017-11` for a month, `2017-11-16-22` for an hour, else as {@link formatLiteral}. */
export function formatPartitionValue(transform: Transform, type: PrimitiveType, value: Literal): string {
  if (typeof value === 'number') {
    const two = (n: number) => String(n).padStart(2, '0')
    if (transform.kind === 'year') return formatYear(1970 + value)
    if (transform.kind === 'month') {
      return `${formatYear(1970 + Math.floor(value / 12))}-${two((((value % 12) + 12) % 12) + 1)}`
    }
    if (transform.kind === 'day') return formatDate(value)
    if (transform.kind === 'hour') {
      const day = Math.floor(value / 24)
      return `${formatDate(day)}-${two(value - day * 24)}`
    }
  }
  return type.kind === 'unknown' ? String(value) : formatLiteral(type, value)
}

function escape(text: string): string {
  if (/^[\w.-]*$/.test(text)) return text
  let escaped = ''
  for (const byte of Buffer.from(text, 'utf8')) {
    const letter = String.fromCharCode(byte)
    if (byte < 0x80 && /[\w.-]/.test(letter)) escaped += letter
    else escaped += letter === ' ' ? '+' : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return escaped
}

function shorten(segment: string): string {
  if (segment.length <= MAX_SEGMENT) return segment
  const hash = (murmur3(Buffer.from(segment)) >>> 0).toString(16).padStart(8, '0')
  return `${segment.slice(0, MAX_SEGMENT).replace(/%[0-9A-F]?$/, '')}-${hash}`
}
