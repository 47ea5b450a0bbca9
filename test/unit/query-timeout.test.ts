import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startTimeout } from '../../src/query/run/timeout.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('query.timeout', () => {
  it('fires when the time is over and not before, naming the limit', () => {
    const { signal } = startTimeout(5000, undefined)
    vi.advanceTimersByTime(4999)
    expect(signal?.aborted).toBe(false)
    vi.advanceTimersByTime(1)
    expect(signal?.reason).toMatchObject({ code: 'sql/timeout', message: expect.stringContaining('5.0 s') })
  })

  it('leaves no timer behind when the statement ends first', () => {
    const timeout = startTimeout(5000, undefined)
    expect(vi.getTimerCount()).toBe(1)
    timeout.stop()
    expect(vi.getTimerCount()).toBe(0)
    vi.advanceTimersByTime(10_000)
    expect(timeout.signal?.aborted).toBe(false)
  })

  it("passes the caller's cancel on with its own reason", () => {
    const caller = new AbortController()
    const { signal } = startTimeout(5000, caller.signal)
    caller.abort('Ctrl-C')
    expect(signal?.reason).toBe('Ctrl-C')
  })

  it('without a limit is nothing but the signal of the caller', () => {
    const { signal } = new AbortController()
    expect(startTimeout(undefined, signal).signal).toBe(signal)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('of 30 days does not fire at once, as a timer of Node beyond 24.8 days does', () => {
    const { signal } = startTimeout(30 * 86_400_000, undefined)
    vi.advanceTimersByTime(86_400_000)
    expect(signal?.aborted).toBe(false)
  })
})
