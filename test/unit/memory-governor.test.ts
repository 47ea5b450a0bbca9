import { describe, expect, it } from 'vitest'
import { Governor } from '../../src/memory/index.ts'
import { attribute } from '../../src/memory/tree/attribution.ts'

/** A governor whose process holds what the test says. */
function watched(budgetBytes: number, baseBytes: number) {
  let rssBytes = baseBytes
  let heapBytes = 0
  const governor = Governor.create({
    budgetBytes,
    baseBytes,
    monitoringIntervalMs: 1e6,
    processes: {
      own: () => ({ rssBytes, heapBytes }),
      rssBytes: () => undefined,
      pssBytes: () => undefined,
      peakBytes: () => undefined,
      spareBytes: () => undefined,
    },
  })
  return {
    governor,
    see(used: number, heap = 0) {
      rssBytes = used
      heapBytes = heap
      governor.look()
    },
    [Symbol.dispose]: () => governor[Symbol.dispose](),
  }
}

const held = (governor: Governor) => Object.fromEntries(governor.holders().map(({ name, bytes }) => [name, bytes]))

describe('what was seen is booked once', () => {
  const seen = {
    usedBytes: 500,
    baseBytes: 100,
    heapGrowthBytes: 60,
    promisedBytes: 90,
    promisedWithin: () => 0,
    measured: new Map([['engine', 200]]),
  }
  it('as the engine, promises, heaps and the rest, which add up to what the kernel counts', () => {
    // 500 - 100 - 200 - 90 = 110, of which the heaps 60.
    expect(attribute(seen)).toEqual({ measured: new Map([['engine', 200]]), heapsBytes: 60, unattributedBytes: 50 })
  })
  it('and pages that the allocator counts and never touched are nobody’s', () => {
    const over = attribute({ ...seen, measured: new Map([['engine', 900]]) })
    expect(over).toEqual({ measured: new Map([['engine', 400]]), heapsBytes: 0, unattributedBytes: 0 })
  })
  it('and what is promised within the engine is not counted beside it', () => {
    const within = attribute({ ...seen, promisedWithin: (name) => (name === 'engine' ? 90 : 0) })
    // The engine's 200 hold the 90: 110 beyond them, and 500 - 100 - 90 - 110 = 200 for heaps and the rest.
    expect(within).toEqual({ measured: new Map([['engine', 110]]), heapsBytes: 60, unattributedBytes: 140 })
  })
  it('and a process that gave back pages of its start counts as its start', () => {
    const less = attribute({ ...seen, usedBytes: 80, measured: new Map([['engine', 10]]) })
    expect(less).toEqual({ measured: new Map([['engine', 0]]), heapsBytes: 0, unattributedBytes: 0 })
  })
})

describe('what is free', () => {
  it('is less by memory that nobody asked for', () => {
    using scene = watched(1000, 100)
    scene.see(600)
    expect(scene.governor.freeBytes).toBe(400)
    expect(held(scene.governor)).toEqual({ unattributed: 500, process: 100 })
    expect(scene.governor.tryReserve({ consumer: 'a', bytes: 401 })).toBeUndefined()
    using _a = scene.governor.tryReserve({ consumer: 'a', bytes: 400 })
    expect(scene.governor.freeBytes).toBe(0)
  })

  it('is never less than the 3% that the plan of the engine leaves for others', () => {
    using scene = watched(1000, 100)
    scene.see(1000)
    using small = scene.governor.tryReserve({ consumer: 'import 1/sample', bytes: 30 })
    expect(small?.bytes).toBe(30)
    expect(scene.governor.tryReserve({ consumer: 'import 2/sample', bytes: 1 })).toBeUndefined()
  })

  it('does not count memory of the engine that V8 or the allocator hold and the process does not have', () => {
    using scene = watched(1000, 100)
    scene.see(300)
    scene.governor.measured('engine', 900)
    expect(scene.governor.freeBytes).toBe(700)
    scene.see(300)
    expect(held(scene.governor)).toEqual({ engine: 200, process: 100 })
    expect(scene.governor.freeBytes).toBe(700)
  })

  it('knows promises only, where memory is not watched', () => {
    using governor = Governor.create({ budgetBytes: 1000, baseBytes: 100 })
    governor.measured('engine', 900)
    governor.look()
    expect(governor.freeBytes).toBe(900)
  })
})

describe('a request that waits', () => {
  it('for the engine is granted when its statement has ended', async () => {
    using scene = watched(1000, 100)
    scene.governor.measured('engine', 900)
    scene.see(990)
    const waiting = scene.governor.reserve({ consumer: 'query 2/rows', bytes: 200 })
    expect(scene.governor.waiting).toBe(1)
    scene.governor.measured('engine', 100)
    scene.see(200)
    using granted = await waiting
    expect(granted.bytes).toBe(200)
  })

  it('for memory that nobody answers for is refused at last, with its name and the time', async () => {
    using scene = watched(100e6, 10e6)
    scene.see(95e6)
    const waiting = scene.governor.reserve({ consumer: 'query 2/rows', bytes: 20e6 })
    await expect(waiting).rejects.toMatchObject({
      code: 'memory/refused',
      message: expect.stringMatching(
        /^query 2\/rows needs 20 MB; 5 MB of 100 MB is free, held by unattributed \(85 MB\), process \(10 MB\); waited [\d.]+ s$/,
      ),
      retryable: true,
    })
    expect(scene.governor.waiting).toBe(0)
  })

  it('has relief called for below every threshold', async () => {
    using scene = watched(1000, 100)
    scene.see(700)
    let asked = 0
    scene.governor.registerReliever({
      name: 'cache',
      rung: 'relieve',
      relieve: () => {
        asked++
        scene.see(500)
        return 200
      },
    })
    using granted = await scene.governor.reserve({ consumer: 'a', bytes: 400 })
    expect([asked, granted.bytes]).toEqual([1, 400])
  })

  it('is refused at its deadline, and those behind it go on', async () => {
    using governor = Governor.create({ budgetBytes: 100 })
    using _held = governor.tryReserve({ consumer: 'a', bytes: 60 })
    const late = governor.reserve({ consumer: 'b', bytes: 80, deadlineMs: 30 })
    const behind = governor.reserve({ consumer: 'c', bytes: 40 })
    await expect(late).rejects.toMatchObject({
      code: 'memory/refused',
      message: expect.stringMatching(/^b needs 80 B; 40 B of 100 B is free, held by a \(60 B\); waited [\d.]+ m?s$/),
    })
    using granted = await behind
    expect(granted.bytes).toBe(40)
  })
})

describe('a limit of a part', () => {
  it('refuses what the part cannot have, names it, and holds nobody else up', async () => {
    using governor = Governor.create({ budgetBytes: 1000 })
    governor.limit('pool', 100)
    using _a = governor.tryReserve({ consumer: 'pool/a', bytes: 80 })
    await expect(governor.reserve({ consumer: 'pool/b', bytes: 101 })).rejects.toMatchObject({
      message: 'pool/b needs 101 B; 20 B of the 100 B of pool is free, held by pool (80 B)',
      context: { limitedBy: 'pool', limitBytes: 100, freeBytes: 20 },
      retryable: false,
    })
    const waiting = governor.reserve({ consumer: 'pool/b', bytes: 50 })
    using other = governor.tryReserve({ consumer: 'query 1', bytes: 850 })
    expect(other?.bytes).toBe(850)
    // It must not overtake the one that waits for the same part.
    expect(governor.tryReserve({ consumer: 'pool/c', bytes: 10 })).toBeUndefined()
    governor.limit('pool', undefined)
    using granted = await waiting
    expect(granted.bytes).toBe(50)
  })
})

describe('a budget that changes', () => {
  it('keeps what is held, grants nothing until it fits, and refuses who never can fit', async () => {
    using governor = Governor.create({ budgetBytes: 1000, baseBytes: 100 })
    const first = governor.tryReserve({ consumer: 'a', bytes: 600 })
    const large = governor.reserve({ consumer: 'b', bytes: 500 })
    const small = governor.reserve({ consumer: 'c', bytes: 300 })
    using meter = governor.bill('a')
    governor.changeBudget(500)
    expect([governor.budgetBytes, governor.freeBytes]).toEqual([500, 0])
    await expect(large).rejects.toMatchObject({ code: 'memory/refused', retryable: false })
    expect(governor.waiting).toBe(1)
    first?.release()
    using granted = await small
    expect(granted.bytes).toBe(300)
    expect(meter.bill().budgetBytes).toBe(1000)
  })

  it('and grows serves who waits', async () => {
    using governor = Governor.create({ budgetBytes: 500, baseBytes: 100 })
    using _first = governor.tryReserve({ consumer: 'a', bytes: 300 })
    const waiting = governor.reserve({ consumer: 'b', bytes: 200 })
    governor.changeBudget(600)
    using granted = await waiting
    expect(granted.bytes).toBe(200)
  })
})
