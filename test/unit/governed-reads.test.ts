import { describe, expect, it } from 'vitest'
import { GovernedReads } from '../../src/lakehouse/governed-reads.ts'
import { Governor, SlabPool } from '../../src/memory/index.ts'

const MIB = 1024 * 1024
const BUDGET = 100 * MIB

/** A budget of 100 MiB with nothing in it, and a pool of which `poolBytes` may be slabs. */
function parts(poolBytes = BUDGET) {
  const governor = Governor.create({ budgetBytes: BUDGET })
  const pool = new SlabPool({ budget: governor, poolSizeBytes: 0, maxBytes: poolBytes, defragThreshold: 0.3 })
  return { governor, pool, reads: new GovernedReads(pool, governor) }
}

describe('what reading metadata may take', () => {
  it('large buffers are leases of the pool, small ones are V8s own', async () => {
    const { governor, pool, reads } = parts()
    {
      using small = await reads.buffer(100_000)
      expect(small.bytes).toHaveLength(100_000)
      expect(governor.heldBy('pool')).toBe(0)
      using large = await reads.buffer(10 * MIB)
      expect(large.bytes).toHaveLength(10 * MIB)
      expect(governor.heldBy('pool')).toBe(10 * MIB)
      expect(pool.statistics().leasedBytes).toBe(10 * MIB)
    }
    expect(pool.statistics().leasedBytes).toBe(0)
    expect(governor.heldBytes).toBe(0)
  })

  it('a buffer that the pool has no slab for is promised by the governor', async () => {
    const { governor, reads } = parts(MIB)
    {
      using buffer = await reads.buffer(10 * MIB)
      expect(buffer.bytes).toHaveLength(10 * MIB)
      expect(governor.heldBy('metadata')).toBe(12 * MIB)
    }
    expect(governor.heldBytes).toBe(0)
  })

  it('room of up to 4 MiB is not asked for; what is more is promised whole, in steps of 4 MiB, and given back', async () => {
    const { governor, reads } = parts()
    {
      using room = reads.room('the manifest m')
      await room.grow(4 * MIB)
      expect(governor.heldBytes).toBe(0)
      await room.grow(1)
      expect(governor.heldBy('metadata')).toBe(8 * MIB)
      await room.grow(4 * MIB - 1)
      expect(governor.heldBy('metadata')).toBe(8 * MIB)
      await room.grow(6 * MIB)
      expect(governor.heldBy('metadata')).toBe(16 * MIB)
    }
    expect(governor.heldBytes).toBe(0)
  })

  it('more than the budget is refused by name with all that is needed, and what was given stays until the end', async () => {
    const { governor, reads } = parts()
    {
      using room = reads.room('the manifest m')
      await room.grow(60 * MIB)
      await expect(room.grow(50 * MIB)).rejects.toMatchObject({
        code: 'memory/refused',
        message: expect.stringMatching(
          /^the manifest m needs 117 MB or more to be read: metadata needs 54\.5 MB;.*; waited 2/,
        ),
        remedy: expect.stringContaining('expire its snapshots'),
        context: { what: 'the manifest m', neededBytes: 112 * MIB },
      })
      expect(governor.heldBy('metadata')).toBe(60 * MIB)
    }
    expect(governor.heldBytes).toBe(0)
  })

  it('waits for what others give back, and ends when it is cancelled', async () => {
    const { governor, reads } = parts()
    const other = await governor.reserve({ consumer: 'other', bytes: 90 * MIB })
    using room = reads.room('the manifest m')
    const growing = room.grow(20 * MIB)
    await Promise.resolve()
    expect(governor.waiting).toBe(1)
    other.release()
    await growing
    expect(governor.heldBy('metadata')).toBe(20 * MIB)

    using _rest = await governor.reserve({ consumer: 'other', bytes: 80 * MIB })
    const controller = new AbortController()
    using late = reads.room('the manifest n', controller.signal)
    const waiting = late.grow(20 * MIB)
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' })
    expect(governor.waiting).toBe(0)
  })
})
