/** `small` and `medium` leases share slabs of 4 MiB, each among its own; a `large` one has a slab to itself. */
export type SlabClass = 'small' | 'medium' | 'large'

export interface LeaseFit {
  readonly slabClass: SlabClass
  /** What the lease takes of its slab. */
  readonly slotBytes: number
  /** The slab to make where no slab has room. */
  readonly slabBytes: number
}

const KiB = 1024
const MiB = 1024 * KiB

/**
 * No slab is smaller: glibc maps what is at least this large (the launcher and the engine set its threshold so) and
 * unmaps it at once. Of buffers of 1 to 4 MiB from its heap 92 MiB were in use at 225 MiB resident, and 225 MiB stayed
 * when all were free (docs/decisions/0012-buffer-pool.md).
 */
export const SHARED_SLAB_BYTES = 4 * MiB

/** Short leases (messages without a body, small blocks) would keep slabs of megabytes from becoming empty. */
const LARGEST_SMALL_BYTES = 32 * KiB

/** Offsets in a slab are multiples of these: Arrow wants 64; pages for what goes to files. */
const SMALL_GRAIN_BYTES = 64
const MEDIUM_GRAIN_BYTES = 4 * KiB

/** Sizes of large slabs between two powers of two. */
const LARGE_STEPS = 8

/** A kept large slab serves a lease of at least four fifths of it. */
const LARGE_REUSE = 1.25

/**
 * Rounding wastes at most an eighth of the slot: from 448 bytes on in small ones (63 bytes at most below), 4 KiB of more
 * than 32 in medium ones, one of eight steps in large ones. Reuse of a large slab may waste a fifth.
 */
export function fitLease(byteLength: number): LeaseFit {
  if (byteLength <= LARGEST_SMALL_BYTES) return shared('small', byteLength, SMALL_GRAIN_BYTES)
  if (byteLength <= SHARED_SLAB_BYTES) return shared('medium', byteLength, MEDIUM_GRAIN_BYTES)
  const step = 2 ** Math.floor(Math.log2(byteLength - 1)) / LARGE_STEPS
  const bytes = roundUp(byteLength, step)
  return { slabClass: 'large', slotBytes: bytes, slabBytes: bytes }
}

/** Whether a kept large slab may serve a lease of that slot without wasting much of it. */
export function servesLarge(slabBytes: number, slotBytes: number): boolean {
  return slabBytes >= slotBytes && slabBytes <= slotBytes * LARGE_REUSE
}

function shared(slabClass: SlabClass, byteLength: number, grain: number): LeaseFit {
  return { slabClass, slotBytes: roundUp(Math.max(1, byteLength), grain), slabBytes: SHARED_SLAB_BYTES }
}

function roundUp(bytes: number, step: number): number {
  return Math.ceil(bytes / step) * step
}
