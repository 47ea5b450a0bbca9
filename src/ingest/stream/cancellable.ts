import { cancelledError, throwIfCancelled } from '../../base/index.ts'

/** What `wait` comes to, unless the signal fires before: then it rejects `cancelled`. */
export async function cancellable<Value>(wait: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return await wait
  throwIfCancelled(signal)
  let stop = () => {}
  const cancelled = new Promise<never>((_, reject) => {
    stop = () => reject(cancelledError(signal))
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([wait, cancelled])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
