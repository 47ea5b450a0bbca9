import { describe, expect, it } from 'vitest'
import { Governor, type MemoryBill, recommend } from '../../src/memory/index.ts'
import { Timeline } from '../../src/memory/profile/timeline.ts'

const holders = (bytes: Record<string, number>) => Object.entries(bytes).map(([name, held]) => ({ name, bytes: held }))

describe('the timeline', () => {
  it('keeps the most of each within a step', () => {
    const timeline = new Timeline()
    timeline.note(0, { usedBytes: 5, holders: holders({ a: 1, b: 4 }), spilledBytes: 0 })
    timeline.note(19, { usedBytes: 3, holders: holders({ a: 2 }), spilledBytes: 7 })
    timeline.note(20, { usedBytes: 4, holders: holders({}), spilledBytes: 0 })
    expect(timeline.value()).toEqual({
      stepMs: 20,
      points: [
        { atMs: 0, usedBytes: 5, consumers: { a: 2, b: 4 }, spilledBytes: 7 },
        { atMs: 20, usedBytes: 4, consumers: {}, spilledBytes: 0 },
      ],
    })
  })

  it('stays bounded for hours, and a peak of one moment survives', () => {
    const timeline = new Timeline()
    for (let atMs = 0; atMs < 3_600_000; atMs += 100) {
      const usedBytes = atMs === 1_234_500 ? 999 : 10
      timeline.note(atMs, { usedBytes, holders: holders({ engine: usedBytes }), spilledBytes: 0 })
    }
    const { stepMs, points } = timeline.value()
    // 3,600 s in 256 steps of 20 ms doubled: 20 x 2^10 = 20.48 s.
    expect(stepMs).toBe(20_480)
    expect(points.length).toBe(Math.ceil(3_600_000 / 20_480))
    const peak = points.filter(({ usedBytes }) => usedBytes === 999)
    expect(peak).toEqual([
      { atMs: Math.floor(1_234_500 / 20_480) * 20_480, usedBytes: 999, consumers: { engine: 999 }, spilledBytes: 0 },
    ])
  })

  it('names twelve consumers, and adds the smaller ones up', () => {
    const timeline = new Timeline()
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`query ${at}`, at + 1]))
    timeline.note(0, { usedBytes: 1000, holders: holders(many), spilledBytes: 0 })
    const consumers = timeline.value().points[0]?.consumers ?? {}
    expect(Object.keys(consumers).length).toBe(12)
    // 1 + ... + 29: the largest eleven are 30 to 40.
    expect(consumers['others']).toBe(435)
  })
})

describe('a bill with a profile', () => {
  it('has the time by consumer and of the collector; without one it has neither', () => {
    using governor = Governor.create({ budgetBytes: 1e9, baseBytes: 1e6, monitoringIntervalMs: 1e6 })
    using plain = governor.bill('import 1')
    using meter = governor.bill('import 2', { profile: true })
    using _held = governor.tryReserve({ consumer: 'import 2/rows', bytes: 5e6 })
    governor.look()
    const bill = meter.bill()
    expect(bill.timeline?.points.some(({ consumers }) => consumers['import 2'] === 5e6)).toBe(true)
    expect(bill.gc).toMatchObject({ collections: expect.any(Number), totalMs: expect.any(Number) })
    expect(plain.bill()).not.toHaveProperty('timeline')
    expect(plain.bill()).not.toHaveProperty('gc')
  })
})

const BILL: MemoryBill = {
  budgetBytes: 512e6,
  peakRssBytes: 400e6,
  consumers: [],
  unattributedBytes: 10e6,
  spilledBytes: 0,
  pressure: { rungs: {}, sourcePauses: 0, sourcePausedMs: 0, purges: 0, alerts: 0, brakes: 0 },
}
const advise = (bill: Partial<MemoryBill>, elapsedMs = 10_000) =>
  recommend({ operation: 'query 1', elapsedMs, bill: { ...BILL, ...bill }, leastBudgetBytes: 90e6 })
const pressure = (more: Partial<MemoryBill['pressure']>) => ({ pressure: { ...BILL.pressure, ...more } })

describe('recommendations', () => {
  it('never name a budget with which the process does not start', () => {
    const used = { ...BILL, peakRssBytes: 100e6 }
    const advice = (leastBudgetBytes: number) =>
      recommend({ operation: 'query 1', elapsedMs: 100, bill: used, leastBudgetBytes }).map(({ what }) => what)
    // 218 MB and 5% in whole 10 MB; at half of the budget and above there is nothing to gain.
    expect(advice(218e6)).toEqual(['lower the budget to 230 MB if memory is wanted elsewhere'])
    expect(advice(256e6)).toEqual([])
  })

  it('are none for an operation that had what it needed', () => expect(advise({})).toEqual([]))

  it.each<[string, Partial<MemoryBill>, Record<'what' | 'why' | 'gain', RegExp>]>([
    [
      'spilled',
      // (400 + 3,200) MB and 5%
      { spilledBytes: 3200e6 },
      {
        what: /a budget of 3\.78 GB, or sort/,
        why: /^3\.20 GB were spilled.*peak of 400 MB/,
        gain: /6\.40 GB less to write/,
      },
    ],
    [
      'was over its budget',
      { peakRssBytes: 520e6, ...pressure({ rungs: { cancel: 2 } }) },
      { what: /above 550 MB/, why: /budget of 512 MB 2 time\(s\), up to 520 MB/, gain: /no operation is ended/ },
    ],
    [
      'made others wait',
      pressure({ rungs: { queue: 3 } }),
      { what: /fewer operations/, why: /3 time/, gain: /when they are asked/ },
    ],
    [
      'paused its source',
      pressure({ sourcePauses: 4, sourcePausedMs: 2500 }),
      { what: /max_concurrent/, why: /paused 4 times, 2\.5 s of 10\.0 s/, gain: /25% less time/ },
    ],
    [
      'was purged all the time',
      pressure({ purges: 60 }),
      { what: /raise the budget/, why: /60 times in 10\.0 s/, gain: /20%/ },
    ],
    [
      'collected garbage',
      { gc: { collections: 30, totalMs: 1200, longestMs: 90 } },
      { what: /batches/, why: /30 times, 1\.2 s of 10\.0 s, 90 ms at the longest/, gain: /12% less time/ },
    ],
    [
      'shared its process',
      { unattributedBytes: 200e6 },
      { what: /process of its own/, why: /^200 MB of the peak of 400 MB/, gain: /200 MB more/ },
    ],
    [
      'used little',
      // 100 MB and 5% in whole 10 MB
      { peakRssBytes: 100e6 },
      { what: /lower the budget to 110 MB/, why: /100 MB of 512 MB/, gain: /402 MB for others/ },
    ],
  ])('for one that %s say what, why and what to expect', (_name, bill, said) => {
    const [only, ...more] = advise(bill)
    expect(more).toEqual([])
    expect(only?.what).toMatch(said.what)
    expect(only?.why).toMatch(said.why)
    expect(only?.gain).toMatch(said.gain)
  })

  it.each<[string, Partial<MemoryBill>]>([
    ['a pause of 4% of the time', pressure({ sourcePauses: 1, sourcePausedMs: 400 })],
    ['garbage of 4% of the time', { gc: { collections: 3, totalMs: 400, longestMs: 90 } }],
    ['three purges', pressure({ purges: 3 })],
    ['an eighth of the budget unattributed', { unattributedBytes: 64e6 }],
    ['a small peak that spilled nothing but is half of the budget', { peakRssBytes: 256e6 }],
  ])('are not made for %s', (_name, bill) => expect(advise(bill)).toEqual([]))

  it('come in order of what matters', () => {
    const all = advise({
      spilledBytes: 1e9,
      unattributedBytes: 200e6,
      ...pressure({ purges: 60, rungs: { queue: 1 } }),
    })
    expect(all.map(({ what }) => what.split(/[ ,]/)[0])).toEqual(['give', 'run', 'raise', 'run'])
  })
})
