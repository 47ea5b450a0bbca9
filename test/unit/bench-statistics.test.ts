import { describe, expect, it } from 'vitest'
import { coefficientOfVariation, drift, median, ratios, spread } from '../../src/bench/statistics.ts'

describe('statistics', () => {
  it('takes the middle of an odd count and the mean of the two middle ones of an even count, in any order', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([4, 1, 3, 100])).toBe(3.5)
    expect(median([])).toBeNaN()
  })

  it('says median and range', () => {
    expect(spread([0.5, 0.25, 1])).toBe('0.50 (0.25-1.00)')
  })

  it('compares two sides round by round', () => {
    expect(ratios([10, 30], [20, 10])).toEqual([0.5, 3])
  })

  // By hand: mean 5, deviations 9 + 1 + 1 + 1 + 0 + 0 + 4 + 16 = 32, divided by 7, square root 2.138.
  it('divides the deviation of a sample by n - 1', () => {
    expect(coefficientOfVariation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(2.13809 / 5, 5)
    expect(coefficientOfVariation([3, 3, 3])).toBe(0)
    expect(coefficientOfVariation([3])).toBeNaN()
  })

  it('does not take one high value at the end for a drift', () => {
    const level = Array.from({ length: 50 }, () => 200)
    expect(drift([...level.slice(0, -1), 900])).toBe(0)
    expect(drift([...level.slice(0, 40), ...Array.from({ length: 10 }, () => 206)])).toBeCloseTo(0.03, 10)
  })
})
