import type { Predicate } from '../../iceberg/index.ts'

/** A predicate as text: equal texts mean equal filters. */
export function printPredicate(predicate: Predicate): string {
  switch (predicate.op) {
    case 'true':
    case 'false':
      return predicate.op
    case 'and':
    case 'or':
      return `(${predicate.args.map(printPredicate).join(` ${predicate.op} `)})`
    case 'not':
      return `not ${printPredicate(predicate.arg)}`
    case 'in':
    case 'not-in':
      return `${predicate.fieldId} ${predicate.op} [${predicate.values.map(literal).join(',')}]`
    case 'is-null':
    case 'not-null':
    case 'is-nan':
    case 'not-nan':
      return `${predicate.fieldId} ${predicate.op}`
    default:
      return `${predicate.fieldId} ${predicate.op} ${literal(predicate.value)}`
  }
}

function literal(value: boolean | number | bigint | string | Uint8Array): string {
  if (value instanceof Uint8Array) return `x${Buffer.from(value).toString('hex')}`
  // The kind and -0 must show: 1, 1n and '1' are different values.
  return typeof value === 'string'
    ? JSON.stringify(value)
    : `${typeof value}:${Object.is(value, -0) ? '-0' : String(value)}`
}
