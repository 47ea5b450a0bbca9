/**
 * What went wrong first. When closing after a failure fails too, JavaScript throws a SuppressedError that holds both;
 * people need the first one, and the second mostly follows from it.
 */
export function originalError(error: unknown): unknown {
  let first = error
  while (first instanceof Error && first.name === 'SuppressedError' && 'suppressed' in first) first = first.suppressed
  return first
}
