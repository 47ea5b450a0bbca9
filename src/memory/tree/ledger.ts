import { cancelledError, IceboxError, throwIfCancelled, whenAborted } from '../../base/index.ts'
import { attribute } from './attribution.ts'
import { type BudgetNode, BudgetTree, levelsOf } from './budget-tree.ts'
import { refusal } from './refusal.ts'
import type { Reservation, ReserveOptions } from './reservation.ts'
import { type Blocker, WaitLine, type Waiting } from './wait-line.ts'

/** Names of what is held without a reservation. */
export const PROCESS = 'process'
export const HEAPS = 'heaps'
export const UNATTRIBUTED = 'unattributed'
/** What others in the container or on the machine have taken of the budget. */
export const OTHERS = 'other processes'

export interface LedgerOptions {
  readonly budgetBytes: number
  readonly baseBytes: number
  readonly maxWaiters: number
  /** Share of the budget that measured memory cannot take from promises: what the plan of the engine leaves for others. */
  readonly keptShare: number
  /** How long a request waits that only memory without an owner keeps from being granted. */
  readonly patienceMs: number
  /** A part holds so many bytes now, after a reservation changed. */
  readonly onChange: (consumer: string, heldBytes: number, within: string | undefined) => void
}

interface Held {
  readonly consumer: string
  readonly within: string | undefined
  bytes: number
}

interface Waiter extends Waiting {
  readonly options: ReserveOptions
  readonly sinceMs: number
  readonly grant: (reservation: Reservation) => void
  readonly refuse: (error: IceboxError) => void
}

/**
 * The books: what is promised to whom, what was seen beside it, who waits. A reservation is a promise about memory,
 * made before the memory is taken; what is seen is memory, whoever took it.
 */
export class Ledger {
  readonly #options: LedgerOptions
  readonly #tree = new BudgetTree('process tree')
  readonly #held = new Set<Held>()
  readonly #line = new WaitLine<Waiter>()
  readonly #promisedWithin = new Map<string, number>()
  /** What was seen, by part; replaced by the next look. */
  readonly #seen = new Map<string, number>()
  #budgetBytes: number
  #promisedBytes = 0
  #isLooking = false

  constructor(options: LedgerOptions) {
    this.#options = options
    this.#budgetBytes = options.budgetBytes
    if (options.baseBytes > 0) this.#tree.change(PROCESS, options.baseBytes)
  }

  get budgetBytes(): number {
    return this.#budgetBytes
  }

  /** Base, promises and what was seen beside them. */
  get heldBytes(): number {
    return this.#tree.heldBytes
  }

  /** What was seen without a promise: the engine's, the heaps' and nobody's. */
  get seenBytes(): number {
    return [...this.#seen.values()].reduce((sum, bytes) => sum + bytes, 0)
  }

  get waiting(): number {
    return this.#line.size
  }

  /** What a reservation could get now: see "What is free" in the README. */
  get freeBytes(): number {
    const bySight = this.#budgetBytes - this.#tree.heldBytes
    const kept = Math.floor(this.#budgetBytes * this.#options.keptShare) - this.#promisedBytes
    return Math.max(0, Math.min(this.#byPromises(), Math.max(bySight, kept)))
  }

  heldBy(path: string): number {
    return this.#tree.heldBy(path)
  }

  snapshot(): BudgetNode {
    return this.#tree.snapshot()
  }

  limit(path: string, bytes: number | undefined): void {
    this.#tree.limit(path, bytes)
    this.serve()
  }

  /** Another budget from now on. Who waits and never can be served under it is refused. */
  changeBudget(budgetBytes: number): void {
    requireSize(budgetBytes)
    this.#budgetBytes = budgetBytes
    for (const waiter of this.#line.all()) {
      if (waiter.options.bytes > this.#mostFor(waiter.options)) this.#refuseWaiter(waiter)
    }
    this.serve()
  }

  tryReserve(options: ReserveOptions): Reservation | undefined {
    requireSize(options.bytes)
    if (this.#blockerOf(options) !== undefined) return undefined
    if (!this.#line.admit(waitingOf(options), (waiter) => this.#blockerOf(waiter.options))) return undefined
    return this.#take(options)
  }

  async reserve(options: ReserveOptions): Promise<Reservation> {
    throwIfCancelled(options.signal)
    requireSize(options.bytes)
    if (options.bytes > this.#mostFor(options)) throw this.#refusal(options)
    const now = this.tryReserve(options)
    if (now !== undefined) return now
    if (this.#line.size >= this.#options.maxWaiters) throw this.#refusal(options)
    return await this.#wait(options)
  }

  /** Books what was seen: see {@link attribute}. Serves who fits by now, refuses whose patience is over. */
  see(seen: {
    readonly usedBytes: number
    readonly heapGrowthBytes: number
    readonly measured: ReadonlyMap<string, number>
    /** What the operating system could still give; undefined where it does not say. */
    readonly spareBytes?: number | undefined
  }): void {
    const found = attribute({
      ...seen,
      baseBytes: this.#options.baseBytes,
      promisedBytes: this.#promisedBytes,
      promisedWithin: (name) => this.#promisedWithin.get(name) ?? 0,
    })
    this.#isLooking = true
    for (const name of this.#seen.keys()) if (!found.measured.has(name)) this.#book(name, 0)
    for (const [name, bytes] of found.measured) this.#book(name, bytes)
    this.#book(HEAPS, found.heapsBytes)
    this.#book(UNATTRIBUTED, found.unattributedBytes)
    // A budget that is not there any more is not to be given away: growing into it would have the kernel end somebody.
    const spareBytes = seen.spareBytes ?? Number.POSITIVE_INFINITY
    this.#book(OTHERS, Math.max(0, this.#budgetBytes - seen.usedBytes - spareBytes))
    this.serve()
    for (const waiter of this.#line.all()) if (this.#isHopeless(waiter)) this.#refuseWaiter(waiter)
    this.serve()
  }

  /** True while someone waits who would be served if only promises counted: then relief may help. */
  get isShortOfMemory(): boolean {
    if (!this.#isLooking) return false
    const { first } = this.#line
    return first !== undefined && first.options.bytes <= this.#byPromises()
  }

  /** Grants what fits by now, in turn. */
  serve(): void {
    for (;;) {
      const next = this.#line.take((waiter) => this.#blockerOf(waiter.options))
      if (next === undefined) return
      next.grant(this.#take(next.options))
    }
  }

  #wait(options: ReserveOptions): Promise<Reservation> {
    return new Promise((resolve, reject) => {
      const { signal, deadlineMs } = options
      const settle = () => {
        clearTimeout(timer)
        stopListening()
      }
      const leave = () => {
        settle()
        this.#line.remove(waiter)
      }
      const waiter: Waiter = {
        ...waitingOf(options),
        options,
        sinceMs: performance.now(),
        grant: (reservation) => {
          settle()
          resolve(reservation)
        },
        refuse: (error) => {
          leave()
          reject(error)
        },
      }
      const cancel = () => {
        leave()
        if (signal !== undefined) reject(cancelledError(signal))
        // It may have been the one that those behind it waited for.
        this.serve()
      }
      const stopListening = whenAborted(signal, cancel)
      const timer =
        deadlineMs === undefined
          ? undefined
          : setTimeout(() => {
              this.#refuseWaiter(waiter)
              this.serve()
            }, deadlineMs)
      this.#line.add(waiter)
    })
  }

  #refuseWaiter(waiter: Waiter): void {
    waiter.refuse(this.#refusal(waiter.options, performance.now() - waiter.sinceMs))
  }

  /**
   * Promises leave room, but memory that nobody answers for does not, and it did not go in all the time: the engine's
   * goes with its statements and is waited for.
   */
  #isHopeless({ options, sinceMs }: Waiter): boolean {
    if (performance.now() - sinceMs < this.#options.patienceMs) return false
    const ownerless = this.#tree.heldBy(UNATTRIBUTED) + this.#tree.heldBy(HEAPS) + this.#tree.heldBy(OTHERS)
    const isPromised = options.bytes > this.#byPromises()
    return !isPromised && options.bytes > this.#byPromises() - ownerless
  }

  #take(options: ReserveOptions): Reservation {
    const held: Held = { consumer: options.consumer, within: options.within, bytes: 0 }
    this.#held.add(held)
    this.#change(held, options.bytes)
    const release = () => {
      if (!this.#held.delete(held)) return
      this.#change(held, -held.bytes)
      this.serve()
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
        const more = { ...options, bytes: bytes - held.bytes }
        if (more.bytes > 0 && this.#blockerOf(more) !== undefined) throw this.#refusal(more)
        this.#change(held, more.bytes)
        if (more.bytes < 0) this.serve()
      },
      release,
      [Symbol.dispose]: release,
    }
  }

  #change(held: Held, bytes: number): void {
    const { consumer, within } = held
    held.bytes += bytes
    this.#promisedBytes += bytes
    if (within !== undefined) this.#promisedWithin.set(within, (this.#promisedWithin.get(within) ?? 0) + bytes)
    this.#tree.change(pathOf(held), bytes)
    for (const level of levelsOf(consumer)) {
      const path = within === undefined ? level : `${within}/${level}`
      this.#options.onChange(level, this.#tree.heldBy(path), within)
    }
  }

  #book(name: string, bytes: number): void {
    this.#tree.change(name, bytes - (this.#seen.get(name) ?? 0))
    if (bytes === 0) this.#seen.delete(name)
    else this.#seen.set(name, bytes)
  }

  #blockerOf(options: ReserveOptions): Blocker | undefined {
    const limit = this.#tree.tightest(pathOf(options))
    if (limit !== undefined && options.bytes > limit.freeBytes) return limit
    return options.bytes > this.freeBytes ? 'whole' : undefined
  }

  #byPromises(): number {
    return this.#budgetBytes - this.#options.baseBytes - this.#promisedBytes
  }

  /** The most that waiting could ever give. */
  #mostFor(options: ReserveOptions): number {
    return Math.min(this.#budgetBytes - this.#options.baseBytes, this.#tree.leastLimit(pathOf(options)))
  }

  #refusal(options: ReserveOptions, waitedMs?: number): IceboxError {
    const limit = this.#tree.tightest(pathOf(options))
    return refusal({
      consumer: options.consumer,
      askedBytes: options.bytes,
      heldBytes: this.heldBytes,
      freeBytes: this.freeBytes,
      budgetBytes: this.#budgetBytes,
      holders: this.holders(),
      limit: limit !== undefined && options.bytes > limit.freeBytes ? limit : undefined,
      waitedMs,
      retryable: options.bytes <= this.#mostFor(options),
    })
  }

  /** Who holds most, by first level, largest first. */
  holders(): { readonly name: string; readonly bytes: number }[] {
    return this.snapshot()
      .children.filter(({ heldBytes }) => heldBytes > 0)
      .map(({ name, heldBytes }) => ({ name, bytes: heldBytes }))
  }
}

function waitingOf(options: ReserveOptions): Waiting {
  return { priority: options.priority ?? 'normal', levels: levelsOf(pathOf(options)) }
}

function pathOf({ consumer, within }: { readonly consumer: string; readonly within?: string | undefined }): string {
  return within === undefined ? consumer : `${within}/${consumer}`
}

function requireSize(bytes: number): void {
  if (Number.isSafeInteger(bytes) && bytes >= 0) return
  throw new IceboxError('internal/unreachable', { message: `a reservation of ${bytes} bytes` })
}
