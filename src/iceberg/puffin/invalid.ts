import { IceboxError } from '../../base/index.ts'

/** A Puffin file or deletion vector that cannot be trusted: rows would come back or be lost. */
export function invalidDeletes(location: string, problem: string, cause?: unknown): IceboxError {
  return new IceboxError('iceberg/invalid-deletes', {
    message: `${location}: ${problem}`,
    remedy: 'restore the file, or roll the table back to a snapshot without it',
    context: { location },
    cause,
  })
}
