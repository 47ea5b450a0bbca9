import { getEventListeners } from 'node:events'
import { expect, it } from 'vitest'
import { whenAborted } from '../../src/base/index.ts'

it('a signal that is given to many calls has one listener, none once they ended, and tells those who still wait', () => {
  const controller = new AbortController()
  const { signal } = controller
  const told: number[] = []
  const listeners = () => getEventListeners(signal, 'abort').length
  const join = (at: number) => whenAborted(signal, () => told.push(at))
  for (const leave of Array.from({ length: 30 }, (_, at) => join(at))) {
    expect(listeners()).toBe(1)
    leave()
  }
  expect(listeners()).toBe(0)
  const leaves = Array.from({ length: 30 }, (_, at) => join(at))
  leaves[7]?.()
  controller.abort()
  expect(told).toEqual(Array.from({ length: 30 }, (_, at) => at).filter((at) => at !== 7))
  leaves[8]?.()
  whenAborted(null, () => told.push(-1))()
  expect(listeners()).toBe(0)
})
