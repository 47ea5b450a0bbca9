import { formatCount, IceboxError, isIceboxError } from '../../base/index.ts'
import type { EngineSession } from '../../engine/index.ts'
import { quoteText } from '../sql.ts'
import { hasOffset } from './checked-cast.ts'
import type { Evidence, TextDecision } from './classify.ts'

/** Formats of strptime that the caller gave. */
export interface AskedFormats {
  readonly dateFormat?: string | undefined
  readonly timestampFormat?: string | undefined
}

/** What a column becomes whose texts are written in a format that the caller gave. */
export interface AskedDecision extends TextDecision {
  readonly format: string
}

/** Dates first: a text that both formats read has no time. */
export function askedDecisions(asked: AskedFormats): AskedDecision[] {
  const { dateFormat, timestampFormat } = asked
  return [
    ...(dateFormat === undefined ? [] : [decisionOf('DATE', dateFormat)]),
    ...(timestampFormat === undefined
      ? []
      : [decisionOf(hasOffset(timestampFormat) ? 'TIMESTAMP WITH TIME ZONE' : 'TIMESTAMP', timestampFormat)]),
  ]
}

function decisionOf(type: TextDecision['type'], format: string): AskedDecision {
  return { type, format, why: `read as ${format}, as asked`, isAsked: true }
}

/**
 * The decision for a column of which `fitting` of `values` sampled texts are written as asked. Where all are, the format
 * settles the type. Where some are, and all look like dates (01/02/2023), it does too, and the others are errors of their
 * rows; else the column is what its texts say. undefined: the format has nothing to do with it.
 */
export function decideAsked(
  asked: AskedDecision,
  evidence: Evidence,
  values: number,
  fitting: number,
): { readonly decision: AskedDecision } | { readonly note: string } | undefined {
  if (fitting === 0) return undefined
  const kinds = [...evidence.examples.keys()]
  const isLocal = kinds.length > 0 && kinds.every((kind) => kind === 'local-date' || kind === 'local-timestamp')
  if (fitting === values || isLocal) return { decision: asked }
  return {
    note: `only ${formatCount(fitting)} of ${formatCount(values)} sampled values are written as ${asked.format}, as asked`,
  }
}

/** Rejects `usage/invalid` for a format that says nothing about a day, or that DuckDB does not know. */
export async function checkFormats(asked: AskedFormats, session: EngineSession): Promise<void> {
  const given = [
    ['date', asked.dateFormat],
    ['timestamp', asked.timestampFormat],
  ] as const
  for (const [what, format] of given) {
    if (format === undefined) continue
    const invalid = (why: string, cause?: unknown) =>
      new IceboxError('usage/invalid', {
        message: `'${format}' is no ${what} format: ${why}`,
        remedy: `write it with the codes of strptime, such as ${what === 'date' ? '%d/%m/%Y' : '"%d/%m/%Y %H:%M:%S"'}`,
        context: { format },
        ...(cause === undefined ? {} : { cause }),
      })
    if (!/%-?[YyGcx]/.test(format.replaceAll('%%', ''))) throw invalid('it has no year (%Y or %y)')
    try {
      await session.run(`SELECT try_strptime('', ${quoteText(format)})`)
    } catch (error) {
      if (!isIceboxError(error) || !/format specifier/i.test(error.message)) throw error
      throw invalid(/format specifier .*?: (.*)/.exec(error.message)?.[1] ?? 'it has a code that is not known', error)
    }
  }
}
