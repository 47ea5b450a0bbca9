import { expect, it } from 'vitest'
import { GarbageReliever } from '../../src/memory/pressure/garbage.ts'

const MiB = 1024 * 1024

/** Some MiB of small objects that nobody has when it returns. */
function litter(mib: number): number {
  const rows = Array.from({ length: mib * 8_192 }, (_, at) => ({ at, text: `row ${at}`, half: at / 2 }))
  return rows.length
}

it("V8's garbage is collected between operations where it grew by some MiB, and again only when more came", () => {
  const reliever = new GarbageReliever()
  litter(32)
  const before = process.memoryUsage().heapUsed
  reliever.tidy()
  const after = process.memoryUsage().heapUsed
  expect(before - after).toBeGreaterThan(4 * MiB)
  litter(1)
  const little = process.memoryUsage().heapUsed
  reliever.tidy()
  expect(process.memoryUsage().heapUsed).toBeGreaterThanOrEqual(little)
})
