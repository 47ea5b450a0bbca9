import { fieldPlace, type PartitionSpec, type Schema, type Transform, type Type } from '../../iceberg/index.ts'
import { LONGEST_KEY, type TextDivision } from '../divide/record-divider.ts'
import type { ColumnMapping, SourceDescription } from '../read/description.ts'

/** Bytes of `2026-11-26T10` that say the year, the month, the day and the hour. */
const TIME_BYTES = { year: 4, month: 7, day: 10, hour: 13 } as const

/**
 * How text can be divided by a partition spec, or undefined. It may be where a few bytes of each record say its partition:
 * plain CSV files with the same columns, partitioned by columns themselves or by parts of dates. What the bytes say is a
 * guess; the bounds of the written files prove it (`provenPartition`).
 */
export function planTextDivision(
  source: SourceDescription,
  mapping: readonly ColumnMapping[],
  schema: Schema,
  spec: PartitionSpec,
): TextDivision | undefined {
  if (source.format !== 'csv' || source.encoding !== undefined || source.hive.length > 0) return undefined
  const [group, ...more] = source.groups
  if (group === undefined || more.length > 0 || group.compression !== 'none' || (group.blankLines ?? 0) > 0)
    return undefined
  const { delimiter, quote, escape, hasHeader } = group.dialect
  // Of one column alone half a record may look like a whole one.
  if (!isByte(delimiter) || (quote !== '' && (!isByte(quote) || escape !== quote)) || group.names.length < 2)
    return undefined
  const bytesOf = new Map<number, number>()
  for (const { transform, sourceIds } of spec.fields) {
    const field = fieldPlace(schema, sourceIds[0] ?? -1)
    const column = mapping.find(({ name }) => field?.parentId === undefined && name === field?.field.name)
    const index = column === undefined ? -1 : group.names.indexOf(column.source)
    const bytes = column === undefined || column.format !== undefined ? undefined : keyBytes(transform, column.type)
    if (index < 0 || bytes === undefined) return undefined
    bytesOf.set(index, Math.max(bytes, bytesOf.get(index) ?? 0))
  }
  const fields = [...bytesOf].map(([index, bytes]) => ({ index, bytes })).toSorted((a, b) => a.index - b.index)
  return fields.length === 0
    ? undefined
    : {
        csv: { delimiter: delimiter.charCodeAt(0), quote: quote === '' ? undefined : quote.charCodeAt(0) },
        hasHeader,
        fields,
      }
}

function isByte(text: string): boolean {
  return text.length === 1 && text.charCodeAt(0) < 128
}

/** Bytes at the beginning of a text that say its partition; undefined where they do not, or nothing could prove it. */
function keyBytes(transform: Transform, type: Type): number | undefined {
  switch (transform.kind) {
    case 'identity':
      return ['boolean', 'int', 'long', 'decimal', 'date', 'string'].includes(type.kind) ? LONGEST_KEY : undefined
    case 'year':
    case 'month':
    case 'day':
    case 'hour':
      // A time with an offset may be of another day in UTC.
      return type.kind === 'date' || type.kind === 'timestamp' ? TIME_BYTES[transform.kind] : undefined
    default:
      return undefined
  }
}
