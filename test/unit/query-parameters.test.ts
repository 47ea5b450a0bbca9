import { describe, expect, it } from 'vitest'
import { readPlanTree } from '../../src/query/pruning/plan-tree.ts'
import { parameterBytes } from '../../src/query/run/parameter-room.ts'
import { splitStatements } from '../../src/query/text/statements.ts'

const needed = (sql: string, ...values: readonly (string | number | Uint8Array | null)[]) => {
  const [statement] = splitStatements(sql)
  if (statement === undefined) throw new Error('no statement')
  return parameterBytes(statement, values)
}

describe('what parameters take beside the limit of the engine', () => {
  it('is three times their bytes, of which a text has up to three a character', () => {
    expect(needed('select $1, $2, $3, $4', 'aaaa', '中中', new Uint8Array(5), 7)).toEqual({
      givenBytes: 4 + 6 + 5,
      neededBytes: 3 * (4 + 6 + 5),
    })
  })

  it('and four for each use after the first: a constant is made of several', () => {
    expect(needed('select $1 || $2 || $1 || $1', 'aaaa', 'bb').neededBytes).toBe(4 * (3 + 2 * 4) + 2 * 3)
    expect(needed('select ? || ?', 'aaaa', 'bb').neededBytes).toBe(3 * 6)
  })

  it('more where lists are made of them, or where a plan prints them', () => {
    expect(needed('select unnest(from_json($1, \'["BIGINT"]\'))', '[1,2]').neededBytes).toBe(5 * (3 + 12))
    expect(needed('explain select $1', 'aaaa').neededBytes).toBe(4 * (3 + 7))
    expect(needed('delete from t where v = $1', 'aaaa').neededBytes).toBe(4 * (3 + 7))
  })
})

it('a plan that DuckDB cut for lack of memory is no plan, rather than a mistake of the statement', () => {
  expect(() => readPlanTree('[{"name": "PROJECTION", "extra_info": {"Projections": "aaaaa')).toThrow(
    expect.objectContaining({ code: 'engine/failed' }),
  )
})
