import { HoleList } from './hole-list.ts'
import type { SlabClass } from './size-classes.ts'

/** The part of a slab that one lease has. */
export interface Slot {
  readonly consumer: string
  /** Bytes asked for. */
  readonly byteLength: number
  /** Bytes taken of the slab. */
  readonly slotBytes: number
  /** Where it lies; changes when it is moved. */
  slab: Slab
  offset: number
  pins: number
  /** Its lease was released; while pinned, the bytes stay where they are. */
  isReleased: boolean
  /** Where it was leased, when leaks are looked for. */
  readonly site: { readonly stack?: string } | undefined
}

/** One buffer that leases share, and who has which part of it. */
export class Slab {
  readonly slabClass: SlabClass
  readonly buffer: ArrayBuffer
  readonly reservation: { release(): void }
  readonly holes: HoleList
  readonly slots = new Set<Slot>()

  constructor(slabClass: SlabClass, buffer: ArrayBuffer, reservation: { release(): void }) {
    this.slabClass = slabClass
    this.buffer = buffer
    this.reservation = reservation
    this.holes = HoleList.ofEmpty(buffer.byteLength)
  }

  get sizeBytes(): number {
    return this.holes.sizeBytes
  }

  bytesOf(slot: Slot): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.buffer, slot.offset, slot.byteLength)
  }

  put(slot: Slot, offset: number): void {
    this.holes.take(offset, slot.slotBytes)
    this.slots.add(slot)
    slot.slab = this
    slot.offset = offset
  }

  remove(slot: Slot): void {
    this.slots.delete(slot)
    this.holes.free(slot.offset, slot.slotBytes)
  }
}

/** The fullest of the slabs that has room, so that sparse ones run empty; the best hole in it. */
export function findRoom<Room extends { readonly holes: HoleList }>(
  slabs: Iterable<Room>,
  bytes: number,
): { readonly slab: Room; readonly offset: number } | undefined {
  let best: { readonly slab: Room; readonly offset: number } | undefined
  for (const slab of slabs) {
    if (best !== undefined && slab.holes.usedBytes <= best.slab.holes.usedBytes) continue
    const offset = slab.holes.find(bytes)
    if (offset !== undefined) best = { slab, offset }
  }
  return best
}
