import { IceboxError } from '../../base/index.ts'
import type { SqlValue } from '../../engine/index.ts'
import {
  encodeValue,
  type FileMetrics,
  isPrimitive,
  type PrimitiveType,
  type Schema,
  type Type,
} from '../../iceberg/index.ts'
import { lowerBound, parseStatistic, upperBound } from './bounds.ts'
import { refuseInfinite } from './infinite-times.ts'

/** A leaf of the schema as COPY's statistics name it. */
interface Leaf {
  readonly fieldId: number
  /** Dotted. */
  readonly column: string
  readonly type: PrimitiveType
  /** Below a list or map a file has many values a row: counts and bounds of rows mean nothing there. */
  readonly isRepeated: boolean
}

/** The leaves of a schema by the path that `RETURN_STATS` uses: quoted names joined by dots. */
export class LeafIndex {
  readonly #leaves = new Map<string, Leaf>()
  /** How many are strings or bytes. */
  readonly texts: number

  constructor(schema: Schema) {
    for (const { id, name, type } of schema.fields) this.#add({ path: quoted(name), column: name }, id, type, false)
    this.texts = [...this.#leaves.values()].filter(
      ({ type }) => type.kind === 'string' || type.kind === 'binary',
    ).length
  }

  leaf(path: string): Leaf | undefined {
    return this.#leaves.get(path)
  }

  #add(at: LeafPlace, fieldId: number, type: Type, isRepeated: boolean): void {
    if (type.kind === 'struct') {
      for (const field of type.fields) this.#add(below(at, field.name), field.id, field.type, isRepeated)
    } else if (type.kind === 'list') {
      this.#add(below(at, 'element'), type.elementId, type.element, true)
    } else if (type.kind === 'map') {
      this.#add(below(at, 'key'), type.keyId, type.key, true)
      this.#add(below(at, 'value'), type.valueId, type.value, true)
    } else if (isPrimitive(type)) {
      this.#leaves.set(at.path, { fieldId, column: at.column, type, isRepeated })
    }
  }
}

/** A leaf as statistics name it, and as people do. */
interface LeafPlace {
  readonly path: string
  readonly column: string
}

function below({ path, column }: LeafPlace, name: string): LeafPlace {
  return { path: `${path}.${quoted(name)}`, column: `${column}.${name}` }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * Iceberg's metrics of a file from the `column_statistics` of COPY … RETURN_STATS: MAP(column, MAP(name, text)), which
 * the engine hands over as arrays of [key, value]. What cannot be read exactly is left out (invariant N4). Rejects (throws)
 * `schema/mismatch` for infinite dates and times.
 */
export function metricsOf(statistics: SqlValue, leaves: LeafIndex): FileMetrics {
  const columnSizes = new Map<number, bigint>()
  const valueCounts = new Map<number, bigint>()
  const nullValueCounts = new Map<number, bigint>()
  const nanValueCounts = new Map<number, bigint>()
  const lowerBounds = new Map<number, Uint8Array>()
  const upperBounds = new Map<number, Uint8Array>()
  for (const [path, entries] of pairs(statistics)) {
    const leaf = leaves.leaf(path)
    if (leaf === undefined) continue
    const { fieldId, type } = leaf
    const of = new Map(pairs(entries).map(([name, value]) => [name, typeof value === 'string' ? value : undefined]))
    count(of.get('column_size_bytes'), (value) => columnSizes.set(fieldId, value))
    refuseInfinite(leaf, [of.get('min'), of.get('max')])
    if (leaf.isRepeated) continue
    count(of.get('num_values'), (value) => valueCounts.set(fieldId, value))
    count(of.get('null_count'), (value) => nullValueCounts.set(fieldId, value))
    if (of.get('has_nan') === 'false') nanValueCounts.set(fieldId, 0n)
    const lowest = bound(type, of.get('min'), (value) => lowerBound(type, value))
    if (lowest !== undefined) lowerBounds.set(fieldId, lowest)
    const highest = bound(type, of.get('max'), (value) => upperBound(type, value))
    if (highest !== undefined) upperBounds.set(fieldId, highest)
  }
  return { columnSizes, valueCounts, nullValueCounts, nanValueCounts, lowerBounds, upperBounds }
}

function bound(
  type: PrimitiveType,
  text: string | undefined,
  shorten: (value: Parameters<typeof lowerBound>[1]) => ReturnType<typeof upperBound>,
): Uint8Array | undefined {
  const value = text === undefined ? undefined : parseStatistic(type, text)
  const stored = value === undefined ? undefined : shorten(value)
  return stored === undefined ? undefined : encodeValue(type, stored)
}

function count(text: string | undefined, take: (value: bigint) => void): void {
  if (text !== undefined && /^\d+$/.test(text)) take(BigInt(text))
}

/** The entries of a MAP value. */
export function pairs(value: SqlValue | undefined): [string, SqlValue][] {
  if (value === null || value === undefined) return []
  if (!Array.isArray(value)) throw notAMap(value)
  return value.map((entry: SqlValue): [string, SqlValue] => {
    if (!Array.isArray(entry) || typeof entry[0] !== 'string') throw notAMap(entry)
    return [entry[0], entry[1] ?? null]
  })
}

function notAMap(value: unknown): IceboxError {
  return new IceboxError('internal/unreachable', { message: `the engine's statistics are not a map: ${String(value)}` })
}
