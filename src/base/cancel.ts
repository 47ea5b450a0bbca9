import { IceboxError } from './errors.ts'

/** Throws `cancelled` when the signal is aborted; an {@link IceboxError} given as the reason is thrown as it is. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelledError(signal)
}

/** The error of an aborted signal. */
export function cancelledError(signal: AbortSignal): IceboxError {
  const reason: unknown = signal.reason
  if (reason instanceof IceboxError) return reason
  return new IceboxError('cancelled', { message: 'cancelled', cause: reason })
}
