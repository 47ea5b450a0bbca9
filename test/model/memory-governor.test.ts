import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isIceboxError } from '../../src/base/index.ts'
import { Governor, type Reservation } from '../../src/memory/index.ts'

const BUDGET = 1000

type Step =
  | { readonly kind: 'reserve'; readonly bytes: number; readonly name: string }
  | { readonly kind: 'try'; readonly bytes: number }
  | { readonly kind: 'release' | 'releaseTwice'; readonly which: number }
  | { readonly kind: 'resize'; readonly which: number; readonly bytes: number }
  | { readonly kind: 'cancel'; readonly which: number }
  | { readonly kind: 'budget'; readonly bytes: number }

const which = fc.nat(20)
const bytes = fc.oneof(fc.nat(BUDGET), fc.nat(BUDGET + 200), fc.constant(0))
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      bytes,
      name: fc.constantFrom('a', 'a/b', 'a/b/c', 'd'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('try' as const), bytes }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('release' as const, 'releaseTwice' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('resize' as const), which, bytes }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('budget' as const), bytes: fc.nat(BUDGET + 500) }) },
)

/** One request of the model: waiting, held, or over. */
interface Request {
  bytes: number
  state: 'waiting' | 'held' | 'refused' | 'over'
  /** What really happened, set by the promise. */
  seen: 'waiting' | 'held' | 'refused' | 'cancelled'
  reservation: Reservation | undefined
  readonly abort: AbortController
}

describe('the governor behaves as a simple queue over a number', () => {
  it('M1 M2 M3: never above the budget nor granted while it is exceeded, nobody forgotten or overtaken, nothing released twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const governor = Governor.create({ budgetBytes: BUDGET })
        const requests: Request[] = []
        const model = {
          budget: BUDGET,
          free: () => Math.max(0, model.budget - model.held()),
          held: () =>
            requests.filter((request) => request.state === 'held').reduce((sum, request) => sum + request.bytes, 0),
          queue: () => requests.filter((request) => request.state === 'waiting'),
          serve() {
            for (const first of this.queue()) {
              if (first.bytes > this.free()) return
              first.state = 'held'
            }
          },
        }
        const pick = (state: Request['state'], at: number) => {
          const list = requests.filter((request) => request.state === state)
          return list.length === 0 ? undefined : list[at % list.length]
        }
        for (const step of steps) {
          const heldBefore = governor.heldBytes
          switch (step.kind) {
            case 'reserve': {
              const request: Request = {
                bytes: step.bytes,
                state: 'waiting',
                seen: 'waiting',
                reservation: undefined,
                abort: new AbortController(),
              }
              requests.push(request)
              governor.reserve({ consumer: step.name, bytes: step.bytes, signal: request.abort.signal }).then(
                (reservation) => Object.assign(request, { seen: 'held', reservation }),
                (error: unknown) => {
                  request.seen = isIceboxError(error, 'memory/refused') ? 'refused' : 'cancelled'
                },
              )
              if (step.bytes > model.budget) request.state = 'refused'
              model.serve()
              break
            }
            case 'try': {
              const expected = model.queue().length === 0 && step.bytes <= model.free()
              const reservation = governor.tryReserve({ consumer: 'try', bytes: step.bytes })
              expect(reservation !== undefined).toBe(expected)
              if (reservation !== undefined) {
                requests.push({
                  bytes: step.bytes,
                  state: 'held',
                  seen: 'held',
                  reservation,
                  abort: new AbortController(),
                })
              }
              break
            }
            case 'release':
            case 'releaseTwice': {
              const request = pick('held', step.which)
              if (request === undefined) break
              request.reservation?.release()
              request.state = 'over'
              model.serve()
              if (step.kind === 'releaseTwice') request.reservation?.release()
              break
            }
            case 'resize': {
              const request = pick('held', step.which)
              if (request?.reservation === undefined) break
              const fits = step.bytes - request.bytes <= model.free()
              const resize = () => request.reservation?.resize(step.bytes)
              if (fits) {
                resize()
                request.bytes = step.bytes
                model.serve()
              } else expect(resize).toThrow(/is free/)
              break
            }
            case 'cancel': {
              const request = pick('waiting', step.which)
              if (request === undefined) break
              request.abort.abort()
              request.state = 'over'
              model.serve()
              break
            }
            case 'budget': {
              governor.changeBudget(step.bytes)
              model.budget = step.bytes
              for (const request of model.queue()) if (request.bytes > step.bytes) request.state = 'refused'
              model.serve()
              break
            }
          }
          await new Promise(setImmediate)
          // A budget below what is held takes nothing away, and nothing is added until it fits.
          expect(governor.heldBytes).toBeLessThanOrEqual(Math.max(model.budget, heldBefore))
          expect(governor.heldBytes).toBe(model.held())
          expect(governor.waiting).toBe(model.queue().length)
          for (const request of requests) {
            if (request.state === 'held') expect(request.seen).toBe('held')
            if (request.state === 'waiting') expect(request.seen).toBe('waiting')
            if (request.state === 'refused') expect(request.seen).toBe('refused')
          }
          expect(governor.holders().reduce((sum, holder) => sum + holder.bytes, 0)).toBe(model.held())
        }
      }),
      { numRuns: 200 },
    )
  })
})
