import { describe, expect, it } from 'vitest'
import { chart, profileText } from '../../src/cli/output/profile.ts'
import type { OperationSummary } from '../../src/lakehouse/api.ts'

describe('a profile on the terminal', () => {
  it('draws memory as eighths of the budget: a point over the budget is full, an empty one still a line', () => {
    expect(chart([0, 100, 200, 400, 790, 800, 900], 800)).toBe('▁▁▂▄███')
  })

  it('keeps the peak of many points in its column', () => {
    const points = Array.from({ length: 600 }, (_, at) => (at === 305 ? 800 : 100))
    const drawn = chart(points, 800)
    expect(drawn).toHaveLength(60)
    expect(drawn.replaceAll('▂', '').replaceAll('▁', '')).toBe('█')
    expect(drawn[30]).toBe('█')
  })

  it('names who held memory, parts of an operation not twice, and what would help', () => {
    const summary: OperationSummary = {
      rows: 1,
      bytesRead: 0,
      bytesWritten: 0,
      files: 0,
      snapshotId: null,
      elapsedMs: 1500,
      cpuMs: 10,
      budgetBytes: 256e6,
      peakRssBytes: 200e6,
      spilledBytes: 3e9,
      recommendations: [{ what: 'give it a budget of 1.4 GB', why: '3 GB were spilled', gain: '6 GB less' }],
      bill: {
        budgetBytes: 256e6,
        peakRssBytes: 200e6,
        consumers: [
          { name: 'engine', peakBytes: 120e6 },
          { name: 'import 1', peakBytes: 4e6 },
          { name: 'import 1/sample', peakBytes: 4e6 },
        ],
        unattributedBytes: 5e6,
        spilledBytes: 3e9,
        pressure: { rungs: {}, sourcePauses: 0, sourcePausedMs: 0, purges: 7, alerts: 0, brakes: 0 },
        timeline: { stepMs: 20, points: [{ atMs: 0, usedBytes: 128e6, consumers: {}, spilledBytes: 0 }] },
      },
    }
    const text = profileText(summary)
    expect(text).toContain('engine: 120 MB at most')
    expect(text).not.toContain('import 1/sample')
    expect(text).toContain('purges: 7')
    expect(text).toContain('- give it a budget of 1.4 GB: 3 GB were spilled (6 GB less)')
  })

  it('shows nothing where no profile was asked for', () => {
    const pressure = { rungs: {}, sourcePauses: 0, sourcePausedMs: 0, purges: 0, alerts: 0, brakes: 0 }
    const bill = { budgetBytes: 1, peakRssBytes: 1, consumers: [], unattributedBytes: 0, spilledBytes: 0, pressure }
    const figures = { rows: 0, bytesRead: 0, bytesWritten: 0, files: 0, snapshotId: null, elapsedMs: 1, cpuMs: 1 }
    expect(profileText({ ...figures, budgetBytes: 1, peakRssBytes: 1, spilledBytes: 0, bill })).toBe('')
  })
})
