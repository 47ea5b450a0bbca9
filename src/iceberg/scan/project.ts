import { unreachable } from '../../base/index.ts'
import type { Literal, PartitionField, PrimitiveType, Transform } from '../spec/types.ts'
import { applyTransform } from '../transforms/index.ts'
import type { PredicateLeaf } from './predicate.ts'

/**
 * What a row that makes `leaf` true implies for its partition value: a leaf on the partition field, true for the partition
 * of every such row (inclusive projection). `undefined` where nothing follows.
 */
export function projectInclusive(
  leaf: PredicateLeaf,
  field: PartitionField,
  source: PrimitiveType,
): PredicateLeaf | undefined {
  const { transform, fieldId } = field
  if (transform.kind === 'void' || transform.kind === 'unknown') return undefined
  if (transform.kind === 'identity') return { ...leaf, fieldId }
  const apply = (value: Literal) => applyTransform(transform, source, value)
  switch (leaf.op) {
    case 'is-null':
    case 'not-null':
      return { op: leaf.op, fieldId }
    case 'is-nan':
    case 'not-nan':
    case 'ne':
    case 'not-in':
      return undefined
    case 'eq':
      return oneOf(fieldId, widened([apply(leaf.value)], transform))
    case 'in':
      return oneOf(fieldId, widened(leaf.values.map(apply), transform))
    case 'lt':
    case 'le': {
      if (transform.kind === 'bucket' || mayWrap(transform, source)) return undefined
      const last = apply(leaf.op === 'le' ? leaf.value : (neighbour(leaf.value, source, -1) ?? leaf.value))
      return last === null ? undefined : { op: 'le', fieldId, value: onceOff(last, transform) ?? last }
    }
    case 'gt':
    case 'ge': {
      if (transform.kind === 'bucket') return undefined
      const from = leaf.op === 'ge' ? leaf.value : (neighbour(leaf.value, source, 1) ?? leaf.value)
      const first = apply(from)
      return first === null || (mayWrap(transform, source) && isAbove(first, from))
        ? undefined
        : { op: 'ge', fieldId, value: first }
    }
    case 'starts-with':
      if (transform.kind !== 'truncate') return undefined
      return isWithin(leaf.value, transform.width) ? { ...leaf, fieldId } : oneOf(fieldId, [apply(leaf.value)])
    case 'not-starts-with':
      return transform.kind === 'truncate' && isWithin(leaf.value, transform.width) ? { ...leaf, fieldId } : undefined
    default:
      return unreachable(leaf)
  }
}

/**
 * What of a partition value implies that all its rows make `leaf` true (strict projection). `undefined` where nothing does.
 */
export function projectStrict(
  leaf: PredicateLeaf,
  field: PartitionField,
  source: PrimitiveType,
): PredicateLeaf | undefined {
  const { transform, fieldId } = field
  if (transform.kind === 'void' || transform.kind === 'unknown') return undefined
  if (transform.kind === 'identity') return { ...leaf, fieldId }
  const apply = (value: Literal) => applyTransform(transform, source, value)
  switch (leaf.op) {
    case 'is-null':
    case 'not-null':
      return { op: leaf.op, fieldId }
    case 'ne':
      return noneOf(fieldId, widened([apply(leaf.value)], transform))
    case 'not-in':
      return noneOf(fieldId, widened(leaf.values.map(apply), transform))
    case 'lt':
    case 'le': {
      if (transform.kind === 'bucket') return undefined
      const beyond = leaf.op === 'lt' ? leaf.value : neighbour(leaf.value, source, 1)
      const value = beyond === undefined ? null : apply(beyond)
      if (value === null || beyond === undefined || (mayWrap(transform, source) && isAbove(value, beyond)))
        return undefined
      return { op: 'lt', fieldId, value }
    }
    case 'gt':
    case 'ge': {
      if (transform.kind === 'bucket' || mayWrap(transform, source)) return undefined
      const before = leaf.op === 'gt' ? leaf.value : neighbour(leaf.value, source, -1)
      const value = before === undefined ? null : apply(before)
      return value === null ? undefined : { op: 'gt', fieldId, value: onceOff(value, transform) ?? value }
    }
    case 'starts-with':
      return transform.kind === 'truncate' && isWithin(leaf.value, transform.width) ? { ...leaf, fieldId } : undefined
    case 'not-starts-with':
      if (transform.kind !== 'truncate') return undefined
      return isWithin(leaf.value, transform.width) ? { ...leaf, fieldId } : noneOf(fieldId, [apply(leaf.value)])
    case 'eq':
    case 'in':
    case 'is-nan':
    case 'not-nan':
      return undefined
    default:
      return unreachable(leaf)
  }
}

/**
 * Truncation of the least integers wraps around to the largest (see `truncate` in transforms): a partition that lies above
 * a value may hold rows below it.
 */
function mayWrap(transform: Transform, source: PrimitiveType): boolean {
  return transform.kind === 'truncate' && (source.kind === 'int' || source.kind === 'long')
}

/** True for a truncation that has wrapped: others are at most the value. */
function isAbove(result: Literal, value: Literal): boolean {
  if (typeof result === 'bigint' && typeof value === 'bigint') return result > value
  return typeof result === 'number' && typeof value === 'number' && result > value
}

const TIME: ReadonlySet<Transform['kind']> = new Set(['year', 'month', 'day', 'hour'])

/**
 * Writers before Iceberg 0.14 rounded times before 1970 towards zero, so a negative result may stand one higher in old
 * files. The value that such a writer made, or undefined where there is none.
 */
function onceOff(result: Literal, transform: Transform): number | undefined {
  return TIME.has(transform.kind) && typeof result === 'number' && result < 0 ? result + 1 : undefined
}

function widened(results: readonly (Literal | null)[], transform: Transform): (Literal | null)[] {
  return results.flatMap((result) => [result, ...(result === null ? [] : [onceOff(result, transform) ?? []].flat())])
}

function oneOf(fieldId: number, results: readonly (Literal | null)[]): PredicateLeaf | undefined {
  const values = results.filter((result) => result !== null)
  return values.length < results.length ? undefined : { op: 'in', fieldId, values }
}

function noneOf(fieldId: number, results: readonly (Literal | null)[]): PredicateLeaf | undefined {
  const values = results.filter((result) => result !== null)
  return values.length < results.length ? undefined : { op: 'not-in', fieldId, values }
}

const DISCRETE: ReadonlySet<PrimitiveType['kind']> = new Set([
  'int',
  'long',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'timestamp_ns',
  'timestamptz_ns',
  'decimal',
])

/** The next value up or down of a type whose values can be counted: `x < 5` is `x <= 4`. */
function neighbour(value: Literal, type: PrimitiveType, step: 1 | -1): Literal | undefined {
  if (!DISCRETE.has(type.kind)) return undefined
  if (typeof value === 'bigint') return value + BigInt(step)
  return typeof value === 'number' ? value + step : undefined
}

/** Truncation counts code points (Iceberg spec, "Truncate Transform Details"). */
function isWithin(prefix: string, width: number): boolean {
  return prefix.length <= width || Array.from(prefix).length <= width
}
