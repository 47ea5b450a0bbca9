import { describe, expect, it } from 'vitest'
import { parseTableName } from '../../src/base/index.ts'

describe('names of tables', () => {
  it.each([
    ['sales.orders', ['sales'], 'orders'],
    ['a.b.orders', ['a', 'b'], 'orders'],
    ['"a.b".orders', ['a', 'b'], 'orders'],
    ['sales."My Table"', ['sales'], 'My Table'],
    ['"say ""hi""".t', ['say "hi"'], 't'],
    [' Sales . Orders ', ['Sales'], 'Orders'],
    ['日本.表', ['日本'], '表'],
  ])('%s is read level by level, case and all', (text, namespace, name) => {
    expect(parseTableName(text)).toEqual({ namespace, name })
  })

  it.each(['', 'orders', 'sales.', '.orders', 'a..b', 'sales."orders', 'sales.or"ders'])(
    '%j is refused, not taken for some other table',
    (text) => {
      expect(() => parseTableName(text)).toThrow(expect.objectContaining({ code: 'name/invalid' }))
    },
  )
})
