import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it, vi } from 'vitest'
import { isIceboxError } from '../../src/base/index.ts'
import { Governor, type Leak, SlabPool, type SlabPoolOptions } from '../../src/memory/index.ts'
import { ManualClock } from './support/pool-clock.ts'

const KiB = 1024
const MiB = 1024 * KiB

function open(options: Partial<SlabPoolOptions> & { readonly budgetBytes?: number } = {}) {
  const clock = new ManualClock()
  const budget = Governor.create({ budgetBytes: options.budgetBytes ?? 100 * MiB })
  const pool = new SlabPool({
    budget,
    poolSizeBytes: 16 * MiB,
    maxBytes: 64 * MiB,
    defragThreshold: 0.3,
    clock,
    detectLeaks: true,
    ...options,
  })
  return { pool, clock, budget }
}

function caught(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}

describe('leases', () => {
  it('P2: two leases share bytes', () => {
    const { pool } = open()
    const leases = [100, 64, 1, 0, 40 * KiB, 3 * MiB, 5 * MiB].map((bytes) => pool.lease(bytes, 'test'))
    const views = leases.map((lease) => lease.pin())
    for (const [at, view] of views.entries()) view.fill(at + 1)
    for (const [at, view] of views.entries()) {
      expect(view.byteLength).toBe(leases[at]?.byteLength)
      expect(view.every((byte) => byte === at + 1)).toBe(true)
    }
  })

  it('each pin makes another view of the same bytes', () => {
    const { pool } = open()
    const lease = pool.lease(1000, 'test')
    expect(lease.pin()).toBe(lease.pin())
    expect(pool.statistics().pinnedLeases).toBe(1)
    lease.unpin()
    expect(pool.statistics().pinnedLeases).toBe(1)
    lease.unpin()
    expect(pool.statistics().pinnedLeases).toBe(0)
  })

  it('a lease can be read by element and cell as any buffer: its offset is a multiple of 64', () => {
    const { pool } = open()
    for (const bytes of [1, 65, 1000, 40_000, 5_000_000])
      expect(pool.lease(bytes, 'test').pin().byteOffset % 64).toBe(0)
  })

  it('P4: a second release frees the bytes of somebody else', () => {
    const { pool } = open()
    const first = pool.lease(1000, 'test')
    first.release()
    const second = pool.lease(1000, 'test')
    first.release()
    first[Symbol.dispose]()
    expect(pool.statistics().leasedBytes).toBe(1000)
    second.release()
    expect(pool.statistics().leasedBytes).toBe(0)
  })

  it('P4: use after release and unpin without pin go unnoticed', () => {
    const { pool } = open()
    const lease = pool.lease(1000, 'query 3/arrow')
    expect(() => lease.unpin()).toThrow('of query 3/arrow was unpinned more often than pinned')
    lease.release()
    const error = caught(() => lease.pin())
    expect(isIceboxError(error, 'internal/unreachable')).toBe(true)
    expect(String(error)).toContain('a buffer of 1 kB of query 3/arrow was pinned after its release')
  })

  it('`using` does not release', () => {
    const { pool } = open()
    {
      using lease = pool.lease(1000, 'test')
      expect(lease.byteLength).toBe(1000)
    }
    expect(pool.statistics().leases).toBe(0)
  })

  it('P3: bytes that a socket still reads go to another lease', () => {
    const { pool } = open()
    const lease = pool.lease(4 * MiB, 'test')
    const view = lease.pin()
    view.fill(7)
    lease.release()
    expect(() => lease.pin()).toThrow('was pinned after its release')
    expect(pool.leaks()).toMatchObject([{ consumer: 'test', state: 'pinned' }])
    const other = pool.lease(4 * MiB, 'test')
    other.pin().fill(8)
    pool.trim(0)
    pool.compact()
    expect(view.every((byte) => byte === 7)).toBe(true)
    lease.unpin()
    expect(pool.statistics().leasedBytes).toBe(4 * MiB)
    expect(() => lease.unpin()).toThrow('more often than pinned')
  })

  it.each([-1, 0.5, Number.NaN, 2 ** 53])('a length of %d is taken', (bytes) => {
    expect(() => open().pool.lease(bytes, 'test')).toThrow(`test asked for a buffer of ${bytes} bytes`)
  })

  it('a late reader of released bytes sees them as if nothing had happened, when leaks are looked for', () => {
    const { pool } = open()
    const lease = pool.lease(1000, 'test')
    const view = lease.pin().fill(1)
    lease.unpin()
    lease.release()
    expect(new Set(view)).toEqual(new Set([0xdb]))
  })
})

describe('limits', () => {
  it('P1: a slab is made that was not reserved', () => {
    const { pool, budget } = open({ budgetBytes: 10 * MiB })
    const made: number[] = []
    const measured = new SlabPool({
      budget,
      poolSizeBytes: 0,
      maxBytes: 64 * MiB,
      defragThreshold: 1,
      memory: {
        make(bytes) {
          made.push(budget.heldBytes)
          return new ArrayBuffer(bytes)
        },
        giveBack: () => made.push(budget.heldBytes),
      },
    })
    measured.lease(100, 'test').release()
    expect(made).toEqual([4 * MiB, 4 * MiB])
    expect(budget.heldBytes).toBe(0)
    expect(pool.statistics().pooledBytes).toBe(0)
  })

  it('P1: a refusal of the budget does not name who asked, how much, who holds, and the figures of the pool', () => {
    const { pool, budget } = open({ budgetBytes: 10 * MiB })
    pool.lease(3 * MiB, 'import 1/spool')
    pool.lease(2 * MiB, 'query 2/arrow')
    const error = caught(() => pool.lease(4 * MiB, 'query 3/arrow'))
    expect(isIceboxError(error, 'memory/refused')).toBe(true)
    expect(error).toMatchObject({
      message:
        'query 3/arrow needs a buffer of 4.19 MB, and no slab has room; the pool has 8.39 MB of 67.1 MB, and the budget refuses more; 5.24 MB is leased, by import 1/spool (3.15 MB), query 2/arrow (2.10 MB)',
      retryable: true,
      context: {
        consumer: 'query 3/arrow',
        askedBytes: 4 * MiB,
        slabBytes: 4 * MiB,
        pooledBytes: 8 * MiB,
        leasedBytes: 5 * MiB,
        holeBytes: 3 * MiB,
        keptBytes: 0,
        maxBytes: 64 * MiB,
        holders: ['import 1/spool (3.15 MB)', 'query 2/arrow (2.10 MB)'],
      },
    })
    expect(pool.statistics()).toMatchObject({ refused: 1, leased: 2 })
    expect(budget.heldBytes).toBe(8 * MiB)
  })

  it('P1: the pool grows above its ceiling', () => {
    const { pool } = open({ maxBytes: 8 * MiB })
    pool.lease(4 * MiB, 'test')
    expect(() => pool.lease(5 * MiB, 'test')).toThrow('a slab more would be too many')
    expect(caught(() => pool.lease(9 * MiB, 'test'))).toMatchObject({ retryable: false })
    pool.lease(4 * MiB, 'test')
    expect(pool.statistics().pooledBytes).toBe(8 * MiB)
  })

  it('a lease is refused while slabs of another size are kept, or leases can be moved together', () => {
    const { pool } = open({ maxBytes: 12 * MiB, defragThreshold: 1 })
    const [a, b] = [pool.lease(3 * MiB, 'a'), pool.lease(3 * MiB, 'b')]
    const [c, d] = [pool.lease(MiB, 'c'), pool.lease(MiB, 'd')]
    d.pin().fill(4)
    d.unpin()
    a.release()
    b.release()
    expect(pool.statistics()).toMatchObject({ slabs: { medium: 2 }, holeBytes: 6 * MiB })
    pool.lease(8 * MiB, 'large')
    expect(pool.statistics()).toMatchObject({ slabs: { medium: 1, large: 1 }, leasesMoved: 1 })
    expect(d.pin().every((byte) => byte === 4)).toBe(true)
    c.release()
  })

  it('memory that the system does not have stays reserved', () => {
    const { pool, budget } = open({
      memory: {
        make: () => {
          throw new RangeError('Array buffer allocation failed')
        },
        giveBack: () => undefined,
      },
    })
    const error = caught(() => pool.lease(100, 'test'))
    expect(isIceboxError(error, 'memory/refused')).toBe(true)
    expect(String(error)).toContain('and the system has no more')
    expect(budget.heldBytes).toBe(0)
  })
})

describe('what is kept', () => {
  it('a buffer of the same size needs a new slab', () => {
    const { pool } = open()
    for (let round = 0; round < 20; round++)
      for (const bytes of [100, MiB, 5 * MiB]) pool.lease(bytes, 'test').release()
    expect(pool.statistics()).toMatchObject({ slabsMade: 3, leased: 60, hits: 57, hitRate: 0.95, keptBytes: 13 * MiB })
  })

  it('P6: more is kept than pool_size; the longest unused goes last', () => {
    const { pool, budget } = open({ poolSizeBytes: 11 * MiB })
    const leases = [5, 6, 7].map((size) => pool.lease(size * MiB, 'test'))
    for (const lease of leases) lease.release()
    // 5 and 6 fit; 7 needs both of them gone.
    expect(pool.statistics()).toMatchObject({ keptBytes: 7 * MiB, slabsReturned: 2 })
    pool.lease(12 * MiB, 'test').release()
    expect(pool.statistics()).toMatchObject({ keptBytes: 7 * MiB, slabsReturned: 3 })
    expect(budget.heldBytes).toBe(7 * MiB)
  })

  it('trim and relieve give back other than what was asked', () => {
    const { pool, budget } = open({ poolSizeBytes: 64 * MiB })
    for (const lease of [5, 6, 7].map((size) => pool.lease(size * MiB, 'test'))) lease.release()
    expect(pool.trim(18 * MiB)).toBe(0)
    expect(pool.trim(13 * MiB)).toBe(5 * MiB)
    expect(pool.relieve(1)).toBe(6 * MiB)
    expect(pool.relieve(100 * MiB)).toBe(7 * MiB)
    expect(pool.relieve(1)).toBe(0)
    expect(budget.heldBytes).toBe(0)
  })

  it('P6: an idle process keeps its slabs, or one at work loses them', () => {
    const { pool, clock } = open()
    pool.lease(MiB, 'test').release()
    clock.advance(29_000)
    pool.lease(MiB, 'test').release()
    clock.advance(29_999)
    expect(pool.statistics()).toMatchObject({ keptBytes: 4 * MiB, hits: 1 })
    clock.advance(1)
    expect(pool.statistics().pooledBytes).toBe(0)
    expect(clock.waiting).toBe(0)
    pool.lease(MiB, 'test').release()
    clock.advance(30_000)
    expect(pool.statistics().pooledBytes).toBe(0)
  })
})

describe('compaction', () => {
  it('P2: contents are lost when sparse slabs are emptied above the threshold; it runs more than once a second', () => {
    const { pool, clock, budget } = open({ maxBytes: 100 * MiB })
    const slabsOf = (count: number) =>
      Array.from({ length: count * 4 }, (_, at) => {
        const lease = pool.lease(MiB, `lease ${at}`)
        lease.pin().fill(at + 1)
        lease.unpin()
        return lease
      })
    const leases = slabsOf(4)
    // Two of each slab go: half of all are holes.
    for (const [at, lease] of leases.entries()) if (at % 4 >= 2) lease.release()
    const first = pool.statistics()
    expect(first.leasesMoved).toBeGreaterThan(0)
    clock.advance(1_000)
    pool.lease(100 * KiB, 'test').release()
    expect(pool.statistics()).toMatchObject({ slabs: { medium: 2 }, holeBytes: 0, fragmentation: 0 })
    expect(budget.heldBytes).toBe(8 * MiB)
    for (const [at, lease] of leases.entries()) {
      if (at % 4 < 2) expect(lease.pin().every((byte) => byte === at + 1)).toBe(true)
    }
  })

  it('P3: a pinned lease moves', () => {
    const { pool } = open({ defragThreshold: 1 })
    const leases = [3, 3, 1, 1].map((size) => pool.lease(size * MiB, 'test'))
    const views = leases.slice(2).map((lease) => lease.pin())
    for (const lease of leases.slice(0, 2)) lease.release()
    expect(pool.compact()).toBe(0)
    for (const lease of leases.slice(2)) lease.unpin()
    expect(pool.compact()).toBe(4 * MiB)
    // One of them moved: its old view has no bytes any more, instead of another's.
    expect(views.map((view) => view.byteLength).toSorted((a, b) => a - b)).toEqual([0, MiB])
  })

  it('below the threshold leases are moved', () => {
    const { pool } = open({ defragThreshold: 0.8 })
    const leases = [3, 3, 1, 1].map((size) => pool.lease(size * MiB, 'test'))
    for (const lease of leases.slice(0, 2)) lease.release()
    expect(pool.statistics()).toMatchObject({ fragmentation: 0.75, leasesMoved: 0 })
  })
})

describe('P8: leaks', () => {
  it('a lease that nobody releases cannot be found', () => {
    const { pool } = open()
    const kept = pool.lease(1000, 'query 3/arrow')
    pool.lease(2000, 'query 4/arrow').release()
    const leaks = pool.close()
    expect(leaks).toMatchObject([{ consumer: 'query 3/arrow', byteLength: 1000, state: 'held' }])
    expect(leaks[0]?.site?.split('\n')[0]).toContain('memory-pool.test.ts')
    expect(() => pool.lease(1, 'late')).toThrow('late asked a closed pool')
    expect(pool.statistics().pooledBytes).toBe(4 * MiB)
    kept.release()
    expect(pool.statistics().pooledBytes).toBe(0)
    expect(pool.leaks()).toEqual([])
  })

  it('stacks are taken although nobody looks for leaks', () => {
    const { pool } = open({ detectLeaks: false })
    pool.lease(1000, 'test')
    expect(pool.leaks()).toEqual([{ consumer: 'test', byteLength: 1000, state: 'held', site: undefined }])
  })

  it('the bytes of a lease whose handle is garbage are lost; those of a pinned one are given away', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const told: Leak[] = []
    const { pool } = open({ onDropped: (leak) => told.push(leak) })
    const view = (() => {
      pool.lease(1000, 'forgetful')
      return pool.lease(3000, 'pinned').pin()
    })()
    await vi.waitFor(
      () => {
        collect()
        expect(pool.statistics().dropped).toBe(1)
      },
      { timeout: 20_000, interval: 5 },
    )
    expect(told).toMatchObject([{ consumer: 'forgetful', byteLength: 1000, state: 'dropped' }])
    expect(told[0]?.site).toContain('memory-pool.test.ts')
    expect(pool.statistics()).toMatchObject({ leases: 1, leasedBytes: 3000 })
    expect(pool.close().map((leak) => `${leak.consumer} ${leak.state}`)).toEqual(['forgetful dropped', 'pinned held'])
    expect(view.byteLength).toBe(3000)
  })
})
