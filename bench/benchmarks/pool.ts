import { resolve } from 'node:path'
import { formatBytes } from '../../src/base/index.ts'
import type { StrategyName } from '../lib/buffer-strategies.ts'
import { type Finding, measureSuccess, median, ratios, spread } from '../../src/bench/index.ts'
import type { Benchmark } from '../lib/benchmark.ts'

/** What bin/icebox sets: glibc maps what has 4 MiB or more, and keeps at most 16 MiB. */
const LAUNCHER = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '16777216', MALLOC_MMAP_THRESHOLD_: '4194304' }
const SECONDS = 3

/** The share kept at a budget of 1GB and more, and at 256MB. */
const LARGE_POOL_BYTES = 100_000_000
const SMALL_POOL_BYTES = 25_600_000

interface Resident {
  readonly before: number
  readonly during: number
  readonly after: number
}

/** What bench/sides/pool.ts prints. */
interface PoolFigures {
  readonly bytesPerSecond: number
  readonly bytesPerCpuSecond: number
  readonly hitRate: number
  readonly fragmentation: number
  readonly leaseNs: number
  readonly peakRssBytes: number
  readonly gcPauses: number
  readonly gcMs: number
  readonly longestGcMs: number
  readonly idleBurst: Resident
  readonly pressureBurst: Resident
}

const SIDES = {
  fresh: ['fresh', LARGE_POOL_BYTES],
  buffers: ['buffers', LARGE_POOL_BYTES],
  resizable: ['resizable', LARGE_POOL_BYTES],
  slabs: ['slabs', LARGE_POOL_BYTES],
  'slabs, 25.6 MB kept': ['slabs', SMALL_POOL_BYTES],
} as const satisfies Record<string, readonly [StrategyName, number]>
type Side = keyof typeof SIDES
const SIDE_NAMES = Object.keys(SIDES) as Side[]

/** Buffers of 64 kB to 8 MB, twelve in flight: the pool against plain ways to have them, each in a process of its own. */
export const poolBenchmark: Benchmark = {
  name: 'pool',
  about: 'buffers from the pool against fresh ones, lists of Buffers and resizable slabs; memory after a burst',
  async run(context) {
    const runs = new Map<Side, PoolFigures[]>(SIDE_NAMES.map((side) => [side, []]))
    for (let round = 0; round < context.rounds; round++) {
      for (const side of SIDE_NAMES) runs.get(side)?.push(await runPoolSide(SIDES[side]))
      context.note(
        `pool round ${round + 1}: ${SIDE_NAMES.map((side) => describe(side, runs.get(side) ?? [])).join('; ')}`,
      )
    }
    const of = (side: Side, figure: (run: PoolFigures) => number) => (runs.get(side) ?? []).map(figure)
    return [...reuse(of), ...resident(of), ...plainWays(of)]
  },
}

async function runPoolSide([strategy, poolBytes]: readonly [StrategyName, number]): Promise<PoolFigures> {
  const args = ['--max-semi-space-size=4', resolve('dist/bench/pool.js'), strategy, String(SECONDS), String(poolBytes)]
  const { stdout } = await measureSuccess(process.execPath, args, { env: LAUNCHER })
  return JSON.parse(stdout) as PoolFigures
}

function describe(side: Side, runs: readonly PoolFigures[]): string {
  const last = runs.at(-1)
  if (last === undefined) return side
  const bytes = (value: number) => formatBytes(value)
  const burst = ({ before, during, after }: Resident) => `${bytes(before)}, ${bytes(during)}, ${bytes(after)}`
  return `${side} ${bytes(last.bytesPerSecond)}/s, ${bytes(last.bytesPerCpuSecond)} a CPU second, peak ${bytes(last.peakRssBytes)}, ${last.gcPauses} GC pauses of ${last.gcMs.toFixed(1)} ms (longest ${last.longestGcMs.toFixed(1)}), hits ${(last.hitRate * 100).toFixed(1)}%, holes ${(last.fragmentation * 100).toFixed(1)}%, a lease ${last.leaseNs.toFixed(0)} ns, burst and idle ${burst(last.idleBurst)}, burst and pressure ${burst(last.pressureBurst)}`
}

type Of = (side: Side, figure: (run: PoolFigures) => number) => number[]

function reuse(of: Of): Finding[] {
  return (['slabs', 'slabs, 25.6 MB kept'] as const).map((side) => {
    const rates = of(side, (run) => run.hitRate)
    return {
      benchmark: 'pool',
      what: `hit rate in steady state (${side})`,
      goal: '>= 95% in every run',
      measured: `${(median(rates) * 100).toFixed(1)}%`,
      passed: Math.min(...rates) >= 0.95,
      detail: `at least ${(Math.min(...rates) * 100).toFixed(1)}%; holes ${(median(of(side, (run) => run.fragmentation)) * 100).toFixed(1)}%`,
    }
  })
}

function resident(of: Of): Finding[] {
  return (['idleBurst', 'pressureBurst'] as const).map((kind) => {
    const side = (name: Side) => of(name, (run) => run[kind].after / run[kind].before)
    return {
      benchmark: 'pool',
      what: `resident after a burst of 200 MB, ${kind === 'idleBurst' ? 'once idle' : 'under pressure'}, against before`,
      goal: '<= 1.10 in every run',
      measured: spread(side('slabs')),
      passed: Math.max(...side('slabs')) <= 1.1,
      detail: `fresh ${spread(side('fresh'))}, buffers ${spread(side('buffers'))}`,
    }
  })
}

function plainWays(of: Of): Finding[] {
  const compare = (what: string, other: Side, goal: number, figure: (run: PoolFigures) => number): Finding => {
    const measured = ratios(of('slabs', figure), of(other, figure))
    return {
      benchmark: 'pool',
      what,
      goal: `>= ${goal}`,
      measured: spread(measured),
      passed: median(measured) >= goal,
    }
  }
  const cpuRate = (run: PoolFigures) => run.bytesPerCpuSecond
  const peaks = ratios(
    of('slabs', (run) => run.peakRssBytes),
    of('fresh', (run) => run.peakRssBytes),
  )
  return [
    compare('bytes a CPU second, against fresh buffers', 'fresh', 1, cpuRate),
    // The plain way is faster, and gives nothing back (docs/decisions/0012-buffer-pool.md): a guard, not a win.
    compare('bytes a CPU second, against lists of Buffers by power of two', 'buffers', 0.7, cpuRate),
    compare('bytes a CPU second, against the same slabs resizable', 'resizable', 1, cpuRate),
    {
      benchmark: 'pool',
      what: 'peak memory at work, against fresh buffers',
      goal: '<= 1',
      measured: spread(peaks),
      passed: median(peaks) <= 1,
      detail: `GC ${median(of('slabs', (run) => run.gcMs)).toFixed(0)} ms in ${SECONDS} s against ${median(of('fresh', (run) => run.gcMs)).toFixed(0)}`,
    },
  ]
}
