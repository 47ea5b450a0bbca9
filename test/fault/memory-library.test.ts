import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FaultLake, faultLake } from './support/lake.ts'
import { runProgram } from './support/program.ts'

const BUDGET = 256_000_000

let lake: FaultLake
beforeAll(async () => {
  lake = await faultLake()
})
afterAll(() => lake[Symbol.asyncDispose]())

it.each(['own', 'child'])(
  'a program that opens its lakehouse again and again can query it every time: engine %s',
  async (engine) => {
    const { out, peakBytes } = await runProgram('reopen.mjs', lake.path, engine, '30')
    expect(JSON.parse(out)).toEqual([])
    expect(peakBytes).toBeLessThanOrEqual(BUDGET)
  },
)

describe('texts bound as parameters at 256MB', () => {
  const statements = ['select length($1)', 'select upper($1)', "select $1 || $1 || 'x'", 'insert into p.t values ($1)']
  const bound = async (engine: string, bytes: number) => {
    const { out, peakBytes } = await runProgram('parameter.mjs', lake.path, engine, String(bytes), ...statements)
    expect(peakBytes).toBeLessThanOrEqual(BUDGET)
    return JSON.parse(out) as unknown[]
  }
  beforeAll(async () => {
    await lake.run(['sql', 'create schema p; create table p.t (v varchar)'])
  })

  it('are used where they fit', async () => {
    expect(await bound('own', 8_000_000)).toEqual([1, 1, 1, 0])
    expect((await bound('child', 4_000_000)).slice(0, 2)).toEqual([1, 1])
  })

  it.each(['own', 'child'])('are refused before anything is taken where they do not: engine %s', async (engine) => {
    expect(await bound(engine, 60_000_000)).toEqual(statements.map(() => 'memory/refused'))
  })
})

it('a statement that waits for memory which its own program holds is refused in the end, and goes when that is let go', async () => {
  const { out, peakBytes } = await runProgram('nested.mjs', lake.path)
  expect(JSON.parse(out)).toEqual(['memory/refused', 20_000])
  expect(peakBytes).toBeLessThanOrEqual(BUDGET)
})
