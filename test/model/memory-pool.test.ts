import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isIceboxError } from '../../src/base/index.ts'
import { Governor, type Lease, type Reservation, SlabPool } from '../../src/memory/index.ts'
import { fitLease } from '../../src/memory/pool/size-classes.ts'
import { ManualClock } from '../unit/support/pool-clock.ts'

const KiB = 1024
const MiB = 1024 * KiB
const BUDGET = 24 * MiB
const CEILING = 20 * MiB
const POOL_SIZE = 8 * MiB

type Step =
  | { readonly kind: 'lease'; readonly bytes: number }
  | { readonly kind: 'pin' | 'unpin' | 'release' | 'releaseTwice'; readonly which: number }
  | { readonly kind: 'compact' }
  | { readonly kind: 'trim' | 'relieve' | 'others'; readonly bytes: number }
  | { readonly kind: 'wait'; readonly ms: number }

const which = fc.nat(40)
const bytes = fc.nat(20 * MiB)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('lease' as const),
      bytes: fc.oneof(
        { weight: 2, arbitrary: fc.nat(32 * KiB) },
        { weight: 6, arbitrary: fc.integer({ min: 32 * KiB, max: 3 * MiB }) },
        { weight: 1, arbitrary: fc.integer({ min: 3 * MiB, max: 9 * MiB }) },
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('pin' as const, 'unpin' as const), which }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('release' as const, 'releaseTwice' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('trim' as const, 'relieve' as const, 'others' as const), bytes }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(40_000) }) },
)

/** A lease as the model has it: a number in each of its cells, for as long as it is held. */
interface Held {
  readonly lease: Lease
  readonly mark: number
  pins: number
  view: Uint8Array | undefined
  isReleased: boolean
}

/** Every 512th byte and the last. */
function cells(view: Uint8Array): number[] {
  const at = Array.from({ length: Math.ceil(view.length / 512) }, (_, cell) => cell * 512)
  return view.length === 0 ? [] : [...at, view.length - 1]
}

function checkContents(held: Held): void {
  const view = held.view ?? held.lease.pin()
  expect(view.length).toBe(held.lease.byteLength)
  expect(cells(view).every((at) => view[at] === held.mark)).toBe(true)
  if (held.view === undefined) held.lease.unpin()
}

describe('the pool behaves as a list of separate buffers', () => {
  it('P1 to P7: contents survive, nothing overlaps, figures agree, everything goes back', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const clock = new ManualClock()
        const budget = Governor.create({ budgetBytes: BUDGET })
        const pool = new SlabPool({
          budget,
          poolSizeBytes: POOL_SIZE,
          maxBytes: CEILING,
          defragThreshold: 0.3,
          clock,
          detectLeaks: true,
        })
        let all: Held[] = []
        let leased = 0
        let refused = 0
        let others: Reservation | undefined
        const pick = (list: readonly Held[], at: number) => list[at % Math.max(1, list.length)]
        const alive = () => all.filter((held) => !held.isReleased)
        const forget = () => {
          all = all.filter((held) => !held.isReleased || held.pins > 0)
        }
        const unpin = (held: Held) => {
          checkContents(held)
          held.lease.unpin()
          held.pins--
          if (held.pins === 0) held.view = undefined
          forget()
        }
        const release = (held: Held) => {
          checkContents(held)
          held.lease.release()
          held.isReleased = true
          forget()
        }
        for (const step of steps) {
          const before = pool.statistics()
          switch (step.kind) {
            case 'lease': {
              try {
                const lease = pool.lease(step.bytes, 'model')
                const held: Held = { lease, mark: 1 + (leased % 200), pins: 0, view: undefined, isReleased: false }
                const view = lease.pin()
                for (const at of cells(view)) view[at] = held.mark
                lease.unpin()
                all.push(held)
                leased++
              } catch (error) {
                if (!isIceboxError(error, 'memory/refused')) throw error
                refused++
                const { slabBytes } = fitLease(step.bytes)
                const after = pool.statistics()
                // Refused only when a slab more would be too many, with nothing kept that could make room.
                const roomInBudget = budget.freeBytes
                const roomBelowCeiling = CEILING - after.pooledBytes
                expect(Math.min(roomInBudget, roomBelowCeiling)).toBeLessThan(slabBytes)
                expect(after.keptBytes).toBe(0)
              }
              break
            }
            case 'pin': {
              const held = pick(alive(), step.which)
              if (held === undefined) break
              held.view = held.lease.pin()
              held.pins++
              break
            }
            case 'unpin': {
              const held = pick(
                all.filter((one) => one.pins > 0),
                step.which,
              )
              if (held !== undefined) unpin(held)
              break
            }
            case 'release':
            case 'releaseTwice': {
              const held = pick(alive(), step.which)
              if (held === undefined) break
              release(held)
              if (step.kind === 'releaseTwice') held.lease.release()
              break
            }
            case 'compact':
              expect(before.pooledBytes - pool.compact()).toBe(pool.statistics().pooledBytes)
              break
            case 'trim':
              expect(before.pooledBytes - pool.trim(step.bytes)).toBe(pool.statistics().pooledBytes)
              expect(pool.statistics().keptBytes).toBeLessThanOrEqual(step.bytes)
              break
            case 'relieve': {
              const given = pool.relieve(step.bytes)
              expect(before.pooledBytes - given).toBe(pool.statistics().pooledBytes)
              if (given < step.bytes) expect(pool.statistics().keptBytes).toBe(0)
              break
            }
            case 'others':
              others?.release()
              others = budget.tryReserve({ consumer: 'others', bytes: step.bytes })
              break
            case 'wait':
              clock.advance(step.ms)
              if (step.ms >= 30_000) expect(pool.statistics().keptBytes).toBe(0)
              break
          }
          const now = pool.statistics()
          expect(now.leases).toBe(all.length)
          expect(now.pinnedLeases).toBe(all.filter((held) => held.pins > 0).length)
          expect(now.leasedBytes).toBe(all.reduce((sum, held) => sum + held.lease.byteLength, 0))
          expect(now).toMatchObject({ leased, refused, dropped: 0 })
          expect(now.pooledBytes).toBe(budget.heldBytes - (others?.bytes ?? 0))
          expect(now.pooledBytes).toBe(now.leasedBytes + now.paddingBytes + now.holeBytes + now.keptBytes)
          expect(Math.min(now.paddingBytes, now.holeBytes, now.keptBytes)).toBeGreaterThanOrEqual(0)
          expect(now.keptBytes).toBeLessThanOrEqual(POOL_SIZE)
          expect(now.pooledBytes).toBeLessThanOrEqual(CEILING)
          expect(now.slabsMade - now.slabsReturned).toBe(now.slabs.small + now.slabs.medium + now.slabs.large)
          expect(now.highWaterBytes).toBe(Math.max(before.highWaterBytes, now.highWaterBytes))
        }
        for (const held of all) checkContents(held)
        for (const held of alive()) release(held)
        while (all[0] !== undefined) unpin(all[0])
        expect(pool.close()).toEqual([])
        const end = pool.statistics()
        expect(end).toMatchObject({ pooledBytes: 0, leasedBytes: 0, leases: 0, pinnedLeases: 0, keptBytes: 0 })
        expect(end.slabsMade).toBe(end.slabsReturned)
        expect(budget.heldBytes).toBe(others?.bytes ?? 0)
        expect(clock.waiting).toBe(0)
      }),
      { numRuns: 150 },
    )
  })
})
