import { setTimeout as after } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { collectGarbage } from '../../src/memory/index.ts'

it('a major collection takes what has grown old: buffers that survived young ones', async () => {
  const buffers: Buffer[] = []
  for (let count = 0; count < 16; count++) buffers.push(Buffer.alloc(10_000_000, 1))
  for (let round = 0; round < 3; round++) collectGarbage('minor')
  const before = process.memoryUsage().arrayBuffers
  buffers.length = 0
  collectGarbage('minor')
  await after(50)
  expect(before - process.memoryUsage().arrayBuffers, 'young').toBeLessThan(20_000_000)
  collectGarbage('major')
  await after(50)
  expect(before - process.memoryUsage().arrayBuffers, 'major').toBeGreaterThan(140_000_000)
})
