import fc from 'fast-check'
import { expect, it } from 'vitest'
import { NumberedCalls } from '../../src/lakehouse/numbered-calls.ts'

it('rows have the number of their first call in every run, whichever calls fail and whenever they are made again', () => {
  const batches = Array.from({ length: 8 }, (_, at) => [{ id: BigInt(at), x: at === 3 ? NaN : at === 4 ? null : -0 }])
  // Of each call: whether it fails, and after how many others it is made again; 0 for never.
  const run = fc.array(fc.tuple(fc.boolean(), fc.nat(3)), { minLength: batches.length, maxLength: batches.length })
  fc.assert(
    fc.property(run, (calls) => {
      const numbers = new NumberedCalls()
      const again = new Map<number, number[]>()
      const call = (batch: number, isFailing: boolean) => {
        // Each time as another object that says the same.
        const rows = structuredClone(batches[batch])
        expect(numbers.take(rows)).toBe(batch)
        if (isFailing) numbers.failed(batch, rows)
      }
      for (const [batch, [isFailing, after]] of calls.entries()) {
        call(batch, isFailing)
        if (isFailing && after > 0) again.set(batch + after, [...(again.get(batch + after) ?? []), batch])
        for (const failed of again.get(batch) ?? []) call(failed, false)
      }
    }),
  )
})

it('equal rows of several failed calls are those calls again, in their order', () => {
  const numbers = new NumberedCalls()
  const rows = () => [{ id: 1 }]
  for (const at of [0, 1, 2]) expect(numbers.take(rows())).toBe(at)
  for (const at of [0, 2]) numbers.failed(at, rows())
  expect([rows(), [{ id: 2 }], rows(), rows()].map((some) => numbers.take(some))).toEqual([0, 3, 2, 4])
})

it('what is no array, or cannot be read, has a number and no second call', () => {
  const numbers = new NumberedCalls()
  const unreadable = [{ id: () => 1 }]
  for (const [at, rows] of ['abc', null, unreadable, 'abc', unreadable].entries()) {
    expect(numbers.take(rows)).toBe(at)
    numbers.failed(at, rows)
  }
})
