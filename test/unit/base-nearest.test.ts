import { describe, expect, it } from 'vitest'
import { nearestNames } from '../../src/base/index.ts'

describe('nearestNames', () => {
  it.each([
    ['ordres', ['orders', 'customers', 'lineitem'], ['orders']], // swapped neighbours
    ['Orders', ['orders', 'orders2'], ['orders', 'orders2']], // case alone is nearest
    ['max_usge', ['max_usage', 'max_spill', 'pool_size'], ['max_usage']],
    ['line', ['lineitem', 'orders'], ['lineitem']], // the beginning of a name
    ['zzz', ['orders', 'customers'], []],
    // Nothing in common.
    ['a', ['b', 'abc'], []],
    ['1', ['v'], []],
    ['', ['x'], []],
    // Half of it.
    ['t1', ['t2', 'x9'], ['t2']],
  ])('for %j among %j suggests %j', (wanted, candidates, expected) => {
    expect(nearestNames(wanted, candidates)).toEqual(expected)
  })

  it('suggests no more than asked', () => {
    expect(nearestNames('t1', ['t2', 't3', 't4', 't5'], 2)).toEqual(['t2', 't3'])
  })
})
