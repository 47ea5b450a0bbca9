import { describe, expect, it } from 'vitest'
import { ownMemory, readProcessMemory, resetPeak, RssSampler } from '../../src/memory/index.ts'

const MB = 1e6

describe.runIf(process.platform === 'linux')('memory as the kernel counts it', () => {
  it('a process that takes 64 MB and gives it back shows it in the peak, and a reset forgets it', () => {
    const before = ownMemory()
    let block: Buffer | undefined = Buffer.alloc(64 * MB, 1)
    const during = ownMemory()
    expect(during.rssBytes - before.rssBytes).toBeGreaterThan(50 * MB)
    expect(during.peakRssBytes).toBeGreaterThanOrEqual(during.rssBytes - MB)
    block = undefined
    expect(block).toBeUndefined()
    if (resetPeak()) expect(ownMemory().peakRssBytes).toBeLessThanOrEqual(ownMemory().rssBytes + 8 * MB)
  })

  it('a process that is not there has no memory', () => {
    expect(readProcessMemory(2 ** 22 + 1)).toBeUndefined()
  })

  it('the sampler tells each sample, and its peak is never below the high-water mark', () => {
    const seen: number[] = []
    using sampler = new RssSampler({ onSample: ({ rssBytes }) => seen.push(rssBytes), now: () => 5 })
    expect(sampler.latest).toBeUndefined()
    expect(sampler.sample()).toMatchObject({ atMs: 5 })
    expect(seen).toEqual([sampler.latest?.rssBytes])
    expect(sampler.peakRssBytes).toBeGreaterThanOrEqual(ownMemory().peakRssBytes)
  })
})
