import { composeBill } from '../../src/memory/bill.ts'
import { describe, expect, it } from 'vitest'
import {
  alignCsvBuffer,
  decidePurge,
  type EnginePlan,
  estimateRowBytes,
  expectedBaseBytes,
  Governor,
  planCopy,
  planEngine,
  resolveAutoBudget,
  rowGroupSize,
} from '../../src/memory/index.ts'
import { parseStatus } from '../../src/memory/process-memory.ts'

const MiB = 1024 * 1024
const LINEITEM =
  'BIGINT BIGINT BIGINT INTEGER DECIMAL(15,2) DECIMAL(15,2) DECIMAL(15,2) DECIMAL(15,2) VARCHAR VARCHAR DATE DATE DATE VARCHAR VARCHAR VARCHAR'.split(
    ' ',
  )

describe('the budget is divided so that the process stays inside it', () => {
  const plan = (budgetBytes: number, more: Partial<Parameters<typeof planEngine>[0]> = {}) =>
    planEngine({ budgetBytes, baseBytes: 95 * MiB, cores: 2, allocator: 'purge', ...more })

  it.each([
    [256e6, 0],
    [512e6, 0],
    [1e9, 20e6],
    [4e9, 64 * MiB],
  ])('base, limit and headroom together stay within %d', (budgetBytes, burstBytes) => {
    const { memoryLimitBytes } = plan(budgetBytes)
    expect(95 * MiB + memoryLimitBytes + 40 * MiB).toBeLessThanOrEqual(budgetBytes)
    expect(memoryLimitBytes).toBeGreaterThan(budgetBytes * 0.95 - 140 * MiB - burstBytes)
  })

  it('refuses a budget that cannot hold the engine, and the budget it proposes is accepted', () => {
    const refusal = (() => {
      try {
        return plan(150e6)
      } catch (error) {
        return error
      }
    })()
    expect(refusal).toMatchObject({
      code: 'memory/budget-too-small',
      context: { budgetBytes: 150e6, baseBytes: 95 * MiB },
    })
    const least = Reflect.get(Reflect.get(Object(refusal), 'context'), 'leastBudgetBytes')
    expect(plan(least).memoryLimitBytes).toBeGreaterThanOrEqual(48 * MiB)
    expect(() => plan(least - 2e6)).toThrow(/too small/)
  })

  it('asks for more room where the allocator cannot be purged, and names no threshold', () => {
    expect(plan(1e9, { allocator: 'none' }).memoryLimitBytes).toBe(plan(1e9).memoryLimitBytes - 130 * MiB)
    expect(plan(1e9, { allocator: 'decay' }).purgeAboveBytes).toBeUndefined()
    expect(plan(1e9).purgeAboveBytes).toBe(plan(1e9).memoryLimitBytes)
  })

  it('gives statements that sort one thread at 256 MB, and a COPY all of them', () => {
    expect(plan(256e6)).toMatchObject({ threads: 1, copyThreads: 2 })
    expect(plan(1e9, { cores: 4 })).toMatchObject({ threads: 4, copyThreads: 4 })
    expect(plan(256e6, { cores: 1 })).toMatchObject({ threads: 1, copyThreads: 1 })
  })

  it('expects the engine and the later rooms on top of what is there', () => {
    expect(expectedBaseBytes(50 * MiB)).toBeGreaterThan(84 * MiB)
  })

  it('does not expect once more what is loaded: a lakehouse that was closed and opened again had no room for its engine', () => {
    const first = expectedBaseBytes(50 * MiB)
    const again = expectedBaseBytes(90 * MiB, { isEngineLoaded: true })
    expect(again).toBe(first)
    expect(expectedBaseBytes(90 * MiB, { isEngineLoaded: true, areRoomsLoaded: true })).toBe(90 * MiB)
  })
})

describe('a COPY fits the limit of its engine', () => {
  const engine = (limitMiB: number): EnginePlan => ({
    memoryLimitBytes: limitMiB * MiB,
    threads: 1,
    copyThreads: 2,
    purgeAboveBytes: limitMiB * MiB,
  })
  const copy = (limitMiB: number, rowWidthBytes: number, more = {}) =>
    planCopy({ engine: engine(limitMiB), rowWidthBytes, targetFileBytes: 128e6, ...more })

  it.each([
    [50, 20],
    [100, 272],
    [100, 20_000],
    [800, 272],
    [100, 4_000_000],
  ])('row groups of all threads take less than half of %d MiB at %d bytes a row, or are one row', (limit, width) => {
    const plan = copy(limit, width)
    const held = plan.rowGroupSize * width * 2.5 * plan.threads
    expect(plan.rowGroupSize === 1 || held <= (limit * MiB) / 2).toBe(true)
    expect(plan.rowGroupSize < 2048 || plan.rowGroupSize % 2048 === 0).toBe(true)
    expect(plan.rowGroupSize).toBeLessThanOrEqual(122_880)
  })

  it('has CSV buffers of 2 to 16 MiB: smaller ones are slow, larger ones were most of what an import held', () => {
    expect(copy(85, 2_400, { columns: 300 }).csvBufferBytes).toBe(2 * MiB)
    expect(copy(85, 2_400, { columns: 30 }).csvBufferBytes).toBe(copy(85, 2_400).csvBufferBytes)
    expect(copy(40, 272).csvBufferBytes).toBeGreaterThanOrEqual(2 * MiB)
    expect(copy(4000, 272).csvBufferBytes).toBeLessThanOrEqual(16 * MiB)
  })

  it('ends row groups by their bytes a little above the plan, so that wide rows after the sample do not pile up', () => {
    const plan = copy(100, 272)
    expect(plan.rowGroupBytes).toBeGreaterThan(plan.rowGroupSize * 272)
    expect(plan.rowGroupBytes * plan.threads * 2.5).toBeLessThan(100 * MiB * 0.6)
  })

  it('has CSV buffers of multiples of 16 only: with others DuckDB fails valid files', () => {
    for (const bytes of [1, 4_000_001, 4_000_008, 14_448_123, 128e6]) {
      expect(alignCsvBuffer(bytes) % 16).toBe(0)
      expect(alignCsvBuffer(bytes)).toBeGreaterThanOrEqual(bytes)
    }
    for (let limit = 50; limit < 900; limit += 7) expect(copy(limit, 272).csvBufferBytes % 16).toBe(0)
  })

  it('sorts with the threads of a statement that sorts', () => {
    expect(copy(100, 272).threads).toBe(2)
    expect(copy(100, 272, { holdsState: true }).threads).toBe(1)
  })

  it('row groups have whole vectors up to 122,880 rows, and fewer rows than one where they are wide', () => {
    expect(rowGroupSize({ rowWidthBytes: 1 })).toBe(122_880)
    expect(rowGroupSize({ rowWidthBytes: 1e9 })).toBe(1)
    // 12 MiB / 40,000 = 314 rows
    expect(rowGroupSize({ rowWidthBytes: 40_000 })).toBe(314)
    // 12 MiB / 272 = 46,260 rows, 22 whole vectors
    expect(rowGroupSize({ rowWidthBytes: 272 })).toBe(45_056)
  })

  it('knows the width of a row by its types', () => {
    // 3 x 8 + 4 + 4 x 8 + 5 x (16 + 24) + 3 x 4
    expect(estimateRowBytes(LINEITEM)).toBe(272)
    expect(estimateRowBytes(['DECIMAL(38,0)', 'BOOLEAN', 'TIMESTAMP', 'INTEGER[]', 'STRUCT(a INTEGER)'], 10)).toBe(
      16 + 1 + 8 + 74 + 74,
    )
  })
})

describe('a copy of many columns', () => {
  const engine = (limitMiB: number) => ({
    memoryLimitBytes: limitMiB * MiB,
    threads: 2,
    copyThreads: 2,
    purgeAboveBytes: undefined,
  })
  const threads = (limitMiB: number, columns: number) =>
    planCopy({ engine: engine(limitMiB), rowWidthBytes: 2_000, targetFileBytes: 128e6, columns }).threads
  it('takes one thread where what each holds for every column does not fit twice', () => {
    expect([threads(90, 16), threads(90, 200), threads(330, 200), threads(330, 1_000)]).toEqual([2, 1, 2, 1])
  })

  it('never makes a row group that takes its reader more than a page of 16 MiB', () => {
    const { rowGroupBytes } = planCopy({ engine: engine(4_000), rowWidthBytes: 200, targetFileBytes: 128e6 })
    expect(rowGroupBytes).toBeLessThanOrEqual(16 * MiB)
  })

  it('makes larger ones of narrow columns whose width was seen, where the engine has room', () => {
    const rows = (limitMiB: number, columns: number, isWidthMeasured = true) =>
      planCopy({ engine: engine(limitMiB), rowWidthBytes: 200, targetFileBytes: 128e6, columns, isWidthMeasured })
        .rowGroupSize
    expect(rows(337, 16)).toBe(122_880)
    // One text of 200 bytes, a width that is only estimated, and an engine of 90 MiB.
    expect([rows(337, 4), rows(337, 16, false)]).toEqual([61_440, 61_440])
    expect(rows(90, 16)).toBeLessThan(61_440)
  })
})

describe('purging', () => {
  const decide = (residentMiB: number, allocatedMiB: number) =>
    decidePurge({ residentBytes: residentMiB * MiB, allocatedBytes: allocatedMiB * MiB, purgeAboveBytes: 120 * MiB })
  it('leaves free pages to the allocator below the threshold', () => expect(decide(119, 60).purge).toBe(false))
  it('returns them above it', () => expect(decide(121, 100).purge).toBe(true))
  it('does not try where nothing is free', () => expect(decide(130, 129).purge).toBe(false))
  it('looks often only near the threshold', () => {
    expect(decide(40, 30).nextLookMs).toBeGreaterThan(decide(100, 30).nextLookMs)
  })
})

describe('max_usage: auto', () => {
  const files = (entries: Record<string, string>) => (path: string) => entries[path]
  it('takes 80% of the smallest limit up the tree of a cgroup v2', () => {
    const read = files({
      '/proc/self/cgroup': '0::/pod/box\n',
      '/sys/fs/cgroup/pod/box/memory.max': 'max\n',
      '/sys/fs/cgroup/pod/memory.max': '512000000\n',
      '/sys/fs/cgroup/memory.max': 'max',
    })
    expect(resolveAutoBudget({ read, totalBytes: 8e9 })).toMatchObject({ budgetBytes: 409_600_000, limitBytes: 512e6 })
  })
  it('finds the limit at the root where the path is of the host', () => {
    const read = files({ '/proc/self/cgroup': '0::/../../docker/abc\n', '/sys/fs/cgroup/memory.max': '1000000000' })
    expect(resolveAutoBudget({ read, totalBytes: 8e9 }).budgetBytes).toBe(800_000_000)
  })
  it('reads cgroup v1, whose number for no limit is no limit', () => {
    const line = '9:cpu,memory:/box\n1:name=systemd:/\n'
    const limited = files({ '/proc/self/cgroup': line, '/sys/fs/cgroup/memory/box/memory.limit_in_bytes': '300000000' })
    expect(resolveAutoBudget({ read: limited, totalBytes: 8e9 })).toMatchObject({ budgetBytes: 240e6 })
    const open = files({
      '/proc/self/cgroup': line,
      '/sys/fs/cgroup/memory/box/memory.limit_in_bytes': '9223372036854771712',
    })
    expect(resolveAutoBudget({ read: open, totalBytes: 8e9 })).toMatchObject({
      budgetBytes: 4e9,
      source: "half of the machine's memory",
    })
  })
})

describe('the bill', () => {
  it('counts a level once, leaves out the parts of others, and never double counts what the engine measured', () => {
    const governor = Governor.create({ budgetBytes: 1e9 })
    governor.measured('engine', 5e6)
    using meter = governor.bill('import 1')
    {
      using staging = governor.tryReserve({ consumer: 'import 1/staging', bytes: 7e6 })
      using other = governor.tryReserve({ consumer: 'query 2/rows', bytes: 3e6 })
      expect([staging?.bytes, other?.bytes]).toEqual([7e6, 3e6])
    }
    governor.tryReserve({ consumer: 'copy', bytes: 20e6, within: 'engine' })?.release()
    governor.measured('engine', 30e6)
    governor.measured('engine', 10e6)
    governor.spilled(4e6)
    governor.spilled(0)
    const bill = meter.bill()
    const of = (name: string) => bill.consumers.find((consumer) => consumer.name === name)?.peakBytes
    expect([of('import 1'), of('import 1/staging'), of('query 2'), of('copy')]).toEqual([7e6, 7e6, 3e6, 20e6])
    expect(of('query 2/rows')).toBeUndefined()
    expect(bill.spilledBytes).toBe(4e6)
    const before = of('process before') ?? Number.NaN
    const engine = Math.min(30e6, bill.peakRssBytes - before)
    expect(of('engine')).toBe(engine)
    expect(bill.unattributedBytes).toBe(Math.max(0, bill.peakRssBytes - before - engine - 7e6 - 3e6))
  })

  it('never says that the engine held more than the process had', () => {
    const bill = composeBill({
      budgetBytes: 256e6,
      peakRssBytes: 187e6,
      peaks: new Map([
        ['process before', 60e6],
        ['engine', 342e6],
        ['import 1', 4e6],
      ]),
      countedElsewhere: new Set(['import 1']),
      measured: new Set(['engine']),
      spilledBytes: 0,
    })
    expect(bill.consumers).toContainEqual({ name: 'engine', peakBytes: 127e6 })
    expect(bill.unattributedBytes).toBe(0)
  })

  it('reads the figures that the kernel prints', () => {
    const text = 'Name:\tnode\nVmPeak:\t 999 kB\nVmHWM:\t  102400 kB\nVmRSS:\t   51200 kB\nThreads:\t11\n'
    expect(parseStatus(text)).toEqual({ rssBytes: 51_200 * 1024, peakRssBytes: 102_400 * 1024 })
    expect(parseStatus('Name:\tnode\nState:\tZ (zombie)\n')).toBeUndefined()
  })
})

describe('refusals say what a person must know', () => {
  it('names bytes asked, free, the budget and who holds most', async () => {
    const governor = Governor.create({ budgetBytes: 100e6, baseBytes: 40e6 })
    using held = governor.tryReserve({ consumer: 'import 3/staging', bytes: 30e6 })
    expect(held?.bytes).toBe(30e6)
    await expect(governor.reserve({ consumer: 'query 4/sort', bytes: 70e6 })).rejects.toMatchObject({
      code: 'memory/refused',
      message: 'query 4/sort needs 70 MB; 30 MB of 100 MB is free, held by process (40 MB), import 3 (30 MB)',
      context: { askedBytes: 70e6, heldBytes: 70e6, freeBytes: 30e6, budgetBytes: 100e6 },
      retryable: false,
    })
  })
})
