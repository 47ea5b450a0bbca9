import { describe, expect, it } from 'vitest'
import { isIceboxError } from '../../src/base/index.ts'
import { DecodedBatch } from '../../src/engine/batch.ts'

const batch = new DecodedBatch(
  [
    { name: 'id', type: 'BIGINT' },
    { name: 'city', type: 'VARCHAR' },
  ],
  1,
  (index) => [index],
)

/** As a program without types calls it. */
function errorOf(index: unknown): unknown {
  try {
    const read: unknown = Reflect.get(batch, 'column')
    if (typeof read === 'function') Reflect.apply(read, batch, [index])
  } catch (error) {
    return isIceboxError(error) ? [error.code, error.message, error.remedy] : error
  }
  return undefined
}

describe('a column of a batch', () => {
  it('that is asked for by name, or is not there, is refused with its place and the nearest name', () => {
    const said = (given: string) => `column() takes the place of a column, from 0, and was given ${given}; there are 2`
    expect(errorOf('city')).toEqual(['usage/invalid', said("'city'"), 'did you mean column(1), which is city?'])
    expect(errorOf('ctiy')).toEqual(['usage/invalid', said("'ctiy'"), 'did you mean column(1), which is city?'])
    expect(errorOf(2)).toEqual(['usage/invalid', said('2'), 'give one of: 0 id, 1 city'])
    expect(errorOf(1)).toBeUndefined()
  })
})
