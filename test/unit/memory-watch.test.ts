import { describe, expect, it } from 'vitest'
import { requireBudgetFits, resolveAutoBudget } from '../../src/memory/index.ts'
import { systemLimits } from '../../src/memory/container-limit.ts'
import { nextLookMs } from '../../src/memory/watch/look-rule.ts'
import { systemProcessSources } from '../../src/memory/watch/process-sources.ts'
import { ProcessTree } from '../../src/memory/watch/process-tree.ts'

/** Processes 0 (this one) and those by id; PSS readings are counted. */
function processes(figures: Record<string, { rss: number; pss?: number; peak?: number }>) {
  const read: string[] = []
  let nowMs = 0
  const tree = new ProcessTree(
    {
      own: () => ({ rssBytes: figures['self']?.rss ?? 0, heapBytes: 7 }),
      rssBytes: (pid) => figures[pid]?.rss,
      pssBytes: (pid) => {
        read.push(String(pid))
        nowMs += 5
        return figures[pid]?.pss
      },
      peakBytes: (pid) => figures[pid]?.peak,
      spareBytes: () => undefined,
    },
    () => nowMs,
  )
  return { tree, read, figures, pass: (ms: number) => (nowMs += ms) }
}

describe('memory of the process tree', () => {
  it('of one process is its RSS, and its peak the high-water mark', () => {
    const { tree, read } = processes({ self: { rss: 100 } })
    expect(tree.read()).toEqual({ usedBytes: 100, heapBytes: 7, children: new Map() })
    expect(tree.peakBytes(130)).toBe(130)
    expect(read).toEqual([])
  })

  it('of several is the sum of PSS, which counts shared pages once', () => {
    const { tree, figures, pass } = processes({ self: { rss: 100, pss: 70 }, 42: { rss: 300, pss: 260, peak: 310 } })
    const unregister = tree.register(42, 'engine')
    expect(tree.read()).toMatchObject({ usedBytes: 330, children: new Map([['engine', 260]]) })
    // Between two readings of PSS the sum follows RSS.
    figures['42'] = { rss: 500, pss: 999, peak: 510 }
    pass(10)
    expect(tree.read().usedBytes).toBe(70 + 460)
    figures['42'] = { rss: 200, pss: 160, peak: 510 }
    expect(tree.read().usedBytes).toBe(70 + 160)
    // The larger of the largest sum (530) and the largest single high-water mark (510).
    expect(tree.peakBytes(120)).toBe(530)
    unregister()
    expect(tree.read().usedBytes).toBe(100)
    expect(tree.peakBytes(120)).toBe(530)
  })

  it('reads PSS, which costs milliseconds, at most each 250 ms and for 1% of the time', () => {
    const { tree, read, pass } = processes({ self: { rss: 100, pss: 70 }, 42: { rss: 300, pss: 260 } })
    tree.register(42, 'engine')
    tree.read()
    expect(read).toEqual(['self', '42'])
    // 10 ms were spent: not again before 1,000 have passed.
    pass(990)
    tree.read()
    expect(read.length).toBe(2)
    pass(10)
    tree.read()
    expect(read.length).toBe(4)
  })

  it('counts RSS where the kernel gives no PSS, and a child that is gone as nothing', () => {
    const { tree, figures } = processes({ self: { rss: 100 }, 42: { rss: 300 } })
    tree.register(42, 'engine')
    expect(tree.read().usedBytes).toBe(400)
    delete figures['42']
    expect(tree.read().usedBytes).toBe(100)
  })

  it.runIf(process.platform === 'linux')('is read from the kernel', () => {
    const sources = systemProcessSources()
    const own = sources.own().rssBytes
    expect(Math.abs((sources.rssBytes(process.pid) ?? 0) - own)).toBeLessThan(20e6)
    expect(sources.pssBytes('self')).toBeGreaterThan(1e6)
    expect(sources.peakBytes(process.pid)).toBeGreaterThan(1e6)
    expect(sources.rssBytes(999_999_999)).toBeUndefined()
  })
})

describe('when to look', () => {
  const next = (usedBytes: number, more = {}) =>
    nextLookMs({
      usedBytes,
      thresholdBytes: 800,
      intervalMs: 1000,
      hasOpenBills: false,
      budgetBytes: 1000,
      bytesPerMs: 0,
      isEnding: false,
      ...more,
    })
  it('is the interval of the configuration far from the threshold', () => expect(next(400)).toBe(1000))
  it('comes sooner on the way, and each 20 ms near it', () => {
    expect([next(600), next(730), next(900)]).toEqual([100, 20, 20])
  })
  it('comes before the budget is passed where memory grows fast: halfway to it', () => {
    // 600 are left, which 20 a millisecond fill in 30.
    expect(next(400, { bytesPerMs: 20 })).toBe(15)
    expect([next(980, { bytesPerMs: 50 }), next(1200, { bytesPerMs: 50 })]).toEqual([2, 2])
    expect(next(400, { bytesPerMs: -20 })).toBe(1000)
  })
  it('comes at once beyond the budget while one that was told to end has not', () => {
    expect([next(1000, { isEnding: true }), next(990, { isEnding: true })]).toEqual([2, 20])
  })
  it('is at most 100 ms while a bill is open, and never above the interval', () => {
    expect(next(400, { hasOpenBills: true })).toBe(100)
    expect(next(900, { intervalMs: 10 })).toBe(10)
    expect(next(0, { intervalMs: Number.POSITIVE_INFINITY, hasOpenBills: true })).toBe(100)
  })
})

describe('a budget that the system does not give', () => {
  const LIMITS =
    'Limit  Soft Limit  Hard Limit  Units\nMax data size             300000000            unlimited            bytes\nMax address space         unlimited            unlimited            bytes\n'
  const files = (entries: Record<string, string>) => (path: string) => entries[path]

  it('is refused with both numbers, by the smallest limit', () => {
    const limits = systemLimits(
      files({
        '/proc/self/cgroup': '0::/box\n',
        '/sys/fs/cgroup/box/memory.max': '512000000\n',
        '/proc/self/limits': LIMITS,
      }),
    )
    expect(limits).toEqual([
      { bytes: 512e6, source: 'cgroup v2' },
      { bytes: 300e6, source: 'RLIMIT_DATA' },
    ])
    expect(() => requireBudgetFits(1e9, limits)).toThrow(
      'a budget of 1 GB is above the limit of 300 MB (RLIMIT_DATA) that this process has',
    )
    expect(() => requireBudgetFits(1e9, limits)).toThrow(
      expect.objectContaining({
        code: 'memory/budget-too-large',
        context: { budgetBytes: 1e9, limitBytes: 300e6, source: 'RLIMIT_DATA' },
      }),
    )
  })

  it('is not what auto comes to', () => {
    const read = files({ '/proc/self/limits': LIMITS })
    const auto = resolveAutoBudget({ read, totalBytes: 8e9 })
    expect(auto).toEqual({ budgetBytes: 240e6, limitBytes: 300e6, source: "80% of the process's limit (RLIMIT_DATA)" })
    requireBudgetFits(auto.budgetBytes, systemLimits(read))
  })

  it('is taken where it is the limit itself, or there is none', () => {
    requireBudgetFits(300e6, [{ bytes: 300e6, source: 'RLIMIT_DATA' }])
    const v1 = systemLimits(
      files({
        '/proc/self/cgroup': '4:memory:/box\n0::/\n',
        '/sys/fs/cgroup/memory/box/memory.limit_in_bytes': '9223372036854771712',
      }),
    )
    requireBudgetFits(64e9, v1)
    requireBudgetFits(
      64e9,
      systemLimits(() => undefined),
    )
  })
})
