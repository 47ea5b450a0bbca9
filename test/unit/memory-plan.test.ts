import { describe, expect, it } from 'vitest'
import {
  advised,
  type EnginePlan,
  type HoldingOperator,
  memoryPlanText,
  planCopy,
  planImportMemory,
  planStatement,
} from '../../src/memory/index.ts'

const MiB = 1024 * 1024
const engine = (limitMiB: number, threads: number, copyThreads = 2): EnginePlan => ({
  memoryLimitBytes: limitMiB * MiB,
  threads,
  copyThreads,
  purgeAboveBytes: limitMiB * MiB,
})
const sort = (rows: number, rowBytes = 100): HoldingOperator => ({ kind: 'sort', rows, rowBytes, canSpill: true })

describe('the plan of a statement', () => {
  it('takes all threads where nothing is held, and those of a sort where much is', () => {
    const small = engine(90, 1)
    expect(planStatement({ operators: [], scannedBytes: 1e9 }, small).threads).toBe(2)
    expect(planStatement({ operators: [sort(1_000)], scannedBytes: 1e9 }, small).threads).toBe(2)
    expect(planStatement({ operators: [sort(10_000_000)], scannedBytes: 1e9 }, small).threads).toBe(1)
    expect(planStatement({ operators: [sort(10_000_000)], scannedBytes: 1e9 }, engine(800, 2)).threads).toBe(2)
  })

  it('expects what does not fit to go to disk, and nothing of what does', () => {
    const plan = planStatement({ operators: [sort(10_000_000)], scannedBytes: 0 }, engine(300, 2))
    expect(plan.spillBytes).toBe(1_400_000_000)
    expect(plan.wantedBytes).toBeGreaterThan(1e9)
    expect(planStatement({ operators: [sort(1_000_000)], scannedBytes: 0 }, engine(300, 2)).spillBytes).toBe(0)
  })

  it('does the sort that a query ends in in passes, by the square of the limit', () => {
    const rows = sort(20_000_000)
    const passes = (limitMiB: number, endsInSort = true) =>
      planStatement({ operators: [rows], scannedBytes: 0, endsInSort }, engine(limitMiB, 1)).sortPasses
    expect([passes(86), passes(60), passes(340)]).toEqual([5, 9, 1])
    expect(passes(86, false)).toBeUndefined()
    expect(
      memoryPlanText(planStatement({ operators: [rows], scannedBytes: 0, endsInSort: true }, engine(86, 1))).at(-1),
    ).toContain('in 5 passes')
  })

  it('of a trivial statement does not say that it needs more at least than to stay in memory', () => {
    const text = memoryPlanText(planStatement({ operators: [], scannedBytes: 682 }, engine(300, 2))).join('\n')
    expect(text).toContain('needs 50.3 MB, with which it stays in memory; the engine has 315 MB')
    expect(text).not.toContain('at least')
  })

  it('needs at least what cannot go to disk', () => {
    const texts: HoldingOperator = { kind: 'group by', rows: 5_000_000, rowBytes: 60, canSpill: false }
    const plan = planStatement({ operators: [texts], scannedBytes: 0 }, engine(300, 2))
    expect(plan).toMatchObject({ leastBytes: 500_000_000, spillBytes: 0 })
    expect(memoryPlanText(plan).join('\n')).toMatch(/group by: about 5,000,000 rows, 300 MB that cannot go to disk/)
  })
})

describe('the plan of an import', () => {
  const needs = {
    rowWidthBytes: 200,
    openPartitions: undefined,
    sortedBytes: undefined,
    stagedBytes: 0,
    footerBytes: 0,
  }
  it('is the copy: threads, row groups, buffers; and fits the limit that the copy was planned by', () => {
    const copy = planCopy({ engine: engine(300, 2), rowWidthBytes: 200, targetFileBytes: 128e6 })
    const plan = planImportMemory({ ...needs, copy })
    expect(plan).toMatchObject({ threads: 2, rowGroupRows: copy.rowGroupSize, spillBytes: 0 })
    expect(plan.wantedBytes).toBeLessThanOrEqual(plan.limitBytes)
    expect(plan.leastBytes).toBeLessThan(plan.wantedBytes)
  })

  it('counts open partitions, what is staged, and a sort that does not fit', () => {
    const copy = planCopy({ engine: engine(90, 1), rowWidthBytes: 200, targetFileBytes: 128e6 })
    const plain = planImportMemory({ ...needs, copy })
    const open = planImportMemory({ ...needs, copy, openPartitions: 84 })
    expect(open.wantedBytes - plain.wantedBytes).toBe(84 * copy.threads * 2_048 * 200)
    expect(planImportMemory({ ...needs, copy, stagedBytes: 5e8 }).spillBytes).toBe(500_000_000)
    const sorted = planImportMemory({ ...needs, copy, sortedBytes: 2e9 })
    expect(sorted.spillBytes).toBe(2_800_000_000)
    expect(sorted.operators).toEqual([{ kind: 'sort', rows: 10_000_000, rowBytes: 200, canSpill: true }])
  })
})

describe('advice', () => {
  it('halves threads and what row groups are planned by, never below one thread', () => {
    const scarce = { bufferScale: 0.5, threadScale: 0.5, engineLimitScale: 0.85 }
    expect(advised(engine(300, 2, 4), scarce)).toMatchObject({
      memoryLimitBytes: 150 * MiB,
      threads: 1,
      copyThreads: 2,
    })
    expect(advised(engine(90, 1, 1), scarce)).toMatchObject({ threads: 1, copyThreads: 1 })
    const plain = planCopy({ engine: engine(90, 1), rowWidthBytes: 200, targetFileBytes: 1e8 })
    const advisedCopy = planCopy({ engine: advised(engine(90, 1), scarce), rowWidthBytes: 200, targetFileBytes: 1e8 })
    expect(advisedCopy.rowGroupSize * advisedCopy.threads).toBeLessThan(plain.rowGroupSize * plain.threads)
  })
})
