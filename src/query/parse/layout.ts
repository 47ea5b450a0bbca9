import type { Transform } from '../../iceberg/index.ts'
import type { Cursor } from './cursor.ts'

/** `bucket(16, id) AS shard`, by the name of its column still. */
export interface PartitionTerm {
  readonly path: readonly string[]
  readonly transform: Transform
  readonly name: string | undefined
  readonly start: number
}

export interface SortTerm {
  readonly path: readonly string[]
  readonly transform: Transform
  readonly direction: 'asc' | 'desc'
  readonly nullOrder: 'nulls-first' | 'nulls-last'
  readonly start: number
}

const DATED: Readonly<Record<string, Transform>> = {
  identity: { kind: 'identity' },
  void: { kind: 'void' },
  year: { kind: 'year' },
  years: { kind: 'year' },
  month: { kind: 'month' },
  months: { kind: 'month' },
  day: { kind: 'day' },
  days: { kind: 'day' },
  date: { kind: 'day' },
  hour: { kind: 'hour' },
  hours: { kind: 'hour' },
  date_hour: { kind: 'hour' },
}

/** `col`, `day(ts)`, `bucket(16, id)` or `bucket(id, 16)`, `truncate(10, name)`. */
export function parseTransformAt(cursor: Cursor): { path: string[]; transform: Transform; start: number } {
  const start = cursor.offset
  if (cursor.peek(1)?.text !== '(') return { path: cursor.path('a column'), transform: { kind: 'identity' }, start }
  const word = cursor.name('a transform').toLowerCase()
  cursor.expectText('(')
  const dated = DATED[word]
  if (dated !== undefined) {
    const path = cursor.path('a column')
    cursor.expectText(')')
    return { path, transform: dated, start }
  }
  if (word !== 'bucket' && word !== 'truncate') {
    throw cursor.unsupported(
      `there is no transform ${word}`,
      'use a column, year(c), month(c), day(c), hour(c), bucket(n, c) or truncate(n, c)',
    )
  }
  // Spark writes the number first, Trino last.
  const isNumberFirst = cursor.peek()?.kind === 'number'
  const first = isNumberFirst ? cursor.integer('a number') : undefined
  const early = isNumberFirst ? undefined : cursor.path('a column')
  if (!cursor.acceptText(',')) {
    const example = word === 'bucket' ? 'bucket(16, id)' : 'truncate(10, name)'
    throw cursor.error(`${word} takes a number and a column`, `write them both, as in ${example}`)
  }
  const path = early ?? cursor.path('a column')
  const count = first ?? cursor.integer('a number')
  cursor.expectText(')')
  if (count < 1) throw cursor.error(`${word} takes a number of at least 1`)
  return {
    path,
    transform: word === 'bucket' ? { kind: 'bucket', buckets: count } : { kind: 'truncate', width: count },
    start,
  }
}

export function parsePartitionTerm(cursor: Cursor): PartitionTerm {
  const term = parseTransformAt(cursor)
  return { ...term, name: cursor.accept('AS') ? cursor.name('a name') : undefined }
}

/** As Spark and the specification have it: ascending puts nulls first, descending last. */
export function parseSortTerm(cursor: Cursor): SortTerm {
  const term = parseTransformAt(cursor)
  const isDescending = cursor.accept('DESC')
  if (!isDescending) cursor.accept('ASC')
  const nullOrder = cursor.accept('NULLS', 'FIRST')
    ? 'nulls-first'
    : cursor.accept('NULLS', 'LAST')
      ? 'nulls-last'
      : isDescending
        ? 'nulls-last'
        : 'nulls-first'
  return { ...term, direction: isDescending ? 'desc' : 'asc', nullOrder }
}
