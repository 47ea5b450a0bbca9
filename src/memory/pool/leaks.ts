import type { Slot } from './slab.ts'

/** A lease that nobody gave back, so far. */
export interface Leak {
  readonly consumer: string
  readonly byteLength: number
  /** `pinned`: released, but a pin was never undone. `dropped`: its handle was garbage; the pool took the bytes back. */
  readonly state: 'held' | 'pinned' | 'dropped'
  /** The stack of the call of `lease`, where leaks are looked for. */
  readonly site: string | undefined
}

export function leakOf(slot: Slot, isDropped = false): Leak {
  return {
    consumer: slot.consumer,
    byteLength: slot.byteLength,
    state: isDropped ? 'dropped' : slot.isReleased ? 'pinned' : 'held',
    // The first line is the name of an error, the second the pool itself.
    site: slot.site?.stack?.split('\n').slice(2).join('\n'),
  }
}

/** The stack of who called the caller; its text is made only when it is read. */
export function captureSite(): { readonly stack?: string } {
  const site: { stack?: string } = {}
  Error.captureStackTrace(site, captureSite)
  return site
}
