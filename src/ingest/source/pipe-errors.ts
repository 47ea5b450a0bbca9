import { IceboxError, isIceboxError } from '../../base/index.ts'
import { type PipeSegment, STANDARD_INPUT } from './pipe.ts'

type SpooledPart = Pick<PipeSegment, 'path' | 'firstLine' | 'headerLines'>

/** A file that holds standard input from its first byte. */
export function fromStart(path: string): SpooledPart {
  return { path, firstLine: 1, headerLines: 0 }
}

/** An error of a file that standard input was written to, as one of the whole: its line is counted from the start. */
export function ofStandardInput(error: unknown, segments: readonly SpooledPart[]): unknown {
  if (!isIceboxError(error)) return error
  const at = segments.find(({ path }) => error.context['file'] === path || error.message.includes(path))
  if (at === undefined) return error
  const { path, firstLine, headerLines } = at
  const lineOf = (line: number) => Math.max(1, line - headerLines) + firstLine - 1
  const line = error.context['line']
  const message = segments
    .reduce(
      (text, segment) => text.replaceAll(segment.path, STANDARD_INPUT),
      error.message.replaceAll(path, STANDARD_INPUT),
    )
    .replace(/\bline (\d+)/, (_, number: string) => `line ${lineOf(Number(number))}`)
  return new IceboxError(error.code, {
    message,
    ...(error.remedy !== undefined && { remedy: error.remedy }),
    context: {
      ...error.context,
      ...(error.context['file'] !== undefined && { file: STANDARD_INPUT }),
      ...(typeof line === 'number' && { line: lineOf(line) }),
    },
    retryable: error.retryable,
    cause: error.cause,
  })
}
