import { IceboxError } from '../../base/index.ts'

/** The refusal of `--on-error reject` for a format whose rows are no lines. */
export function noRejects(format: string): IceboxError {
  return new IceboxError('usage/invalid', {
    message: `--on-error reject does not work for ${format}: it has no lines that could be set aside`,
    remedy: 'use it for CSV and NDJSON',
    context: { format },
  })
}
