import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { collectGarbage } from '../../src/memory/index.ts'

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
