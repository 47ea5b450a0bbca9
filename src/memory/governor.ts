import { cancelledError, formatBytes, IceboxError, throwIfCancelled } from '../base/index.ts'
import { BillMeter } from './bill.ts'

export interface ReserveOptions {
  /** Who asks: levels apart by `/`, the operation first: `import 3/staging`. */
  readonly consumer: string
  readonly bytes: number
  readonly signal?: AbortSignal
  /** A measured consumer (`engine`) that these bytes are part of: they are held here and billed there. */
  readonly within?: string
}

/** A part of the budget that is held. Released exactly once: a second `release` does nothing. */
export interface Reservation extends Disposable {
  readonly consumer: string
  readonly bytes: number
  /** Changes the size: growing beyond what is free rejects `memory/refused`, and the reservation stays as it was. */
  resize(bytes: number): void
  release(): void
}

export interface GovernorOptions {
  readonly budgetBytes: number
  /** What the process takes by itself: held from the start under the name `process`. */
  readonly baseBytes?: number
  /** Reservations that may wait at once (default 10,000); more are refused. */
  readonly maxWaiters?: number
}

interface Held {
  readonly consumer: string
  readonly within: string | undefined
  bytes: number
}

interface Waiter {
  readonly options: ReserveOptions
  readonly grant: (reservation: Reservation) => void
  readonly refuse: (error: IceboxError) => void
  readonly stopListening: () => void
}

/**
 * Who holds how much of the budget. A reservation is a promise about memory, made before the memory is taken.
 * What is asked and not free waits in order of arrival: no small request overtakes a large one.
 */
export class Governor {
  #budgetBytes: number
  readonly #baseBytes: number
  readonly #maxWaiters: number
  readonly #held = new Set<Held>()
  readonly #waiting: Waiter[] = []
  readonly #heldByName = new Map<string, number>()
  readonly #measured = new Map<string, number>()
  readonly #meters = new Set<BillMeter>()
  #heldBytes = 0

  private constructor(options: GovernorOptions) {
    this.#budgetBytes = options.budgetBytes
    this.#baseBytes = options.baseBytes ?? 0
    this.#maxWaiters = options.maxWaiters ?? 10_000
    if (this.#baseBytes > 0) this.#take({ consumer: 'process', bytes: this.#baseBytes })
  }

  static create(options: GovernorOptions): Governor {
    return new Governor(options)
  }

  get budgetBytes(): number {
    return this.#budgetBytes
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** 0 while more is held than a budget that was lowered. */
  get freeBytes(): number {
    return Math.max(0, this.budgetBytes - this.#heldBytes)
  }

  /** Reservations that wait now. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** The reservation if its bytes are free now and nobody waits before it, else undefined. */
  tryReserve(options: Omit<ReserveOptions, 'signal'>): Reservation | undefined {
    requireSize(options.bytes)
    if (this.#waiting.length > 0 || options.bytes > this.freeBytes) return undefined
    return this.#take(options)
  }

  /**
   * Waits until the bytes are free. Rejects `memory/refused` at once where waiting cannot help (more than the budget
   * has beyond the process itself) or too many wait already, and `cancelled` when the signal fires.
   */
  async reserve(options: ReserveOptions): Promise<Reservation> {
    throwIfCancelled(options.signal)
    requireSize(options.bytes)
    if (options.bytes > this.budgetBytes - this.#baseBytes) throw this.#refusal(options)
    if (this.#waiting.length >= this.#maxWaiters) throw this.#refusal(options)
    const now = this.tryReserve(options)
    if (now !== undefined) return now
    return new Promise((resolve, reject) => {
      const { signal } = options
      const cancel = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        if (signal !== undefined) reject(cancelledError(signal))
        // It may have been the one that those behind it waited for.
        this.#serve()
      }
      const waiter: Waiter = {
        options,
        grant: resolve,
        refuse: reject,
        stopListening: () => signal?.removeEventListener('abort', cancel),
      }
      signal?.addEventListener('abort', cancel, { once: true })
      this.#waiting.push(waiter)
    })
  }

  /**
   * Another budget from now on. Below what is held nothing is taken away, and nothing is granted until it fits; who waits
   * for more than the new budget can ever have is refused.
   */
  changeBudget(bytes: number): void {
    requireSize(bytes)
    this.#budgetBytes = bytes
    for (const meter of this.#meters) meter.noteBudget(bytes)
    for (const waiter of this.#waiting.filter(({ options }) => options.bytes > bytes - this.#baseBytes)) {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
      waiter.stopListening()
      waiter.refuse(this.#refusal(waiter.options))
    }
    this.#serve()
  }

  /** Who holds most now, names rolled up to their first level, largest first. */
  holders(): { readonly name: string; readonly bytes: number }[] {
    return [...this.#heldByName]
      .filter(([name]) => !name.includes('/'))
      .map(([name, bytes]) => ({ name, bytes }))
      .toSorted((a, b) => b.bytes - a.bytes)
  }

  /** A part of the process tells what it was measured to hold (the engine: what its allocator has of the system). */
  measured(name: string, bytes: number): void {
    this.#measured.set(name, bytes)
    for (const meter of this.#meters) meter.note(name, bytes, undefined)
  }

  /** The engine tells how much lies in its spill folder now. */
  spilled(bytes: number): void {
    for (const meter of this.#meters) meter.noteSpill(bytes)
  }

  /** Starts the bill of an operation; its reservations carry its name as their first level. */
  bill(operation: string): BillMeter {
    const meter = new BillMeter(
      { budgetBytes: this.budgetBytes, measured: this.#measured, onClose: (closed) => this.#meters.delete(closed) },
      operation,
    )
    this.#meters.add(meter)
    return meter
  }

  #take(options: ReserveOptions): Reservation {
    const held: Held = { consumer: options.consumer, within: options.within, bytes: 0 }
    this.#held.add(held)
    this.#change(held, options.bytes)
    const release = () => {
      if (!this.#held.delete(held)) return
      this.#change(held, -held.bytes)
      this.#serve()
    }
    return {
      consumer: held.consumer,
      get bytes() {
        return held.bytes
      },
      resize: (bytes) => {
        requireSize(bytes)
        if (!this.#held.has(held)) {
          throw new IceboxError('internal/unreachable', { message: `${held.consumer} resized what it had released` })
        }
        if (bytes - held.bytes > this.freeBytes) throw this.#refusal({ ...options, bytes: bytes - held.bytes })
        this.#change(held, bytes - held.bytes)
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
      for (const meter of this.#meters) meter.note(name, now, held.within)
    }
  }

  #serve(): void {
    for (;;) {
      const first = this.#waiting[0]
      if (first === undefined || first.options.bytes > this.freeBytes) return
      this.#waiting.shift()
      first.stopListening()
      first.grant(this.#take(first.options))
    }
  }

  #refusal(asked: ReserveOptions): IceboxError {
    const holders = this.holders()
      .slice(0, 3)
      .map((holder) => `${holder.name} (${formatBytes(holder.bytes)})`)
    return new IceboxError('memory/refused', {
      message: `${asked.consumer} needs ${formatBytes(asked.bytes)}; ${formatBytes(this.freeBytes)} of ${formatBytes(this.budgetBytes)} is free${holders.length === 0 ? '' : `, held by ${holders.join(', ')}`}`,
      remedy: 'raise performance.memory.max_usage, or try again when less runs at once',
      context: {
        consumer: asked.consumer,
        askedBytes: asked.bytes,
        heldBytes: this.#heldBytes,
        freeBytes: this.freeBytes,
        budgetBytes: this.budgetBytes,
        holders,
      },
      retryable: asked.bytes <= this.budgetBytes - this.#baseBytes,
    })
  }
}

function requireSize(bytes: number): void {
  if (Number.isSafeInteger(bytes) && bytes >= 0) return
  throw new IceboxError('internal/unreachable', { message: `a reservation of ${bytes} bytes` })
}

/** `a/b/c` counts for itself, for `a/b` and for `a`. */
function levels(consumer: string): string[] {
  const names = [consumer]
  for (let slash = consumer.lastIndexOf('/'); slash > 0; slash = consumer.lastIndexOf('/', slash - 1)) {
    names.push(consumer.slice(0, slash))
  }
  return names
}
