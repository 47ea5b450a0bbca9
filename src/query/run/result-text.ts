import type { SqlValue } from '../../engine/index.ts'

/** A text column of a result of our own statement. */
export function textOf(value: SqlValue | undefined): string {
  return typeof value === 'string' ? value : ''
}
