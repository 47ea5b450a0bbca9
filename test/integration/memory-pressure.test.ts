import { describe, expect, it } from 'vitest'
import { Governor, ownMemory, type PressureEvent } from '../../src/memory/index.ts'

const MB = 1e6

describe.runIf(process.platform === 'linux')('memory that was really taken', () => {
  it('pauses sources and calls for relief by itself, and lets them go on when it is back', async () => {
    const baseBytes = ownMemory().rssBytes
    // 80% of the budget lies 80 MB above what the process has.
    const budgetBytes = Math.ceil((baseBytes + 80 * MB) / 0.8)
    using governor = Governor.create({ budgetBytes, baseBytes, monitoringIntervalMs: 10 })
    const events: PressureEvent[] = []
    governor.onPressure((event) => events.push(event))
    const blocks: Buffer[] = []
    governor.registerReliever({
      name: 'cache',
      rung: 'relieve',
      relieve: () => {
        // Garbage from now on: its pages are back when V8's heap was asked, too.
        blocks.length = 0
        return 0
      },
    })
    await governor.sources.whenOpen()
    // In pieces: what a register of a suspended function still refers to is one of them, not all.
    // To 90%: the rung after these begins at 97%.
    while (ownMemory().rssBytes < budgetBytes * 0.9) blocks.push(Buffer.alloc(5 * MB, 1))
    await until(() => events.some((event) => event.kind === 'rung' && event.rung === 'pause-sources'))
    await governor.sources.whenOpen()
    await until(() => governor.sources.isOpen)
    expect(blocks).toEqual([])
    const reliefs = () => events.flatMap((event) => (event.kind === 'relief' ? [event.reliever] : []))
    await until(() => reliefs().includes("V8's heap"))
    expect(reliefs()).toEqual(['cache', "V8's heap"])
    // The heap's buffers go in the background: memory may be back before its relief has ended.
    const rungs = events.flatMap((event) =>
      event.kind === 'rung' ? [`${event.isEntered ? '+' : '-'}${event.rung}`] : [],
    )
    expect(rungs).toEqual(['+pause-sources', '+relieve', '-relieve', '-pause-sources'])
  })
})

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((next) => setTimeout(next, 5))
}
