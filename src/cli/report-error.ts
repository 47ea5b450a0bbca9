import { type ErrorCode, IceboxError, messageOf } from '../base/index.ts'
import { jsonText } from './output/json-value.ts'
import { escapedText, visibleLines } from './output/text-width.ts'
import type { Style } from './style.ts'

/** What an error says at the edge, whatever was thrown. */
export interface ShownError {
  readonly code: ErrorCode
  readonly message: string
  readonly remedy: string | undefined
  readonly context: IceboxError['context']
}

/** Errors that are not ours are bugs, and said to be. */
export function shownError(error: unknown): ShownError {
  if (error instanceof IceboxError) return error
  return {
    code: 'internal/unreachable',
    message: messageOf(error),
    remedy: 'this is a bug of Icebox; run again with ICEBOX_DEBUG=1 and report what it prints',
    context: {},
  }
}

/** 1 failed, 2 wrong usage (arguments and configuration), 3 any `memory/*`, 130 cancelled (Ctrl-C). A reader that closed the output is 1, of the codes that scripts are promised. */
export function exitCodeOf(error: unknown): number {
  const { code, context } = shownError(error)
  if (code.startsWith('memory/')) return 3
  if (code.startsWith('usage/') || code.startsWith('config/')) return 2
  if (code === 'cancelled') return context.outputClosed === true ? 1 : 130
  return 1
}

/** Code, what was wrong, what would help: lines for people. */
export function errorText(error: unknown, style: Style): string {
  const shown = shownError(error)
  const lines = visibleLines(shown.message).replaceAll('\n', '\n  ')
  const remedy =
    shown.remedy === undefined ? '' : `\n  ${style.cyan('→')} ${visibleLines(shown.remedy).replaceAll('\n', '\n    ')}`
  return `${style.red(style.bold(shown.code))}: ${lines}${remedy}\n`
}

/** The JSON form: `{"error":{"code","message","remedy","context"}}`. */
export function errorJson(error: unknown): string {
  return `{"error":${errorObjectJson(error)}}`
}

/** The inner object, for documents that end with an error. */
export function errorObjectJson(error: unknown): string {
  const shown = shownError(error)
  const text = jsonText({
    code: shown.code,
    message: shown.message,
    remedy: shown.remedy ?? null,
    context: { ...shown.context },
  })
  return escapedText(text)
}
