import { formatBytes, IceboxError } from '../../base/index.ts'
import type { Lease } from '../lease.ts'
import type { Slot } from './slab.ts'

/** What a lease tells its pool. */
export interface LeaseOwner {
  /** From no pin to one, and back. */
  pinned(lease: Lease): void
  unpinned(lease: Lease): void
  /** Released and not pinned: the bytes may be given to others. */
  freed(slot: Slot): void
}

/** The handle of a slot. A pinned one that is released keeps its bytes until the last `unpin`: somebody still reads them. */
export class SlabLease implements Lease {
  readonly byteLength: number
  readonly #slot: Slot
  readonly #owner: LeaseOwner
  #view: Uint8Array<ArrayBuffer> | undefined

  constructor(slot: Slot, owner: LeaseOwner) {
    this.byteLength = slot.byteLength
    this.#slot = slot
    this.#owner = owner
  }

  pin(): Uint8Array<ArrayBuffer> {
    const slot = this.#slot
    if (slot.isReleased) throw misuse(slot, 'was pinned after its release')
    slot.pins++
    if (this.#view === undefined) {
      this.#view = slot.slab.bytesOf(slot)
      this.#owner.pinned(this)
    }
    return this.#view
  }

  unpin(): void {
    const slot = this.#slot
    if (slot.pins === 0) throw misuse(slot, 'was unpinned more often than pinned')
    slot.pins--
    if (slot.pins > 0) return
    this.#view = undefined
    this.#owner.unpinned(this)
    if (slot.isReleased) this.#owner.freed(slot)
  }

  release(): void {
    const slot = this.#slot
    if (slot.isReleased) return
    slot.isReleased = true
    if (slot.pins === 0) this.#owner.freed(slot)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

function misuse(slot: Slot, what: string): IceboxError {
  return new IceboxError('internal/unreachable', {
    message: `a buffer of ${formatBytes(slot.byteLength)} of ${slot.consumer} ${what}`,
    remedy: 'report this as a bug of Icebox',
    context: { consumer: slot.consumer, byteLength: slot.byteLength },
  })
}
