import { IceboxError, isIceboxError } from '../../base/index.ts'
import { type PipeSegment, STANDARD_INPUT } from './pipe.ts'

type SpooledPart = Pick<PipeSegment, 'path' | 'firstLine' | 'headerLines'>

/** A file that holds standard input from its first byte. */
export function fromStart(path: string): SpooledPart {
  return { path, firstLine: 1, headerLines: 0 }
}

/** {@link ofPipe} of standard input. */
export function ofStandardInput(error: unknown, segments: readonly SpooledPart[]): unknown {
  return ofPipe(error, segments, STANDARD_INPUT)
}

/** An error of a file that a part of a pipe was written to, as one of the whole: its line is counted from the start. */
export function ofPipe(error: unknown, segments: readonly SpooledPart[], name: string): unknown {
  if (!isIceboxError(error)) return error
  const at = segments.find(({ path }) => error.context['file'] === path || error.message.includes(path))
  if (at === undefined) return error
  const { path, firstLine, headerLines } = at
  const lineOf = (line: number) => Math.max(1, line - headerLines) + firstLine - 1
  const line = error.context['line']
  const message = segments
    .reduce((text, segment) => text.replaceAll(segment.path, name), error.message.replaceAll(path, name))
    .replace(/\bline (\d+)/, (_, number: string) => `line ${lineOf(Number(number))}`)
  return new IceboxError(error.code, {
    message,
    ...(error.remedy !== undefined && { remedy: error.remedy }),
    context: {
      ...error.context,
      ...(error.context['file'] !== undefined && { file: name }),
      ...(typeof line === 'number' && { line: lineOf(line) }),
    },
    retryable: error.retryable,
    cause: error.cause,
  })
}
