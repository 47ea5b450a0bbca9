import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { isIceboxError } from '../../src/base/index.ts'
import { type BudgetNode, Governor, type Priority, type Reservation } from '../../src/memory/index.ts'

const BUDGET = 1000
const BASE = 100
/** What measured memory cannot take from promises, by the README. */
const KEPT_SHARE = 0.03
/** How often a lower priority may be passed over in a row, by the README. */
const PASSED_OVER = 8
const ORDER: readonly Priority[] = ['high', 'normal', 'low']

type Step =
  | {
      readonly kind: 'reserve'
      readonly bytes: number
      readonly name: string
      readonly priority: Priority
      readonly deadlineMs: number | undefined
    }
  | { readonly kind: 'try'; readonly bytes: number; readonly priority: Priority }
  | { readonly kind: 'release' | 'releaseTwice' | 'cancel'; readonly which: number }
  | { readonly kind: 'resize'; readonly which: number; readonly bytes: number }
  | { readonly kind: 'see'; readonly usedBytes: number; readonly engineBytes: number; readonly heapBytes: number }
  | { readonly kind: 'budget'; readonly bytes: number }
  | { readonly kind: 'time'; readonly ms: number }

const which = fc.nat(20)
const bytes = fc.oneof({ weight: 1, arbitrary: fc.nat(BUDGET + 1) }, { weight: 5, arbitrary: fc.nat(300) })
const priority = fc.constantFrom(...ORDER)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      bytes,
      name: fc.constantFrom('a', 'a/b', 'a/b/c', 'd'),
      priority,
      deadlineMs: fc.option(fc.integer({ min: 1, max: 150 }), { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('try' as const), bytes, priority }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('release' as const, 'releaseTwice' as const, 'cancel' as const),
      which,
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('resize' as const), which, bytes }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('see' as const),
      usedBytes: fc.oneof(fc.nat(BUDGET + 300), fc.nat(400)),
      engineBytes: fc.nat(BUDGET),
      heapBytes: fc.nat(200),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('budget' as const), bytes: fc.integer({ min: 50, max: 1500 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 60 }) }) },
)

/** Many that wait for long: three of these fit at once, and every release lets one in. */
const crowd: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      bytes: fc.constant(300),
      name: fc.constant('a'),
      priority: fc.oneof({ weight: 5, arbitrary: fc.constant('high' as const) }, { weight: 1, arbitrary: priority }),
      deadlineMs: fc.constant(undefined),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('release' as const), which }) },
)

/** One request of the model: waiting, held, or over. */
interface Request {
  readonly name: string
  readonly priority: Priority
  bytes: number
  dueMs: number
  state: 'waiting' | 'held' | 'over'
  /** What really happened, set by the promise. */
  seen: 'waiting' | 'held' | 'refused' | 'cancelled'
  reservation: Reservation | undefined
  readonly abort: AbortController
}

/** The simplest thing that keeps the rules: a list of requests, three numbers, and who was passed over how often. */
class Model {
  readonly requests: Request[] = []
  budget = BUDGET
  /** What was seen beyond base and promises at the last look. */
  beside = 0
  readonly passed: Record<Priority, number> = { high: 0, normal: 0, low: 0 }

  promised(): number {
    return this.of('held').reduce((sum, request) => sum + request.bytes, 0)
  }

  of(state: Request['state']): Request[] {
    return this.requests.filter((request) => request.state === state)
  }

  free(): number {
    const byPromises = this.budget - BASE - this.promised()
    const kept = Math.floor(this.budget * KEPT_SHARE) - this.promised()
    return Math.max(0, Math.min(byPromises, Math.max(byPromises - this.beside, kept)))
  }

  queue(): Request[] {
    const owed = (each: Priority) => this.passed[each] >= PASSED_OVER
    const order = [...ORDER.filter(owed), ...ORDER.filter((each) => !owed(each))]
    return order.flatMap((each) => this.of('waiting').filter((request) => request.priority === each))
  }

  /** Whether a newcomer goes before all that wait. */
  goesFirst(priority: Priority): boolean {
    return this.of('waiting').every(
      (other) => ORDER.indexOf(other.priority) > ORDER.indexOf(priority) && this.passed[other.priority] < PASSED_OVER,
    )
  }

  grant(request: Request): void {
    if (request.bytes > 0) expect(BASE + this.promised() + request.bytes, 'M1').toBeLessThanOrEqual(this.budget)
    request.state = 'held'
    this.passed[request.priority] = 0
    for (const lower of ORDER.slice(ORDER.indexOf(request.priority) + 1)) {
      if (this.of('waiting').some((other) => other.priority === lower)) this.passed[lower]++
    }
    this.#forget()
  }

  end(request: Request): void {
    request.state = 'over'
    this.#forget()
  }

  serve(): void {
    for (;;) {
      const first = this.queue()[0]
      if (first === undefined || first.bytes > this.free()) return
      this.grant(first)
    }
  }

  #forget(): void {
    for (const each of ORDER) if (!this.of('waiting').some((other) => other.priority === each)) this.passed[each] = 0
  }
}

function expectSums(node: BudgetNode): void {
  const below = node.children.reduce((sum, child) => sum + child.heldBytes, 0)
  expect(node.heldBytes, node.name).toBe(node.ownBytes + below)
  for (const child of node.children) expectSums(child)
}

describe('the governor behaves as a simple queue over a number', () => {
  it('M1 M2 M3 M7 M8: never above the budget, nobody forgotten or starved, nothing released twice, parent = sum', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
    try {
      const mixed = fc.array(step, { minLength: 20, maxLength: 80 })
      const crowded = fc.array(crowd, { minLength: 60, maxLength: 160 })
      await fc.assert(fc.asyncProperty(mixed, runSteps), { numRuns: 300 })
      await fc.assert(fc.asyncProperty(crowded, runSteps), { numRuns: 60 })
    } finally {
      vi.useRealTimers()
    }
  })
})

async function runSteps(steps: readonly Step[]): Promise<void> {
  let seen = { rssBytes: 0, heapBytes: 0 }
  using governor = Governor.create({
    budgetBytes: BUDGET,
    baseBytes: BASE,
    monitoringIntervalMs: 1e9,
    pressure: { pausesSources: false, backpressureThreshold: 1, gcThreshold: 1, alertThreshold: 1 },
    processes: {
      own: () => seen,
      rssBytes: () => undefined,
      pssBytes: () => undefined,
      peakBytes: () => undefined,
      spareBytes: () => undefined,
    },
  })
  const model = new Model()
  let nowMs = 0
  let engineBytes = 0
  /** What is seen is booked against the promises of that moment, so a grant may make room for the next: until nothing moves. */
  const settle = async () => {
    for (let before = -1; before !== model.promised(); ) {
      before = model.promised()
      governor.look()
      const known = BASE + before + Math.min(engineBytes, Math.max(0, seen.rssBytes - BASE))
      model.beside = Math.max(known, seen.rssBytes) - BASE - before
      model.serve()
      await new Promise(setImmediate)
    }
  }
  const pick = (state: Request['state'], at: number) => {
    const list = model.of(state)
    return list.length === 0 ? undefined : list[at % list.length]
  }
  for (const step of steps) {
    switch (step.kind) {
      case 'reserve': {
        const request: Request = {
          name: step.name,
          priority: step.priority,
          bytes: step.bytes,
          dueMs: step.deadlineMs === undefined ? Number.POSITIVE_INFINITY : nowMs + step.deadlineMs,
          state: 'waiting',
          seen: 'waiting',
          reservation: undefined,
          abort: new AbortController(),
        }
        const isFirst = model.goesFirst(step.priority)
        model.requests.push(request)
        governor
          .reserve({
            consumer: step.name,
            bytes: step.bytes,
            priority: step.priority,
            signal: request.abort.signal,
            ...(step.deadlineMs !== undefined && { deadlineMs: step.deadlineMs }),
          })
          .then(
            (reservation) => Object.assign(request, { seen: 'held', reservation }),
            (error: unknown) => {
              request.seen = isIceboxError(error, 'memory/refused') ? 'refused' : 'cancelled'
            },
          )
        if (step.bytes > model.budget - BASE) model.end(request)
        else if (isFirst && step.bytes <= model.free()) model.grant(request)
        break
      }
      case 'try': {
        const expected = model.goesFirst(step.priority) && step.bytes <= model.free()
        const reservation = governor.tryReserve({ consumer: 'try', bytes: step.bytes, priority: step.priority })
        expect(reservation !== undefined).toBe(expected)
        if (reservation === undefined) break
        const request: Request = {
          name: 'try',
          priority: step.priority,
          bytes: step.bytes,
          dueMs: Number.POSITIVE_INFINITY,
          state: 'over',
          seen: 'held',
          reservation,
          abort: new AbortController(),
        }
        model.requests.push(request)
        model.grant(request)
        break
      }
      case 'release':
      case 'releaseTwice': {
        const request = pick('held', step.which)
        if (request === undefined) break
        request.reservation?.release()
        model.end(request)
        model.serve()
        if (step.kind === 'releaseTwice') request.reservation?.release()
        break
      }
      case 'resize': {
        const request = pick('held', step.which)
        if (request?.reservation === undefined) break
        const fits = step.bytes <= request.bytes || step.bytes - request.bytes <= model.free()
        const resize = () => request.reservation?.resize(step.bytes)
        if (!fits) {
          expect(resize).toThrow(/is free/)
          break
        }
        const isSmaller = step.bytes < request.bytes
        resize()
        request.bytes = step.bytes
        if (isSmaller) model.serve()
        break
      }
      case 'cancel': {
        const request = pick('waiting', step.which)
        if (request === undefined) break
        request.abort.abort()
        model.end(request)
        model.serve()
        break
      }
      case 'see':
        seen = { rssBytes: step.usedBytes, heapBytes: step.heapBytes }
        engineBytes = step.engineBytes
        governor.measured('engine', step.engineBytes)
        break
      case 'budget':
        governor.changeBudget(step.bytes)
        model.budget = step.bytes
        for (const request of model.of('waiting')) if (request.bytes > model.budget - BASE) model.end(request)
        model.serve()
        break
      case 'time':
        for (const end = nowMs + step.ms; nowMs < end; ) {
          const dueMs = Math.min(end, ...model.of('waiting').map((request) => request.dueMs))
          await vi.advanceTimersByTimeAsync(dueMs - nowMs)
          nowMs = dueMs
          for (const request of model.of('waiting')) {
            if (request.state !== 'waiting' || request.dueMs > nowMs) continue
            model.end(request)
            model.serve()
          }
          await settle()
        }
        break
    }
    await new Promise(setImmediate)
    // These do not look by themselves: who fits must have been served at once.
    if (!['reserve', 'time', 'see'].includes(step.kind)) expect(governor.waiting).toBe(model.queue().length)
    await settle()
    expect(governor.freeBytes).toBe(model.free())
    expect(governor.waiting).toBe(model.queue().length)
    for (const request of model.requests) {
      if (request.state === 'held') expect(request.seen).toBe('held')
      if (request.state === 'waiting') expect(request.seen).toBe('waiting')
    }
    if (BASE + model.promised() > model.budget) expect(governor.freeBytes).toBe(0)
    const tree = governor.snapshot()
    expectSums(tree)
    expect(tree.heldBytes).toBe(BASE + model.promised() + model.beside)
  }
}
