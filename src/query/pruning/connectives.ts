import type { Predicate } from '../../iceberg/index.ts'

export const TRUE: Predicate = { op: 'true' }

/** All of them, without those that say nothing. */
export function and(args: readonly Predicate[]): Predicate {
  const kept = args.filter((arg) => arg.op !== 'true')
  if (kept.some((arg) => arg.op === 'false')) return { op: 'false' }
  return kept.length === 0 ? TRUE : kept.length === 1 ? (kept[0] ?? TRUE) : { op: 'and', args: kept }
}

/** Any of them, without those that nothing matches. */
export function or(args: readonly Predicate[]): Predicate {
  const kept = args.filter((arg) => arg.op !== 'false')
  if (kept.some((arg) => arg.op === 'true')) return TRUE
  return kept.length === 0 ? { op: 'false' } : kept.length === 1 ? (kept[0] ?? TRUE) : { op: 'or', args: kept }
}
