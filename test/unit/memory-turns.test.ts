import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Turns } from '../../src/memory/pressure/turns.ts'

const CAPACITY = 100
const settle = () => new Promise<void>((next) => setImmediate(next))

describe('turns', () => {
  it('in any order of takes, ends and cancels: holds fit or are alone, who came first is first, nobody is forgotten', async () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant('take' as const), bytes: fc.integer({ min: 1, max: 130 }) }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('end' as const, 'cancel' as const), at: fc.nat(20) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const turns = new Turns()
        interface Taker {
          readonly bytes: number
          readonly cancel: AbortController
          held?: Disposable
          isCancelled?: boolean
        }
        let waiting: Taker[] = []
        let holding: Taker[] = []
        const look = async () => {
          await settle()
          waiting = waiting.filter(({ isCancelled }) => isCancelled !== true)
          const passed = waiting.filter(({ held }) => held !== undefined)
          // In order: nobody passes one that came before and still waits.
          expect(waiting.slice(0, passed.length)).toEqual(passed)
          holding.push(...passed)
          waiting = waiting.filter(({ held }) => held === undefined)
          const sum = holding.reduce((total, { bytes }) => total + bytes, 0)
          if (holding.length > 1) expect(sum).toBeLessThanOrEqual(CAPACITY)
          expect(turns.waiting).toBe(waiting.length)
          const [first] = waiting
          // Who waits has a reason.
          if (first !== undefined) expect(holding.length > 0 && sum + first.bytes > CAPACITY).toBe(true)
        }
        for (const some of steps) {
          if (some.do === 'take') {
            const taker: Taker = { bytes: some.bytes, cancel: new AbortController() }
            waiting.push(taker)
            turns.take({ bytes: taker.bytes, capacityBytes: CAPACITY }, taker.cancel.signal).then(
              (held) => (taker.held = held),
              () => (taker.isCancelled = true),
            )
          } else if (some.do === 'end') {
            const [ended] = holding.splice(some.at % Math.max(1, holding.length), 1)
            ended?.held?.[Symbol.dispose]()
            ended?.held?.[Symbol.dispose]()
          } else waiting[some.at % Math.max(1, waiting.length)]?.cancel.abort()
          await look()
        }
        while (holding.length > 0) {
          holding.pop()?.held?.[Symbol.dispose]()
          await look()
        }
        expect(waiting).toEqual([])
      }),
    )
  })
})
