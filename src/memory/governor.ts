import { cancelledError, formatBytes, IceboxError, throwIfCancelled } from '../base/index.ts'

export interface ReserveOptions {
  /** Who asks: levels apart by `/`, the operation first: `import 3/staging`. */
  readonly consumer: string
  readonly bytes: number
  readonly signal?: AbortSignal
}

/** A part of the budget that is held. Released exactly once: a second `release` does nothing. */
export interface Reservation extends Disposable {
  readonly consumer: string
  readonly bytes: number
  /** Changes the size: growing beyond what is free rejects `memory/refused`, and the reservation stays as it was. */
  resize(bytes: number): void
  release(): void
}

interface Held {
  readonly consumer: string
  bytes: number
}

interface Waiter {
  readonly consumer: string
  readonly bytes: number
  readonly grant: (reservation: Reservation) => void
  readonly stopListening: () => void
}

/**
 * Who holds how much of the budget. Reservations are promises about memory, made before it is taken;
 * what is asked and not free waits in order of arrival (no small request overtakes a large one).
 */
export class Governor {
  readonly budgetBytes: number
  readonly #maxWaiters: number
  readonly #held = new Set<Held>()
  readonly #waiting: Waiter[] = []
  readonly #peaks = new Map<string, number>()
  readonly #heldByName = new Map<string, number>()
  #heldBytes = 0

  constructor(options: { readonly budgetBytes: number; readonly maxWaiters?: number }) {
    this.budgetBytes = options.budgetBytes
    this.#maxWaiters = options.maxWaiters ?? 10_000
  }

  static create(options: { readonly budgetBytes: number; readonly maxWaiters?: number }): Governor {
    return new Governor(options)
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  get freeBytes(): number {
    return this.budgetBytes - this.#heldBytes
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** The reservation if it is free now and nobody waits before it, else undefined. */
  tryReserve(options: { readonly consumer: string; readonly bytes: number }): Reservation | undefined {
    requireSize(options.bytes)
    if (this.#waiting.length > 0 || options.bytes > this.freeBytes) return undefined
    return this.#take(options.consumer, options.bytes)
  }

  /**
   * Waits until the bytes are free. Rejects `memory/refused` at once where they cannot become free by waiting for
   * others of a finite life (more than the budget), and `cancelled` when the signal fires.
   */
  async reserve(options: ReserveOptions): Promise<Reservation> {
    throwIfCancelled(options.signal)
    requireSize(options.bytes)
    if (options.bytes > this.budgetBytes || this.#waiting.length >= this.#maxWaiters) throw this.#refusal(options)
    const now = this.tryReserve(options)
    if (now !== undefined) return now
    return new Promise((resolve, reject) => {
      const { signal } = options
      const cancel = () => {
        const at = this.#waiting.indexOf(waiter)
        if (at >= 0) this.#waiting.splice(at, 1)
        if (signal !== undefined) reject(cancelledError(signal))
        this.#serve()
      }
      const waiter: Waiter = {
        consumer: options.consumer,
        bytes: options.bytes,
        grant: resolve,
        stopListening: () => signal?.removeEventListener('abort', cancel),
      }
      signal?.addEventListener('abort', cancel, { once: true })
      this.#waiting.push(waiter)
    })
  }

  /** Who holds most now, names rolled up to their first level, largest first. */
  holders(): { readonly name: string; readonly bytes: number }[] {
    const sums = new Map<string, number>()
    for (const held of this.#held) {
      const name = topLevel(held.consumer)
      sums.set(name, (sums.get(name) ?? 0) + held.bytes)
    }
    return [...sums].map(([name, bytes]) => ({ name, bytes })).toSorted((a, b) => b.bytes - a.bytes)
  }

  #take(consumer: string, bytes: number): Reservation {
    const held: Held = { consumer, bytes: 0 }
    this.#held.add(held)
    this.#change(held, bytes)
    let released = false
    const release = () => {
      if (released) return
      released = true
      this.#change(held, -held.bytes)
      this.#held.delete(held)
      this.#serve()
    }
    return {
      consumer,
      get bytes() {
        return held.bytes
      },
      resize: (next) => {
        requireSize(next)
        if (released) {
          throw new IceboxError('internal/unreachable', { message: `resize of the released reservation ${consumer}` })
        }
        if (next - held.bytes > this.freeBytes) throw this.#refusal({ consumer, bytes: next - held.bytes })
        this.#change(held, next - held.bytes)
        this.#serve()
      },
      release,
      [Symbol.dispose]: release,
    }
  }

  #change(held: Held, bytes: number): void {
    held.bytes += bytes
    this.#heldBytes += bytes
    for (const name of levels(held.consumer)) {
      const now = (this.#heldByName.get(name) ?? 0) + bytes
      if (now === 0) this.#heldByName.delete(name)
      else this.#heldByName.set(name, now)
      if (now > (this.#peaks.get(name) ?? 0)) this.#peaks.set(name, now)
    }
  }

  #serve(): void {
    for (let first = this.#waiting[0]; first !== undefined && first.bytes <= this.freeBytes; first = this.#waiting[0]) {
      this.#waiting.shift()
      first.stopListening()
      first.grant(this.#take(first.consumer, first.bytes))
    }
  }

  #refusal(asked: { readonly consumer: string; readonly bytes: number }): IceboxError {
    const holders = this.holders().slice(0, 3)
    return new IceboxError('memory/refused', {
      message: `${asked.consumer} needs ${formatBytes(asked.bytes)}; ${formatBytes(this.freeBytes)} of ${formatBytes(this.budgetBytes)} is free`,
      remedy: 'raise performance.memory.max_usage, or wait for what holds it',
      context: {
        consumer: asked.consumer,
        askedBytes: asked.bytes,
        heldBytes: this.#heldBytes,
        freeBytes: this.freeBytes,
        budgetBytes: this.budgetBytes,
        holders: holders.map((holder) => `${holder.name}: ${formatBytes(holder.bytes)}`),
      },
    })
  }
}

function requireSize(bytes: number): void {
  if (Number.isSafeInteger(bytes) && bytes >= 0) return
  throw new IceboxError('internal/unreachable', { message: `a reservation of ${bytes} bytes` })
}

function topLevel(consumer: string): string {
  const slash = consumer.indexOf('/')
  return slash < 0 ? consumer : consumer.slice(0, slash)
}

/** `a/b/c` counts for itself, `a/b` and `a`. */
function levels(consumer: string): string[] {
  const names = [consumer]
  for (let slash = consumer.lastIndexOf('/'); slash > 0; slash = consumer.lastIndexOf('/', slash - 1)) {
    names.push(consumer.slice(0, slash))
  }
  return names
}
