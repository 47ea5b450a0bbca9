import { describe, expect, it } from 'vitest'
import { ownMemory } from '../../src/memory/index.ts'

const MB = 1e6

describe.runIf(process.platform === 'linux')('memory as the kernel counts it', () => {
  it('a process that takes 64 MB and gives it back shows it in the peak', () => {
    const before = ownMemory()
    let block: Buffer | undefined = Buffer.alloc(64 * MB, 1)
    const during = ownMemory()
    expect(during.rssBytes - before.rssBytes).toBeGreaterThan(50 * MB)
    expect(during.peakRssBytes).toBeGreaterThanOrEqual(during.rssBytes - MB)
    block = undefined
    expect(block).toBeUndefined()
  })
})
