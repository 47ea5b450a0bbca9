import { unreachable } from '../../base/index.ts'
import type { Literal } from '../spec/types.ts'

export type ComparisonOp = 'lt' | 'le' | 'gt' | 'ge' | 'eq' | 'ne'

/** A condition on one field. Values are of the field's type ({@link Literal}). */
export type PredicateLeaf =
  | { readonly op: ComparisonOp; readonly fieldId: number; readonly value: Literal }
  | { readonly op: 'in' | 'not-in'; readonly fieldId: number; readonly values: readonly Literal[] }
  | { readonly op: 'is-null' | 'not-null' | 'is-nan' | 'not-nan'; readonly fieldId: number }
  | { readonly op: 'starts-with' | 'not-starts-with'; readonly fieldId: number; readonly value: string }

/**
 * A filter on rows with SQL's meaning: a comparison with null is unknown, and a row matches where the whole is true. NaN is
 * equal to itself and larger than every number; -0.0 equals 0.0 (as DuckDB, Spark and the specification's sort order for
 * NaN have it). Fields are named by id, so a filter outlives a rename.
 */
export type Predicate =
  | { readonly op: 'true' }
  | { readonly op: 'false' }
  | { readonly op: 'and' | 'or'; readonly args: readonly Predicate[] }
  | { readonly op: 'not'; readonly arg: Predicate }
  | PredicateLeaf

/** A predicate without `not`. */
export type PlainPredicate =
  | { readonly op: 'true' }
  | { readonly op: 'false' }
  | { readonly op: 'and' | 'or'; readonly args: readonly PlainPredicate[] }
  | PredicateLeaf

const OPPOSITE = {
  lt: 'ge',
  ge: 'lt',
  le: 'gt',
  gt: 'le',
  eq: 'ne',
  ne: 'eq',
  in: 'not-in',
  'not-in': 'in',
  'is-null': 'not-null',
  'not-null': 'is-null',
  'is-nan': 'not-nan',
  'not-nan': 'is-nan',
  'starts-with': 'not-starts-with',
  'not-starts-with': 'starts-with',
} as const

/**
 * The same filter with `not` pushed into its leaves. Three-valued logic allows it: a leaf and its opposite are both unknown
 * for null (`is-null` and `not-null` are never unknown).
 */
export function withoutNot(predicate: Predicate, negated = false): PlainPredicate {
  if ('arg' in predicate) return withoutNot(predicate.arg, !negated)
  if ('fieldId' in predicate) return negated ? opposite(predicate) : predicate
  if ('args' in predicate) {
    const op = (predicate.op === 'and') === negated ? 'or' : 'and'
    return { op, args: predicate.args.map((arg) => withoutNot(arg, negated)) }
  }
  return { op: (predicate.op === 'true') === negated ? 'false' : 'true' }
}

function opposite(leaf: PredicateLeaf): PredicateLeaf {
  switch (leaf.op) {
    case 'in':
    case 'not-in':
      return { ...leaf, op: OPPOSITE[leaf.op] }
    case 'is-null':
    case 'not-null':
    case 'is-nan':
    case 'not-nan':
      return { ...leaf, op: OPPOSITE[leaf.op] }
    case 'starts-with':
    case 'not-starts-with':
      return { ...leaf, op: OPPOSITE[leaf.op] }
    case 'lt':
    case 'le':
    case 'gt':
    case 'ge':
    case 'eq':
    case 'ne':
      return { ...leaf, op: OPPOSITE[leaf.op] }
    default:
      return unreachable(leaf)
  }
}

/** The answer of a plain predicate where `test` answers its leaves; stops at the first that decides. */
export function evaluate(predicate: PlainPredicate, test: (leaf: PredicateLeaf) => boolean): boolean {
  if ('fieldId' in predicate) return test(predicate)
  if (!('args' in predicate)) return predicate.op === 'true'
  return predicate.op === 'and'
    ? predicate.args.every((arg) => evaluate(arg, test))
    : predicate.args.some((arg) => evaluate(arg, test))
}

/** The leaves of a predicate, in order. */
export function leavesOf(predicate: PlainPredicate): PredicateLeaf[] {
  if ('fieldId' in predicate) return [predicate]
  return 'args' in predicate ? predicate.args.flatMap(leavesOf) : []
}
