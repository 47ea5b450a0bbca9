import { unreachable } from '../../base/index.ts'
import type { Literal } from '../spec/types.ts'
import { compareForFilter, isNan } from './compare.ts'
import type { Facts } from './facts.ts'
import type { PredicateLeaf } from './predicate.ts'

/** False only when no value that the facts allow can make the leaf true: then the file is pruned. */
export function mightMatch(leaf: PredicateLeaf, facts: Facts): boolean {
  switch (leaf.op) {
    case 'is-null':
      return facts.hasNull !== false
    case 'not-null':
      return !facts.onlyNull
    case 'is-nan':
      return facts.hasNan !== false && !facts.onlyNull
    case 'not-nan':
      return !facts.onlyNull && !facts.onlyNan
    case 'in':
      return !facts.onlyNull && leaf.values.some((value) => mightEqual(facts, value))
    case 'eq':
      return !facts.onlyNull && mightEqual(facts, leaf.value)
    case 'lt':
    case 'le':
      return !facts.onlyNull && mightBeBelow(facts, leaf.value, leaf.op === 'le')
    case 'gt':
    case 'ge':
      return !facts.onlyNull && mightBeAbove(facts, leaf.value, leaf.op === 'ge')
    case 'ne':
      return !facts.onlyNull && !isOnly(facts, [leaf.value])
    case 'not-in':
      return !facts.onlyNull && !isOnly(facts, leaf.values)
    case 'starts-with':
      return !facts.onlyNull && mightStartWith(facts, leaf.value)
    case 'not-starts-with':
      return !facts.onlyNull && !allStartWith(facts, leaf.value)
    default:
      return unreachable(leaf)
  }
}

/** True only when every value that the facts allow makes the leaf true: then all rows of the file match. */
export function mustMatch(leaf: PredicateLeaf, facts: Facts): boolean {
  if (leaf.op === 'is-null') return facts.onlyNull
  // For null every other leaf is unknown, so a row with null does not match.
  return facts.hasNull === false && mustMatchValues(leaf, facts)
}

/** As {@link mustMatch} of a column that is known to hold no null. */
function mustMatchValues(leaf: PredicateLeaf, facts: Facts): boolean {
  switch (leaf.op) {
    case 'is-null':
      return false
    case 'not-null':
      return true
    case 'is-nan':
      return facts.onlyNan
    case 'not-nan':
      return facts.hasNan === false
    case 'eq':
      return isOnly(facts, [leaf.value])
    case 'in':
      return isOnly(facts, leaf.values)
    case 'ne':
      return facts.hasNan === false && !mightEqual(facts, leaf.value)
    case 'not-in':
      return facts.hasNan === false && !leaf.values.some((value) => mightEqual(facts, value))
    case 'lt':
    case 'le':
      return facts.hasNan === false && !mightBeAbove(facts, leaf.value, leaf.op === 'lt')
    case 'gt':
    case 'ge':
      return facts.hasNan === false && !mightBeBelow(facts, leaf.value, leaf.op === 'gt')
    case 'starts-with':
      return allStartWith(facts, leaf.value)
    case 'not-starts-with':
      return !mightStartWith(facts, leaf.value)
    default:
      return unreachable(leaf)
  }
}

function mightEqual(facts: Facts, value: Literal): boolean {
  if (isNan(value)) return facts.hasNan !== false
  return !facts.onlyNan && !above(facts.lower, value) && !below(facts.upper, value)
}

/** Could a value be < `value` (or <=)? NaN is above all numbers. */
function mightBeBelow(facts: Facts, value: Literal, orEqual: boolean): boolean {
  if (isNan(value)) return orEqual || !facts.onlyNan
  if (facts.onlyNan) return false
  const order = compareOrUnknown(facts.lower, value)
  return order === undefined || (orEqual ? order <= 0 : order < 0)
}

/** Could a value be > `value` (or >=)? Bounds say nothing of NaN, so a file that may hold it is not pruned by them. */
function mightBeAbove(facts: Facts, value: Literal, orEqual: boolean): boolean {
  if (isNan(value)) return orEqual && facts.hasNan !== false
  if (facts.hasNan !== false) return true
  const order = compareOrUnknown(facts.upper, value)
  return order === undefined || (orEqual ? order >= 0 : order > 0)
}

/** True when every value that is not null is known to be one of `values`. */
function isOnly(facts: Facts, values: readonly Literal[]): boolean {
  if (facts.onlyNan) return values.some(isNan)
  const { lower, upper } = facts
  if (facts.hasNan !== false || lower === undefined || upper === undefined) return false
  if (compareForFilter(lower, upper) !== 0) return false
  return values.some((value) => compareForFilter(lower, value) === 0)
}

function mightStartWith(facts: Facts, prefix: string): boolean {
  const { lower, upper } = facts
  if (typeof lower === 'string' && above(cut(lower, prefix), prefix)) return false
  return !(typeof upper === 'string' && below(cut(upper, prefix), prefix))
}

/** The bound shortened to the prefix's length: values below the bound that start with the prefix lie beside it. */
function cut(bound: string, prefix: string): string {
  return bound.slice(0, prefix.length)
}

function allStartWith(facts: Facts, prefix: string): boolean {
  const { lower, upper } = facts
  if (typeof lower !== 'string' || typeof upper !== 'string') return false
  return lower.startsWith(prefix) && upper.startsWith(prefix)
}

function above(bound: Literal | undefined, value: Literal): boolean {
  const order = compareOrUnknown(bound, value)
  return order !== undefined && order > 0
}

function below(bound: Literal | undefined, value: Literal): boolean {
  const order = compareOrUnknown(bound, value)
  return order !== undefined && order < 0
}

function compareOrUnknown(bound: Literal | undefined, value: Literal): number | undefined {
  return bound === undefined ? undefined : compareForFilter(bound, value)
}
