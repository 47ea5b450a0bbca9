import type { HoleList } from './hole-list.ts'
import type { SlabClass } from './size-classes.ts'
import { findRoom } from './slab.ts'

/** What the plan looks at: a slab of the pool is one. */
export interface CompactionSlab<Slot extends CompactionSlot> {
  readonly slabClass: SlabClass
  readonly holes: HoleList
  readonly slots: ReadonlySet<Slot>
}

export interface CompactionSlot {
  readonly slotBytes: number
  readonly pins: number
}

export interface Move<Slab, Slot> {
  readonly slot: Slot
  readonly to: Slab
  readonly toOffset: number
}

/**
 * Which leases to move so that slabs become empty: the sparsest slab first, into the fullest ones of its class that have
 * room. A slab is emptied whole or left alone, since half of it gives nothing back; pinned leases stay, and so do their
 * slabs, which may take others in. No lease moves twice. At most `maxMoveBytes` are moved.
 */
export function planCompaction<Slot extends CompactionSlot, Slab extends CompactionSlab<Slot>>(
  slabs: Iterable<Slab>,
  maxMoveBytes: number,
): Move<Slab, Slot>[] {
  const partlyUsed = [...slabs]
    .filter((slab) => slab.slabClass !== 'large' && slab.slots.size > 0)
    .sort((a, b) => a.holes.usedBytes - b.holes.usedBytes)
  const targets = new Map(partlyUsed.map((slab) => [slab, { slab, holes: slab.holes.copy() }]))
  const hasTakenIn = new Set<Slab>()
  const moves: Move<Slab, Slot>[] = []
  let movedBytes = 0
  for (const source of partlyUsed) {
    const usedBytes = source.holes.usedBytes
    if (hasTakenIn.has(source) || movedBytes + usedBytes > maxMoveBytes) continue
    if ([...source.slots].some((slot) => slot.pins > 0)) continue
    const others = [...targets.values()].filter(({ slab }) => slab !== source && slab.slabClass === source.slabClass)
    const placed = placeAll(source.slots, others)
    if (placed === undefined) continue
    targets.delete(source)
    movedBytes += usedBytes
    for (const move of placed) hasTakenIn.add(move.to)
    moves.push(...placed)
  }
  return moves
}

/** Takes room in the targets for every slot, the largest first; for none when one does not fit. */
function placeAll<Slot extends CompactionSlot, Slab>(
  slots: Iterable<Slot>,
  targets: readonly { readonly slab: Slab; readonly holes: HoleList }[],
): Move<Slab, Slot>[] | undefined {
  const placed: { readonly move: Move<Slab, Slot>; readonly holes: HoleList }[] = []
  for (const slot of [...slots].sort((a, b) => b.slotBytes - a.slotBytes)) {
    const room = findRoom(targets, slot.slotBytes)
    if (room === undefined) {
      for (const { move, holes } of placed) holes.free(move.toOffset, move.slot.slotBytes)
      return undefined
    }
    const { slab: to, holes } = room.slab
    holes.take(room.offset, slot.slotBytes)
    placed.push({ move: { slot, to, toOffset: room.offset }, holes })
  }
  return placed.map(({ move }) => move)
}
