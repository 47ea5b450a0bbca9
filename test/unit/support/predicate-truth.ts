import type { Literal, Predicate, PredicateLeaf } from '../../../src/iceberg/index.ts'
import type { Row } from './iceberg-table.ts'

/** SQL's three-valued logic over one row, written without the code under test; undefined is unknown. */
export function truth(predicate: Predicate, row: Row): boolean | undefined {
  if ('fieldId' in predicate) return leafTruth(predicate, row[predicate.fieldId])
  if ('arg' in predicate) {
    const inner = truth(predicate.arg, row)
    return inner === undefined ? undefined : !inner
  }
  if (!('args' in predicate)) return predicate.op === 'true'
  const parts = predicate.args.map((arg) => truth(arg, row))
  const decisive = predicate.op === 'or'
  if (parts.includes(decisive)) return decisive
  return parts.includes(undefined) ? undefined : !decisive
}

function leafTruth(leaf: PredicateLeaf, value: Literal | undefined): boolean | undefined {
  if (leaf.op === 'is-null') return value === undefined
  if (leaf.op === 'not-null') return value !== undefined
  if (value === undefined) return undefined
  if ('values' in leaf) return leaf.values.some((other) => order(value, other) === 0) === (leaf.op === 'in')
  if (!('value' in leaf)) return Number.isNaN(value) === (leaf.op === 'is-nan')
  const sign = order(value, leaf.value)
  const starts = String(value).startsWith(String(leaf.value))
  const answers = { lt: sign < 0, le: sign <= 0, gt: sign > 0, ge: sign >= 0, eq: sign === 0, ne: sign !== 0 }
  return { ...answers, 'starts-with': starts, 'not-starts-with': !starts }[leaf.op]
}

/** NaN above all numbers and equal to itself; text by its UTF-8 bytes. */
function order(a: Literal, b: Literal): number {
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(String(b)))
  const [left, right] = [Number(a), Number(b)]
  if (Number.isNaN(left) || Number.isNaN(right)) return Number(Number.isNaN(left)) - Number(Number.isNaN(right))
  if (left === right) return 0
  return left < right ? -1 : 1
}
