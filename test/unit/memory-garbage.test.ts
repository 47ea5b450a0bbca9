import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { collectGarbage } from '../../src/memory/index.ts'
import { GarbageReliever } from '../../src/memory/pressure/garbage.ts'

/** A small object, kept until `drop`: nothing but a collection that was asked for looks at it. */
function kept(): { readonly ref: WeakRef<object>; readonly drop: () => void } {
  const holder: { object: object | undefined } = { object: { old: true } }
  return {
    ref: new WeakRef(holder.object as object),
    drop: () => {
      holder.object = undefined
    },
  }
}

it('a minor collection leaves what has grown old, a major one takes it', async () => {
  const { ref, drop } = kept()
  // A reference that was made or asked for keeps its object until the end of the turn.
  await turn()
  for (let round = 0; round < 3; round++) collectGarbage('minor')
  drop()
  collectGarbage('minor')
  expect(ref.deref() !== undefined, 'after a minor collection').toBe(true)
  await turn()
  collectGarbage('major')
  expect(ref.deref() !== undefined, 'after a major collection').toBe(false)
})

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
