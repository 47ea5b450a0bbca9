import { cancelledError, throwIfCancelled, whenAborted } from '../../base/index.ts'

/** What `wait` comes to, unless the signal fires before: then it rejects `cancelled`. */
export async function cancellable<Value>(wait: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return await wait
  throwIfCancelled(signal)
  let leave = () => {}
  const cancelled = new Promise<never>((_, reject) => {
    leave = whenAborted(signal, () => reject(cancelledError(signal)))
  })
  try {
    return await Promise.race([wait, cancelled])
  } finally {
    leave()
  }
}
