import { formatCount, IceboxError, nearestNames } from '../../base/index.ts'
import {
  canTransform,
  fieldByPath,
  isPrimitive,
  MAX_PARAMETER,
  type NestedField,
  type PartitionField,
  type PartitionSpec,
  parseTransform,
  partitionFieldName,
  type Schema,
  type SortField,
  type SortOrder,
  type Transform,
  transformToString,
  typeToString,
} from '../../iceberg/index.ts'

const FIRST_PARTITION_ID = 1000

/**
 * A partition spec from what people write: `month(ts), bucket(16, id), truncate(4, name), region`; `bucket[16](id)` and
 * `bucket(id, 16)` are understood too, and the plurals of Spark (`months`). Rejects `ingest/partition` naming the part.
 */
export function parsePartitionBy(text: string, schema: Schema): PartitionSpec {
  const fields: PartitionField[] = []
  for (const part of splitTerms(text)) {
    const { transform, field, path } = parseTerm(part, schema)
    if (
      fields.some(
        (known) =>
          known.sourceIds[0] === field.id && transformToString(known.transform) === transformToString(transform),
      )
    ) {
      throw refuse(part, 'is named twice', 'name it once')
    }
    fields.push({
      fieldId: FIRST_PARTITION_ID + fields.length,
      sourceIds: [field.id],
      name: partitionFieldName(path, transform, schema, fields),
      transform,
    })
  }
  if (fields.length === 0) throw refuse(text, 'names no partition', 'write for example month(ts)')
  return { specId: 0, fields }
}

/** A sort order: `ts desc, id nulls last`; nulls are first ascending and last descending unless said (Iceberg's default). */
export function parseSortBy(text: string, schema: Schema): SortOrder {
  const fields = splitTerms(text).map((part): SortField => {
    const match = /^(.*?)(?:\s+(asc|desc))?(?:\s+nulls\s+(first|last))?$/i.exec(part.trim())
    const { transform, field } = parseTerm(match?.[1] ?? part, schema)
    const direction = match?.[2]?.toLowerCase() === 'desc' ? 'desc' : 'asc'
    const nulls = match?.[3]?.toLowerCase() ?? (direction === 'asc' ? 'first' : 'last')
    return { sourceIds: [field.id], transform, direction, nullOrder: nulls === 'first' ? 'nulls-first' : 'nulls-last' }
  })
  if (fields.length === 0) throw refuse(text, 'names no column', 'write for example: ts desc, id')
  return { orderId: 1, fields }
}

interface Term {
  readonly transform: Transform
  readonly field: NestedField
  readonly path: string
}

const NAMES: Readonly<Record<string, string>> = {
  years: 'year',
  months: 'month',
  days: 'day',
  date: 'day',
  hours: 'hour',
  date_hour: 'hour',
}

function parseTerm(part: string, schema: Schema): Term {
  const call = /^([a-z_]+)\s*(?:\[\s*(\d+)\s*\])?\s*\(([\s\S]*)\)$/i.exec(part.trim())
  if (call === null) {
    const { field, path } = column(part.trim(), schema, part)
    return checked({ transform: { kind: 'identity' }, field, path }, part)
  }
  const name = (call[1] ?? '').toLowerCase()
  const args = splitTerms(call[3] ?? '')
  const number = call[2] ?? args.find((argument) => /^\d+$/.test(argument))
  const columns = args.filter((argument) => argument !== number)
  if (columns.length !== 1) throw refuse(part, 'must name one column', 'write for example bucket(16, id)')
  const kind = NAMES[name] ?? name
  const takesNumber = kind === 'bucket' || kind === 'truncate'
  const transform = parseTransform(takesNumber ? `${kind}[${number ?? ''}]` : kind)
  if (takesNumber && transform.kind === 'unknown') {
    throw refuse(
      part,
      number === undefined ? `has no number` : `has the number ${number}`,
      `give ${kind} a whole number from 1 to ${formatCount(MAX_PARAMETER)}: ${kind}(16, ${columns[0]})`,
    )
  }
  if (
    transform.kind === 'unknown' ||
    transform.kind === 'void' ||
    (number !== undefined && transform.kind !== 'bucket' && transform.kind !== 'truncate')
  ) {
    throw refuse(
      part,
      'is not a transform',
      'use a column, year(c), month(c), day(c), hour(c), bucket(n, c) or truncate(n, c)',
    )
  }
  const { field, path } = column(columns[0] ?? '', schema, part)
  return checked({ transform, field, path }, part)
}

function checked(term: Term, part: string): Term {
  const { type } = term.field
  if (isPrimitive(type) && canTransform(term.transform, type)) return term
  throw refuse(
    part,
    `cannot be applied to '${term.path}', which is ${typeToString(type)}`,
    'choose another transform or column',
  )
}

function column(text: string, schema: Schema, part: string): { field: NestedField; path: string } {
  const name = /^"(?:[^"]|"")*"$/.test(text) ? text.slice(1, -1).replaceAll('""', '"') : text
  const exact = fieldByPath(schema, name)
  if (exact !== undefined) return { field: exact, path: name }
  const alike = schema.fields.filter((field) => field.name.toLowerCase() === name.toLowerCase())
  const only = alike[0]
  if (only !== undefined && alike.length === 1) return { field: only, path: only.name }
  const near = nearestNames(
    name,
    schema.fields.map((field) => field.name),
  )
  throw refuse(
    part,
    `names the column '${name}', which is not there`,
    near.length > 0 ? `did you mean ${near.join(' or ')}?` : 'name a column of the table',
  )
}

/** Parts at commas outside brackets and quotes. */
function splitTerms(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let isQuoted = false
  let part = ''
  for (const character of text) {
    if (character === '"') isQuoted = !isQuoted
    else if (!isQuoted && (character === '(' || character === '[')) depth++
    else if (!isQuoted && (character === ')' || character === ']')) depth--
    if (character === ',' && depth === 0 && !isQuoted) {
      parts.push(part)
      part = ''
    } else part += character
  }
  parts.push(part)
  return parts.map((some) => some.trim()).filter((some) => some !== '')
}

function refuse(part: string, why: string, remedy: string): IceboxError {
  return new IceboxError('ingest/partition', {
    message: `'${part.trim()}' ${why}`,
    remedy,
    context: { part: part.trim() },
  })
}
