import type { ErrorCode } from './error-codes.ts'

/** Values that explain an error to a program: printed with `--json` and over HTTP. */
export type ErrorContext = Readonly<Record<string, string | number | bigint | boolean | null | readonly string[]>>

export interface ErrorDetails {
  /** What was wrong, with the wrong value and the place. */
  readonly message: string
  /** What would help; an imperative clause. */
  readonly remedy?: string
  readonly context?: ErrorContext
  /** True where the same call may succeed later without a change by the caller. */
  readonly retryable?: boolean
  readonly cause?: unknown
}

/** The only error type that crosses rooms. Codes are listed in docs/reference/errors.md. */
export class IceboxError extends Error {
  override readonly name = 'IceboxError'
  readonly code: ErrorCode
  readonly remedy: string | undefined
  readonly context: ErrorContext
  readonly retryable: boolean

  constructor(code: ErrorCode, details: ErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.remedy = details.remedy
    this.context = details.context ?? {}
    this.retryable = details.retryable ?? false
  }
}

/** True for an {@link IceboxError}, of the given code or of the given kind (`memory/` matches every memory error). */
export function isIceboxError(error: unknown, codeOrKind?: ErrorCode | `${string}/`): error is IceboxError {
  if (!(error instanceof IceboxError)) return false
  if (codeOrKind === undefined) return true
  return codeOrKind.endsWith('/') ? error.code.startsWith(codeOrKind) : error.code === codeOrKind
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The `code` of a Node system error (`ENOENT`), or undefined. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Makes a `switch` over a union fail to compile when a case is missing. */
export function unreachable(value: never): never {
  throw new IceboxError('internal/unreachable', {
    message: `no case for ${String(value)}`,
    remedy: 'report this as a bug of Icebox',
  })
}
