import { formatBytes, IceboxError } from '../../base/index.ts'
import type { BufferAllocator, Lease } from '../lease.ts'
import { type PoolClock, systemClock } from './clock.ts'
import { planCompaction } from './compaction.ts'
import { captureSite, type Leak, leakOf } from './leaks.ts'
import { fitLease, type LeaseFit, servesLarge } from './size-classes.ts'
import { findRoom, Slab, type Slot } from './slab.ts'
import { type LeaseOwner, SlabLease } from './slab-lease.ts'
import { type SlabMemory, systemSlabMemory } from './slab-memory.ts'
import { fragmentationOf, type PoolBytes, type PoolStatistics } from './statistics.ts'

/** Whom the pool asks before it takes memory: the governor. */
export interface SlabBudget {
  tryReserve(options: { readonly consumer: string; readonly bytes: number }): { release(): void } | undefined
}

export interface SlabPoolOptions {
  readonly budget: SlabBudget
  /** Slabs without leases that are kept (`performance.memory.pool_size`, capped by the caller). */
  readonly poolSizeBytes: number
  /** The ceiling of all slabs. */
  readonly maxBytes: number
  /** Share of holes above which a release compacts (`performance.memory.defrag_threshold`). */
  readonly defragThreshold: number
  /** Without leases and releases for this long (default 30 s), nothing is kept. */
  readonly idleMs?: number
  /**
   * Notes where each lease was made, and overwrites what is released, so that a late reader is seen.
   * For tests, and with `ICEBOX_DETECT_LEAKS=1`.
   */
  readonly detectLeaks?: boolean
  /** Told of each lease that became garbage before it was released. */
  readonly onDropped?: (leak: Leak) => void
  readonly clock?: PoolClock
  readonly memory?: SlabMemory
}

/** A release compacts at most this often, and moves at most this much (some 5 ms). */
const COMPACT_EVERY_MS = 1_000
const MAX_MOVE_BYTES = 32 * 1024 * 1024

const IDLE_MS = 30_000

/** Dropped leases whose story is kept. */
const MAX_DROPPED_TOLD = 100

const FREED_BYTE = 0xdb

/**
 * Buffers cut from slabs outside the V8 heap. Slabs are reserved before they are made, reused while there is work, and
 * given back when they are too many, too sparse, under pressure, or idle. Invariants P1 to P8: src/memory/README.md.
 */
export class SlabPool implements BufferAllocator {
  /** As the governor knows it, who may ask it for relief. */
  readonly name = 'pool'
  readonly #options: SlabPoolOptions
  readonly #clock: PoolClock
  readonly #memory: SlabMemory
  readonly #detectsLeaks: boolean
  readonly #slabs = { small: new Set<Slab>(), medium: new Set<Slab>(), large: new Set<Slab>() }
  /** Those without leases, the longest unused first. */
  readonly #kept = new Set<Slab>()
  readonly #slots = new Set<Slot>()
  /** Held strongly: the view of a pinned lease may be in use although nobody has the handle any more. */
  readonly #pinned = new Set<Lease>()
  readonly #handles = new FinalizationRegistry<Slot>((slot) => this.#dropped(slot))
  readonly #owner: LeaseOwner = {
    pinned: (lease) => this.#pinned.add(lease),
    unpinned: (lease) => this.#pinned.delete(lease),
    freed: (slot) => this.#freed(slot),
  }
  readonly #droppedTold: Leak[] = []
  readonly #counts = {
    leased: 0,
    hits: 0,
    refused: 0,
    dropped: 0,
    slabsMade: 0,
    slabsReturned: 0,
    leasesMoved: 0,
    movedBytes: 0,
  }
  #pooledBytes = 0
  #keptBytes = 0
  #slotBytes = 0
  #leasedBytes = 0
  #highWaterBytes = 0
  #lastUseMs: number
  #lastCompactionMs = Number.NEGATIVE_INFINITY
  #stopIdleTimer: (() => void) | undefined
  #isClosed = false

  constructor(options: SlabPoolOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#memory = options.memory ?? systemSlabMemory
    this.#detectsLeaks = options.detectLeaks ?? process.env['ICEBOX_DETECT_LEAKS'] === '1'
    this.#lastUseMs = this.#clock.nowMs()
  }

  /** {@inheritDoc BufferAllocator.lease} What the bytes are at first is whatever was there before. */
  lease(byteLength: number, consumer: string): Lease {
    if (this.#isClosed || !Number.isSafeInteger(byteLength) || byteLength < 0) {
      throw new IceboxError('internal/unreachable', {
        message: `${consumer} asked ${this.#isClosed ? 'a closed pool ' : ''}for a buffer of ${byteLength} bytes`,
        remedy: 'report this as a bug of Icebox',
        context: { consumer, byteLength },
      })
    }
    const fit = fitLease(byteLength)
    const found = this.#findPlace(fit)
    const { slab, offset } = found ?? { slab: this.#makeSlab(fit, byteLength, consumer), offset: 0 }
    const slot: Slot = {
      consumer,
      byteLength,
      slotBytes: fit.slabClass === 'large' ? slab.sizeBytes : fit.slotBytes,
      slab,
      offset,
      pins: 0,
      isReleased: false,
      site: this.#detectsLeaks ? captureSite() : undefined,
    }
    if (this.#kept.delete(slab)) this.#keptBytes -= slab.sizeBytes
    slab.put(slot, offset)
    this.#slots.add(slot)
    this.#slotBytes += slot.slotBytes
    this.#leasedBytes += byteLength
    this.#counts.leased++
    if (found !== undefined) this.#counts.hits++
    this.#used()
    const lease = new SlabLease(slot, this.#owner)
    this.#handles.register(lease, slot, slot)
    return lease
  }

  /**
   * Moves leases that are not pinned out of sparse slabs, and gives back the slabs that become empty. The bytes given
   * back; 0 when nothing can be moved.
   */
  compact(): number {
    const moves = planCompaction<Slot, Slab>([...this.#slabs.small, ...this.#slabs.medium], MAX_MOVE_BYTES)
    const emptied = new Set<Slab>()
    for (const { slot, to, toOffset } of moves) {
      const from = slot.slab
      const bytes = from.bytesOf(slot)
      from.remove(slot)
      to.put(slot, toOffset)
      to.bytesOf(slot).set(bytes)
      this.#counts.leasesMoved++
      this.#counts.movedBytes += slot.byteLength
      emptied.add(from)
    }
    let bytes = 0
    for (const slab of emptied) bytes += this.#giveBack(slab)
    return bytes
  }

  /** Gives kept slabs back, the longest unused first, until at most `toBytes` are kept. The bytes given back. */
  trim(toBytes: number): number {
    let bytes = 0
    for (const slab of this.#kept) {
      if (this.#keptBytes <= toBytes) break
      bytes += this.#giveBack(slab)
    }
    return bytes
  }

  /** Gives back `bytes` or what can be had: kept slabs first, then what moving leases empties. The bytes given back. */
  relieve(bytes: number): number {
    const trimmed = this.trim(Math.max(0, this.#keptBytes - bytes))
    return trimmed >= bytes ? trimmed : trimmed + this.compact()
  }

  statistics(): PoolStatistics {
    const bytes = this.#bytes()
    return {
      ...bytes,
      ...this.#counts,
      fragmentation: fragmentationOf(bytes),
      leases: this.#slots.size,
      pinnedLeases: this.#pinned.size,
      hitRate: this.#counts.leased === 0 ? 1 : this.#counts.hits / this.#counts.leased,
      highWaterBytes: this.#highWaterBytes,
      slabs: {
        small: this.#slabs.small.size,
        medium: this.#slabs.medium.size,
        large: this.#slabs.large.size,
      },
    }
  }

  /** Bytes asked for by consumer, most first. */
  holders(): { readonly consumer: string; readonly bytes: number }[] {
    const byConsumer = new Map<string, number>()
    for (const { consumer, byteLength } of this.#slots) {
      byConsumer.set(consumer, (byConsumer.get(consumer) ?? 0) + byteLength)
    }
    return [...byConsumer].map(([consumer, bytes]) => ({ consumer, bytes })).toSorted((a, b) => b.bytes - a.bytes)
  }

  /** What is held now, and the last 100 that were dropped. */
  leaks(): Leak[] {
    return [...this.#droppedTold, ...[...this.#slots].map((slot) => leakOf(slot))]
  }

  /**
   * Gives everything back that is not leased, and tells what is; the slab of a lease that is still held follows when it
   * is released. No lease is given afterwards.
   */
  close(): Leak[] {
    this.#isClosed = true
    this.#stopIdleTimer?.()
    this.#stopIdleTimer = undefined
    this.trim(0)
    return this.leaks()
  }

  #freed(slot: Slot): void {
    this.#handles.unregister(slot)
    if (this.#detectsLeaks) slot.slab.bytesOf(slot).fill(FREED_BYTE)
    const { slab } = slot
    slab.remove(slot)
    this.#slots.delete(slot)
    this.#slotBytes -= slot.slotBytes
    this.#leasedBytes -= slot.byteLength
    if (slab.slots.size === 0) this.#keep(slab)
    this.#used()
    if (fragmentationOf(this.#bytes()) > this.#options.defragThreshold) this.#compactNowAndThen()
  }

  #findPlace(fit: LeaseFit): { readonly slab: Slab; readonly offset: number } | undefined {
    if (fit.slabClass !== 'large') return findRoom(this.#slabs[fit.slabClass], fit.slotBytes)
    let best: Slab | undefined
    for (const slab of this.#kept) {
      if (slab.slabClass !== 'large' || !servesLarge(slab.sizeBytes, fit.slotBytes)) continue
      // Of equal ones the last used, which may still be in the processor's cache.
      if (best === undefined || slab.sizeBytes <= best.sizeBytes) best = slab
    }
    return best === undefined ? undefined : { slab: best, offset: 0 }
  }

  #makeSlab(fit: LeaseFit, byteLength: number, consumer: string): Slab {
    const reservation = this.#reserve(fit.slabBytes)
    if (reservation === undefined) {
      const isCeiling = this.#pooledBytes + fit.slabBytes > this.#options.maxBytes
      throw this.#refusal(
        fit,
        byteLength,
        consumer,
        isCeiling ? 'and a slab more would be too many' : 'and the budget refuses more',
      )
    }
    let buffer: ArrayBuffer
    try {
      buffer = this.#memory.make(fit.slabBytes)
    } catch (cause) {
      reservation.release()
      if (!(cause instanceof RangeError)) throw cause
      throw this.#refusal(fit, byteLength, consumer, 'and the system has no more', cause)
    }
    const slab = new Slab(fit.slabClass, buffer, reservation)
    this.#slabs[slab.slabClass].add(slab)
    this.#pooledBytes += slab.sizeBytes
    this.#highWaterBytes = Math.max(this.#highWaterBytes, this.#pooledBytes)
    this.#counts.slabsMade++
    return slab
  }

  /** Before it fails it gives back what is kept for others, then what compaction frees. */
  #reserve(bytes: number): { release(): void } | undefined {
    const waysToMakeRoom = [() => 0, () => this.trim(Math.max(0, this.#keptBytes - bytes)), () => this.relieve(bytes)]
    for (const makeRoom of waysToMakeRoom) {
      makeRoom()
      if (this.#pooledBytes + bytes > this.#options.maxBytes) continue
      const reservation = this.#options.budget.tryReserve({ consumer: this.name, bytes })
      if (reservation !== undefined) return reservation
    }
    return undefined
  }

  #keep(slab: Slab): void {
    const { poolSizeBytes } = this.#options
    if (this.#isClosed || slab.sizeBytes > poolSizeBytes) {
      this.#giveBack(slab)
      return
    }
    this.trim(poolSizeBytes - slab.sizeBytes)
    this.#kept.add(slab)
    this.#keptBytes += slab.sizeBytes
  }

  #giveBack(slab: Slab): number {
    if (this.#kept.delete(slab)) this.#keptBytes -= slab.sizeBytes
    this.#slabs[slab.slabClass].delete(slab)
    this.#pooledBytes -= slab.sizeBytes
    this.#counts.slabsReturned++
    // The memory first: a reservation says that its bytes may be used by somebody else.
    this.#memory.giveBack(slab.buffer)
    slab.reservation.release()
    return slab.sizeBytes
  }

  #compactNowAndThen(): void {
    const nowMs = this.#clock.nowMs()
    if (nowMs - this.#lastCompactionMs < COMPACT_EVERY_MS) return
    this.#lastCompactionMs = nowMs
    this.compact()
  }

  #used(): void {
    this.#lastUseMs = this.#clock.nowMs()
    if (this.#stopIdleTimer === undefined && !this.#isClosed) this.#waitForIdle(this.#options.idleMs ?? IDLE_MS)
  }

  #waitForIdle(delayMs: number): void {
    this.#stopIdleTimer = this.#clock.after(delayMs, () => {
      this.#stopIdleTimer = undefined
      const leftMs = this.#lastUseMs + (this.#options.idleMs ?? IDLE_MS) - this.#clock.nowMs()
      if (leftMs > 0) this.#waitForIdle(leftMs)
      else this.relieve(Number.POSITIVE_INFINITY)
    })
  }

  #dropped(slot: Slot): void {
    const leak = leakOf(slot, true)
    this.#counts.dropped++
    this.#droppedTold.push(leak)
    if (this.#droppedTold.length > MAX_DROPPED_TOLD) this.#droppedTold.shift()
    slot.isReleased = true
    this.#freed(slot)
    this.#options.onDropped?.(leak)
  }

  #bytes(): PoolBytes {
    return {
      pooledBytes: this.#pooledBytes,
      leasedBytes: this.#leasedBytes,
      paddingBytes: this.#slotBytes - this.#leasedBytes,
      holeBytes: this.#pooledBytes - this.#keptBytes - this.#slotBytes,
      keptBytes: this.#keptBytes,
    }
  }

  #refusal(fit: LeaseFit, byteLength: number, consumer: string, why: string, cause?: unknown): IceboxError {
    const { maxBytes } = this.#options
    const bytes = this.#bytes()
    const holders = this.holders()
      .slice(0, 3)
      .map((holder) => `${holder.consumer} (${formatBytes(holder.bytes)})`)
    this.#counts.refused++
    return new IceboxError('memory/refused', {
      message: `${consumer} needs a buffer of ${formatBytes(byteLength)}, and no slab has room; the pool has ${formatBytes(bytes.pooledBytes)} of ${formatBytes(maxBytes)}, ${why}; ${formatBytes(bytes.leasedBytes)} is leased${holders.length === 0 ? '' : `, by ${holders.join(', ')}`}`,
      remedy: 'raise performance.memory.max_usage, or try again when less runs at once',
      context: { consumer, askedBytes: byteLength, slabBytes: fit.slabBytes, maxBytes, ...bytes, holders },
      retryable: fit.slabBytes <= maxBytes,
      cause,
    })
  }
}
