import { describe, expect, it } from 'vitest'
import { IceboxError } from '../../src/base/index.ts'
import { Governor, type PressureEvent, type PressureSettings } from '../../src/memory/index.ts'
import { CALM, decidePressure, type PressureState } from '../../src/memory/pressure/decide-pressure.ts'
import { largestOvercommitted } from '../../src/memory/pressure/operations.ts'
import { DEFAULT_PRESSURE } from '../../src/memory/pressure/rungs.ts'

const BUDGET = 1000

const FIGURES = {
  nowMs: 0,
  heapBytes: 0,
  budgetBytes: BUDGET,
  reliefs: 0,
  lastFreedBytes: 0,
  isShort: false,
  operations: 2,
  ending: 0,
}

/**
 * Looks one after the other; each is `[used, reliefs that have ended]`, the first one's memory being there already. The
 * answers are the actions of each, in words.
 */
function climb(
  looks: readonly (readonly [number, number])[],
  settings: PressureSettings = DEFAULT_PRESSURE,
  running: { readonly operations?: number; readonly ending?: number; readonly from?: number } = {},
): string[][] {
  const { from, ...counts } = running
  let state: PressureState = { ...CALM, nativeBytes: from ?? looks[0]?.[0] ?? 0 }
  return looks.map(([usedBytes, reliefs], at) => {
    const figures = { ...FIGURES, ...counts, nowMs: at * 20, usedBytes, reliefs }
    const decision = decidePressure(figures, state, settings)
    state = decision.state
    return decision.actions.map((action) => {
      if (action.kind === 'enter' || action.kind === 'leave') return `${action.kind} ${action.rung}`
      if (action.kind === 'alert') return `alert ${action.isRaised}`
      return action.kind === 'relieve' ? `relieve ${action.bytesWanted}` : action.kind
    })
  })
}

describe('the pressure ladder', () => {
  it('does nothing below its thresholds', () => expect(climb([[799, 0]])).toEqual([[]]))

  it('pauses sources before it relieves where both thresholds are equal', () => {
    // Back to 5% below the threshold: 850 - 750.
    expect(climb([[850, 0]])).toEqual([['enter pause-sources', 'enter relieve', 'relieve 100']])
  })

  it('a jump over everything climbs rung by rung, each after a relief has ended', () => {
    expect(
      climb([
        [1200, 0],
        [1200, 0],
        [1200, 1],
        [1200, 1],
        [1200, 1],
      ]),
    ).toEqual([
      ['enter pause-sources', 'enter relieve', 'relieve 450', 'alert true'],
      [],
      ['enter economise'],
      ['enter queue'],
      ['enter cancel', 'cancel-largest'],
    ])
  })

  it('begins every rung in one look, in order, where memory runs away beyond the budget', () => {
    expect(climb([[1011, 0]], DEFAULT_PRESSURE, { from: 1000 })).toEqual([
      [
        'enter pause-sources',
        'enter relieve',
        'enter economise',
        'enter queue',
        'enter cancel',
        'relieve 261',
        'cancel-largest',
        'alert true',
      ],
    ])
    expect(climb([[1010, 0]], DEFAULT_PRESSURE, { from: 1000 }).flat()).not.toContain('cancel-largest')
  })

  it("climbs as usual where it is V8's heap that grows: a relief may find garbage", () => {
    const grown = { ...FIGURES, usedBytes: 1200, heapBytes: 300, operations: 1 }
    const { actions } = decidePressure(grown, { ...CALM, nativeBytes: 895 }, DEFAULT_PRESSURE)
    expect(actions.map(({ kind }) => kind)).toEqual(['enter', 'enter', 'relieve', 'alert'])
  })

  it('brakes at once for one operation alone or none, and beside others when the one that was told to end has not', () => {
    const brakes = (running: { operations: number; ending: number }) =>
      climb([[1100, 0]], DEFAULT_PRESSURE, { ...running, from: 900 })
        .flat()
        .includes('brake')
    expect(brakes({ operations: 1, ending: 0 })).toBe(true)
    expect(brakes({ operations: 0, ending: 0 })).toBe(true)
    expect(brakes({ operations: 2, ending: 0 })).toBe(false)
    expect(brakes({ operations: 2, ending: 1 })).toBe(true)
  })

  it('never brakes within the budget, nor for one operation that grows slowly', () => {
    expect(climb([[999, 1]], DEFAULT_PRESSURE, { operations: 1, ending: 1, from: 0 }).flat()).not.toContain('brake')
    const slow = [1000, 1005, 1010].map((used): [number, number] => [used, 1])
    expect(climb(slow, DEFAULT_PRESSURE, { operations: 1 }).flat()).not.toContain('brake')
  })

  it('keeps the order with every threshold at the whole budget', () => {
    const all = { pausesSources: true, backpressureThreshold: 1, gcThreshold: 1, alertThreshold: 1 }
    expect(climb([[999, 0]], all)).toEqual([[]])
    const actions = climb(
      [
        [1000, 0],
        [1000, 1],
        [1000, 1],
        [1000, 1],
      ],
      all,
    )
    expect(actions.flat().filter((action) => action.startsWith('enter'))).toEqual([
      'enter pause-sources',
      'enter relieve',
      'enter economise',
      'enter queue',
      'enter cancel',
    ])
  })

  it('leaves a rung only 5% of the budget below where it began, from the top', () => {
    expect(
      climb([
        [980, 0],
        [980, 1],
        [980, 1],
        [940, 1],
        [925, 1],
        [780, 1],
        [751, 1],
        [749, 1],
      ]).slice(3),
    ).toEqual([[], ['leave queue'], ['leave economise', 'alert false'], [], ['leave relieve', 'leave pause-sources']])
  })

  it('does not flap: use that swings within the hysteresis changes nothing', () => {
    const looks = Array.from({ length: 40 }, (_, at): [number, number] => [at % 2 === 0 ? 810 : 760, 1])
    expect(climb(looks).flat()).toEqual(['enter pause-sources', 'enter relieve', 'relieve 60'])
  })

  it('leaves the sources open where backpressure is off, and climbs on', () => {
    const open = { ...DEFAULT_PRESSURE, pausesSources: false }
    expect(
      climb(
        [
          [980, 0],
          [980, 1],
        ],
        open,
      ),
    ).toEqual([['enter relieve', 'relieve 230', 'alert true'], ['enter economise']])
  })

  it('relieves again after a second, and less and less often while it frees nothing', () => {
    let state: PressureState = CALM
    const asked: number[] = []
    for (let nowMs = 0, reliefs = 0; nowMs <= 20_000; nowMs += 100) {
      const figures = { ...FIGURES, nowMs, usedBytes: 850, reliefs }
      const decision = decidePressure(figures, state, DEFAULT_PRESSURE)
      state = decision.state
      if (decision.actions.some(({ kind }) => kind === 'relieve')) {
        asked.push(nowMs)
        reliefs++
      }
    }
    // 1 s after the first, then 2, 4, 8 s.
    expect(asked).toEqual([0, 1000, 3000, 7000, 15_000])
  })

  it('ends one operation at a time: the next only when the first had two seconds to give its memory back', () => {
    let state: PressureState = { ...CALM, nativeBytes: 1100 }
    const ended: number[] = []
    for (let nowMs = 0; nowMs <= 5000; nowMs += 20) {
      const figures = { ...FIGURES, nowMs, usedBytes: 1100, reliefs: 1 }
      const decision = decidePressure(figures, nowMs === 0 ? state : { ...state, askedAtRelief: 0 }, DEFAULT_PRESSURE)
      state = decision.state
      if (decision.actions.some(({ kind }) => kind === 'cancel-largest')) ended.push(nowMs)
    }
    expect(ended).toEqual([60, 2060, 4060])
  })

  it('tries relief below the threshold for somebody who waits for memory', () => {
    const figures = { ...FIGURES, usedBytes: 500, isShort: true }
    expect(decidePressure(figures, CALM, DEFAULT_PRESSURE).actions).toEqual([{ kind: 'relieve', bytesWanted: 0 }])
  })
})

describe('the operation to end', () => {
  it('is the one furthest above its plan, with its share of what all use', () => {
    // 600 shared by plans of 300 and 100: 450 and 150. a: 450 + 10 - 300 = 160 over; b: 150 + 200 - 100 = 250 over.
    const operations = [
      { name: 'a', planBytes: 300, heldBytes: 10 },
      { name: 'b', planBytes: 100, heldBytes: 200 },
    ]
    expect(largestOvercommitted(operations, 600)).toEqual({ name: 'b', planBytes: 100, usedBytes: 350 })
  })
  it('is none while all keep their plans', () => {
    expect(largestOvercommitted([{ name: 'a', planBytes: 300, heldBytes: 100 }], 200)).toBeUndefined()
    expect(largestOvercommitted([], 200)).toBeUndefined()
  })
  it('is found without plans too', () => {
    expect(largestOvercommitted([{ name: 'a', planBytes: 0, heldBytes: 1 }], 2)?.usedBytes).toBe(3)
  })
})

interface Scene extends Disposable {
  readonly governor: Governor
  readonly events: PressureEvent[]
  /** The process is seen to hold so much; then what is pending has happened. */
  see(usedBytes: number): Promise<void>
}

/** A governor of 1,000 bytes whose process holds what the test says. */
function forced(pressure: PressureSettings = DEFAULT_PRESSURE): Scene {
  let rssBytes = 100
  const governor = Governor.create({
    budgetBytes: BUDGET,
    baseBytes: 100,
    monitoringIntervalMs: 1e6,
    pressure,
    processes: {
      own: () => ({ rssBytes, heapBytes: 0 }),
      rssBytes: () => undefined,
      pssBytes: () => undefined,
      peakBytes: () => undefined,
      spareBytes: () => undefined,
    },
  })
  const events: PressureEvent[] = []
  governor.onPressure((event) => events.push(event))
  return {
    governor,
    events,
    async see(usedBytes) {
      rssBytes = usedBytes
      governor.look()
      // A relief of V8's heap waits 20 ms for buffers that go in the background.
      await new Promise((resolve) => setTimeout(resolve, 40))
    },
    [Symbol.dispose]: () => governor[Symbol.dispose](),
  }
}

const rungs = (events: readonly PressureEvent[]) =>
  events.flatMap((event) => (event.kind === 'rung' ? [`${event.isEntered ? '+' : '-'}${event.rung}`] : []))

describe('the governor on the ladder, each rung by force', () => {
  it('a source that waits goes on when use has fallen, and can be cancelled', async () => {
    using scene = forced()
    await scene.see(850)
    const { sources } = scene.governor
    expect(sources.isOpen).toBe(false)
    const stop = new AbortController()
    const cancelled = sources.whenOpen(stop.signal)
    let isThrough = false
    const pass = async () => {
      await sources.whenOpen()
      isThrough = true
    }
    const through = pass()
    stop.abort()
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' })
    await scene.see(760)
    expect(isThrough).toBe(false)
    await scene.see(740)
    await through
    expect(sources.isOpen).toBe(true)
  })

  it('a source is never stopped for good: one step a second while memory stays short', async () => {
    using scene = forced()
    await scene.see(850)
    const begun = performance.now()
    await scene.governor.sources.whenOpen()
    expect(performance.now() - begun).toBeGreaterThan(900)
    expect(scene.governor.sources.isOpen).toBe(false)
  })

  it('asks relievers in order until enough is back, and goes on after one that fails', async () => {
    using scene = forced()
    const asked: string[] = []
    const add = (name: string, frees: number | Error, rung: 'relieve' | 'economise' = 'relieve') =>
      scene.governor.registerReliever({
        name,
        rung,
        relieve: (wanted) => {
          asked.push(`${name} ${wanted}`)
          if (frees instanceof Error) throw frees
          return Promise.resolve(frees)
        },
      })
    add('allocator', 30)
    add('broken', new RangeError('no'))
    const remove = add('gone', 1)
    add('cache', 90)
    add('pool', 5)
    add('writer', 1, 'economise')
    remove()
    await scene.see(850)
    expect(asked).toEqual(['allocator 100', 'broken 70', 'cache 70'])
    const reliefs = scene.events.filter((event) => event.kind === 'relief')
    expect(reliefs.map((event) => [event.reliever, event.freedBytes])).toEqual([
      ['allocator', 30],
      ['broken', 0],
      ['cache', 90],
    ])
    expect(reliefs[1]?.error).toBeInstanceOf(RangeError)
  })

  it('advises smaller plans and has writers flush, then queues, then ends the largest, and takes all back', async () => {
    using scene = forced()
    const { governor, events } = scene
    let flushed = 0
    governor.registerReliever({ name: 'writer', rung: 'economise', relieve: () => ++flushed })
    using small = await governor.operation({ name: 'query 1', planBytes: 700 })
    using large = await governor.operation({ name: 'import 2', planBytes: 100 })
    using held = governor.tryReserve({ consumer: 'import 2/rows', bytes: 400 })
    expect(held?.bytes).toBe(400)
    await scene.see(990)
    await scene.see(990)
    expect(governor.advice).toMatchObject({ bufferScale: 0.5, threadScale: 0.5 })
    expect(flushed).toBe(1)
    await scene.see(990)
    let isIn = false
    const next = governor.operation({ name: 'query 3', planBytes: 1 }).then((operation) => {
      isIn = true
      return operation
    })
    await scene.see(990)
    expect(isIn).toBe(false)
    expect(large.signal.aborted).toBe(false)
    await scene.see(1100)
    expect(small.signal.aborted).toBe(false)
    const reason: unknown = large.signal.reason
    expect(reason).toBeInstanceOf(IceboxError)
    expect(reason).toMatchObject({
      code: 'memory/exhausted',
      // 400 of its own, and an eighth of the 600 that nobody answers for (1100 - 100 - 400).
      context: { consumer: 'import 2', usedBytes: 475, planBytes: 100, heldBytes: 1100, budgetBytes: 1000 },
    })
    expect(isIn).toBe(false)
    await scene.see(500)
    ;(await next)[Symbol.dispose]()
    expect(governor.advice).toMatchObject({ bufferScale: 1, threadScale: 1 })
    expect(rungs(events)).toEqual([
      '+pause-sources',
      '+relieve',
      '+economise',
      '+queue',
      '+cancel',
      '-cancel',
      '-queue',
      '-economise',
      '-relieve',
      '-pause-sources',
    ])
    expect(events.flatMap((event) => (event.kind === 'alert' ? [event.isRaised] : []))).toEqual([true, false])
  })

  it('lets new work in while nothing runs: a full process must not stand still', async () => {
    using scene = forced()
    for (let look = 0; look < 5; look++) await scene.see(1500)
    expect(rungs(scene.events)).toContain('+queue')
    const first = await scene.governor.operation({ name: 'query 1', planBytes: 1 })
    const stop = new AbortController()
    const cancelled = scene.governor.operation({ name: 'query 2', planBytes: 1, signal: stop.signal })
    const third = scene.governor.operation({ name: 'query 3', planBytes: 1 })
    stop.abort()
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' })
    first[Symbol.dispose]()
    ;(await third)[Symbol.dispose]()
  })

  it('asks the brake to hold down to 95% of the budget, and counts it; one that can do nothing is not told of', async () => {
    using scene = forced()
    using meter = scene.governor.bill('query 1')
    using running = await scene.governor.operation({ name: 'query 1', planBytes: 1 })
    const asked: number[] = []
    const answers = [7, 0]
    const unregister = scene.governor.registerBrake((bytes) => {
      asked.push(bytes)
      return answers.shift() ?? 0
    })
    await scene.see(1100)
    expect(running.signal.reason).toMatchObject({ code: 'memory/exhausted' })
    await scene.see(1200)
    unregister()
    await scene.see(1300)
    expect(asked.length).toBeGreaterThan(1)
    expect(new Set(asked)).toEqual(new Set([950]))
    expect(scene.events.filter(({ kind }) => kind === 'braked')).toEqual([
      { kind: 'braked', ms: 7, usedBytes: 1100, budgetBytes: BUDGET },
    ])
    expect(meter.bill().pressure.brakes).toBe(1)
  })

  it('counts rungs, pauses and alerts in the bill', async () => {
    using scene = forced()
    using meter = scene.governor.bill('import 1')
    await scene.see(910)
    const waiting = scene.governor.sources.whenOpen()
    await scene.see(700)
    await waiting
    scene.governor.purged()
    expect(meter.bill().pressure).toMatchObject({
      rungs: { 'pause-sources': 1, relieve: 1 },
      sourcePauses: 1,
      purges: 1,
      alerts: 1,
    })
  })
})
