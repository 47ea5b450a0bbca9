import { describe, expect, it } from 'vitest'
import { planCompaction } from '../../src/memory/pool/compaction.ts'
import { HoleList } from '../../src/memory/pool/hole-list.ts'
import { fitLease, type SlabClass, servesLarge } from '../../src/memory/pool/size-classes.ts'

const KiB = 1024
const MiB = 1024 * KiB

describe('what a lease takes of a slab', () => {
  it.each([
    [0, 'small', 64, 4 * MiB],
    [1, 'small', 64, 4 * MiB],
    [64, 'small', 64, 4 * MiB],
    [65, 'small', 128, 4 * MiB],
    [32 * KiB, 'small', 32 * KiB, 4 * MiB],
    [32 * KiB + 1, 'medium', 36 * KiB, 4 * MiB],
    [1_000_000, 'medium', 245 * 4 * KiB, 4 * MiB],
    [4 * MiB, 'medium', 4 * MiB, 4 * MiB],
    [4 * MiB + 1, 'large', 4.5 * MiB, 4.5 * MiB],
    [8 * MiB, 'large', 8 * MiB, 8 * MiB],
    [8 * MiB + 1, 'large', 9 * MiB, 9 * MiB],
    [100 * MiB, 'large', 104 * MiB, 104 * MiB],
  ])('%d bytes', (bytes, slabClass, slotBytes, slabBytes) => {
    expect(fitLease(bytes)).toEqual({ slabClass, slotBytes, slabBytes })
  })

  it('rounding wastes more than an eighth of a slot', () => {
    for (let bytes = 448; bytes < 200 * MiB; bytes = Math.ceil(bytes * 1.003)) {
      const { slotBytes } = fitLease(bytes)
      expect(slotBytes).toBeGreaterThanOrEqual(bytes)
      expect((slotBytes - bytes) / slotBytes, `${bytes} bytes in ${slotBytes}`).toBeLessThanOrEqual(1 / 8)
    }
  })

  it('a slab below the size that glibc maps stays resident after it was given back', () => {
    for (const bytes of [1, 32 * KiB, 33 * KiB, 4 * MiB, 5 * MiB]) {
      expect(fitLease(bytes).slabBytes).toBeGreaterThanOrEqual(4 * MiB)
    }
  })

  it('a small lease takes a large slab and wastes it', () => {
    expect(servesLarge(10 * MiB, 8 * MiB)).toBe(true)
    expect(servesLarge(11 * MiB, 8 * MiB)).toBe(false)
    expect(servesLarge(7 * MiB, 8 * MiB)).toBe(false)
  })
})

describe('the free ranges of a slab', () => {
  it('a range between two free ones does not join them', () => {
    const holes = HoleList.ofEmpty(100)
    for (const at of [0, 10, 20, 30]) holes.take(at, 10)
    holes.free(10, 10)
    expect(holes.find(11)).toBe(40)
    holes.free(30, 10)
    expect(holes.find(61)).toBe(30)
    holes.free(20, 10)
    expect(holes.find(90)).toBe(10)
    holes.free(0, 10)
    expect(holes.find(100)).toBe(0)
    expect(holes.usedBytes).toBe(0)
  })

  it('a small range is cut from a large hole while a small one fits', () => {
    const holes = HoleList.ofEmpty(100)
    for (const at of [0, 20, 25]) holes.take(at, at === 0 ? 20 : 5)
    holes.free(20, 5)
    expect(holes.find(5)).toBe(20)
    expect(holes.find(6)).toBe(30)
    expect(holes.find(71)).toBeUndefined()
  })

  it('P4: a range freed twice, or never taken, goes unnoticed', () => {
    const holes = HoleList.ofEmpty(100)
    holes.take(0, 50)
    holes.free(10, 10)
    for (const [offset, bytes] of [
      [10, 10],
      [5, 10],
      [15, 10],
      [60, 5],
    ] as const) {
      expect(() => holes.free(offset, bytes)).toThrow('are free already')
    }
    expect(() => holes.take(0, 10)).toThrow('no hole of 10 bytes at 0')
    expect(holes.freeBytes).toBe(60)
  })
})

interface PlannedSlot {
  readonly name: string
  readonly slotBytes: number
  readonly pins: number
}

type PlannedSlab = ReturnType<typeof slab>

/** A slab of 100 bytes: letters are leases of 10 bytes each, `.` free; capital letters are pinned. */
function slab(text: string, slabClass: SlabClass = 'medium') {
  const holes = HoleList.ofEmpty(100)
  for (let at = 0; at < 10; at++) holes.take(at * 10, 10)
  const slots = new Set<PlannedSlot>()
  for (const [at, letter] of text.padEnd(10, '.').split('').entries()) {
    if (letter === '.') holes.free(at * 10, 10)
    else slots.add({ name: letter, slotBytes: 10, pins: letter === letter.toUpperCase() ? 1 : 0 })
  }
  return { text, slabClass, holes, slots }
}

const plan = (slabs: PlannedSlab[], maxMoveBytes = 1000) =>
  planCompaction<PlannedSlot, PlannedSlab>(slabs, maxMoveBytes).map(
    ({ slot, to, toOffset }) => `${slot.name} -> ${to.text} at ${toOffset}`,
  )

describe('P7: which leases move', () => {
  it('the fullest slab is emptied instead of the sparsest', () => {
    expect(plan([slab('abcdefgh'), slab('ij'), slab('klmno')])).toEqual(['i -> abcdefgh at 80', 'j -> abcdefgh at 90'])
  })

  it('leases move although no slab becomes empty by it', () => {
    expect(plan([slab('abcdefg'), slab('hijkl')])).toEqual([])
  })

  it('a pinned lease moves, or its slab takes nothing in', () => {
    expect(plan([slab('A'), slab('bc')])).toEqual(['b -> A at 10', 'c -> A at 20'])
    expect(plan([slab('A'), slab('B')])).toEqual([])
  })

  it('a lease moves twice', () => {
    expect(plan([slab('a'), slab('b'), slab('c')])).toEqual(['a -> b at 10', 'c -> b at 20'])
  })

  it('leases move into slabs of another class, or out of a slab of their own', () => {
    expect(plan([slab('a', 'small'), slab('b')])).toEqual([])
    expect(plan([slab('a', 'large'), slab('b', 'large')])).toEqual([])
  })

  it('more is moved than may be', () => {
    expect(plan([slab('abcdef'), slab('gh'), slab('ijk')], 29)).toEqual(['g -> abcdef at 60', 'h -> abcdef at 70'])
    expect(plan([slab('abcdef'), slab('gh')], 19)).toEqual([])
  })

  it('room that a failed try had taken is lost', () => {
    const full = (text: string, sizes: readonly number[]) => {
      const holes = HoleList.ofEmpty(30)
      for (const [at, bytes] of sizes.entries()) holes.take(at === 0 ? 0 : (sizes[0] ?? 0), bytes)
      const slots = sizes.map((slotBytes, at) => ({ name: `${text}${at}`, slotBytes, pins: 0 }))
      return { text, slabClass: 'medium' as const, holes, slots: new Set<PlannedSlot>(slots) }
    }
    const target = slab('..abcde.fg')
    // Its holes of 20 and 10 take one lease of 15, not two; 20 and 10 they take.
    expect(plan([full('s', [15, 15]), target])).toEqual([])
    expect(plan([full('s', [15, 15]), full('u', [20, 10]), target])).toEqual([
      'u0 -> ..abcde.fg at 0',
      'u1 -> ..abcde.fg at 70',
    ])
  })

  it('the plan changes the slabs that it looks at', () => {
    const slabs = [slab('ab'), slab('c')]
    plan(slabs)
    expect(slabs.map(({ holes, slots }) => [holes.usedBytes, slots.size])).toEqual([
      [20, 2],
      [10, 1],
    ])
  })
})
