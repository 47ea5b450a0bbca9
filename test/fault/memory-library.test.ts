import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type FaultLake, faultLake } from './support/lake.ts'
import { type Watched, watched } from './support/watched.ts'

const BUDGET = 256_000_000
const LIBRARY = resolve(import.meta.dirname, '../../dist/lakehouse.js')
/** What bin/icebox sets. */
const LAUNCHED = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '16777216',
  MALLOC_MMAP_THRESHOLD_: '4194304',
}

let lake: FaultLake
beforeAll(async () => {
  lake = await faultLake()
})
afterAll(() => lake[Symbol.asyncDispose]())

async function ran(program: string, ...args: readonly string[]): Promise<Watched> {
  const path = resolve(import.meta.dirname, 'support', program)
  const all = ['--max-semi-space-size=4', path, LIBRARY, lake.path, ...args]
  const found = await watched(
    spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...LAUNCHED } }),
  )
  expect([found.code, found.signal], found.err).toEqual([0, null])
  return found
}

it.each(['own', 'child'])(
  'a program that opens its lakehouse again and again can query it every time: engine %s',
  async (engine) => {
    const { out, peakBytes } = await ran('reopen.mjs', engine, '30')
    expect(JSON.parse(out)).toEqual([])
    expect(peakBytes).toBeLessThanOrEqual(BUDGET)
  },
)
