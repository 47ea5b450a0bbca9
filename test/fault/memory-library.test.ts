import { afterAll, beforeAll, expect, it } from 'vitest'
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
