import type { ArrowLayout } from '../arrow-out/layout.ts'
import type { BatchLimits } from '../arrow-out/gather.ts'
import type { BodyForm } from '../arrow-out/make-column.ts'
import type { EngineMemory, ResultColumn, RunOptions } from '../port.ts'
import type { EngineType } from '../types.ts'
import type { EnginePlan } from '../../memory/index.ts'
import { type ErrorCode, type ErrorContext, IceboxError, messageOf } from '../../base/index.ts'

/** Batches that a stream may have on the way: one that is read and one behind it. Each that is taken asks for another. */
export const STREAM_CREDIT = 2

/** What crosses of {@link RunOptions}: signals and callbacks become messages. */
export interface WireOptions extends Pick<RunOptions, 'parameters' | 'maxValueBytes' | 'isSmallResult' | 'threads'> {
  readonly wantsProgress?: boolean
}

export interface OpenRequest {
  readonly plan: EnginePlan
  readonly spillDirectory: string
  readonly maxSpillBytes: number
  readonly allowedDirectories?: readonly string[]
  readonly maxSessions?: number
}

/** To the engine's process. `id` names the request in answers and cancels; a stream and an append go on under its id. */
export type ToEngine =
  | { readonly kind: 'open'; readonly id: number; readonly options: OpenRequest }
  | { readonly kind: 'session'; readonly id: number }
  | { readonly kind: 'closeSession'; readonly id: number; readonly session: number }
  | {
      readonly kind: 'run'
      readonly id: number
      readonly session: number
      readonly sql: string
      readonly options: WireOptions
    }
  | {
      readonly kind: 'stream'
      readonly id: number
      readonly session: number
      readonly sql: string
      readonly options: WireOptions
    }
  | { readonly kind: 'read'; readonly id: number; readonly form: BodyForm; readonly limits: BatchLimits }
  | { readonly kind: 'credit'; readonly id: number }
  | { readonly kind: 'closeStream'; readonly id: number; readonly stream: number }
  | { readonly kind: 'kinds'; readonly id: number; readonly session: number; readonly sql: string }
  | {
      readonly kind: 'register'
      readonly id: number
      readonly session: number
      readonly family: string
      readonly values: readonly (string | number)[]
    }
  | { readonly kind: 'append'; readonly id: number; readonly session: number; readonly table: string }
  | { readonly kind: 'appendBatch'; readonly id: number }
  | { readonly kind: 'appendEnd'; readonly id: number; readonly failed: boolean }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'memory'; readonly id: number }
  | { readonly kind: 'follow'; readonly id: number; readonly plan: EnginePlan; readonly isUrgent: boolean }
  /** Give back what can be given back. */
  | { readonly kind: 'relieve'; readonly id: number; readonly bytes: number }
  | { readonly kind: 'close'; readonly id: number }

/** From the engine's process. */
export type FromEngine =
  | { readonly kind: 'ok'; readonly id: number; readonly value: AnswerValue }
  | { readonly kind: 'error'; readonly id: number; readonly error: WireError }
  | {
      readonly kind: 'progress'
      readonly id: number
      readonly fraction: number | undefined
      readonly rows: number | undefined
    }
  /** The payload is the body. */
  | { readonly kind: 'body'; readonly id: number; readonly layout: ArrowLayout }
  | { readonly kind: 'end'; readonly id: number; readonly error?: WireError }
  /** A batch of an append was taken: the next may come. */
  | { readonly kind: 'taken'; readonly id: number }
  | {
      readonly kind: 'figures'
      readonly residentBytes?: number
      readonly spilledBytes?: number
      readonly isPurged?: boolean
    }

export interface StreamShape {
  readonly columns: readonly ResultColumn[]
  readonly types: readonly EngineType[]
}

export type AnswerValue =
  | undefined
  | { readonly session: number }
  | { readonly shape: StreamShape }
  | { readonly kinds: readonly string[] }
  | { readonly rows: number }
  | { readonly memory: EngineMemory }
  | { readonly relievedBytes: number }

export interface WireError {
  readonly code: ErrorCode
  readonly message: string
  readonly remedy: string | undefined
  readonly context: ErrorContext
  readonly retryable: boolean
}

export function wireError(error: unknown): WireError {
  if (!(error instanceof IceboxError)) {
    return { code: 'engine/failed', message: messageOf(error), remedy: undefined, context: {}, retryable: false }
  }
  const { code, message, remedy, context, retryable } = error
  return { code, message, remedy, context, retryable }
}

export function fromWire({ code, message, remedy, context, retryable }: WireError): IceboxError {
  return new IceboxError(code, { message, context, retryable, ...(remedy === undefined ? {} : { remedy }) })
}

/** Both ends are of one build; what is not of its protocol comes from something else that writes to the socket. */
export function isToEngine(message: unknown): message is ToEngine {
  return hasKind(message)
}

export function isFromEngine(message: unknown): message is FromEngine {
  return hasKind(message)
}

function hasKind(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'kind' in message && typeof message.kind === 'string'
}

export function strayMessage(message: unknown): IceboxError {
  return new IceboxError('internal/unreachable', {
    message: `a message of the engine's protocol without meaning here: ${JSON.stringify(message)?.slice(0, 100)}`,
  })
}
