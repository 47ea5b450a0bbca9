import { cp, readdir, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { formatBytes } from '../../src/base/index.ts'
import { type Finding, measureSuccess, median, ratios, spread } from '../../src/bench/index.ts'
import { python } from '../lib/data.ts'
import type { Benchmark, BenchmarkContext } from '../lib/benchmark.ts'
import { runPythonSide, runSide } from '../lib/sides.ts'

const COMMITS = 1000
const THEIR_COMMITS = 500
const METADATA_GOAL_BYTES = 20e6

interface Commits {
  readonly timesMs: readonly number[]
  readonly rows: number
  readonly manifests: number
  readonly snapshots: number
}
interface Reads {
  readonly limitMs: readonly number[]
  readonly lookupMs: readonly number[]
}

/** 1,000 appends of 100 rows, each its own commit: their speed, what they leave behind, and how the table reads then. */
export const commitsBenchmark: Benchmark = {
  name: 'commits',
  about: '1,000 appends of 100 rows, each its own commit, against PyIceberg; metadata left; reads afterwards',
  async run(context) {
    const interpreter = await python(context.workFolder)
    const growth: number[] = []
    const speedup: number[] = []
    const limit: number[] = []
    const lookup: number[] = []
    let detail = ''
    let commits: Commits = { timesMs: [], rows: 0, manifests: 0, snapshots: 0 }
    let metadataBytes = 0
    // PyIceberg takes minutes for its 500 commits: fewer rounds than the other benchmarks.
    for (let round = 0; round < Math.max(1, Math.ceil(context.rounds / 2)); round++) {
      const lake = await freshLake(context, 'commits-lake')
      commits = await runSide<Commits>('commits', [lake, String(COMMITS)])
      if (commits.rows !== COMMITS * 100) throw new Error(`${commits.rows} rows after ${COMMITS} commits`)
      const theirs = join(context.workFolder, 'commits-pyiceberg')
      await rm(theirs, { recursive: true, force: true })
      const pyiceberg = await runPythonSide<{ timesMs: number[] }>(interpreter, 'append', [
        theirs,
        String(THEIR_COMMITS),
      ])
      const ours = commits.timesMs.slice(0, THEIR_COMMITS).reduce((sum, ms) => sum + ms, 0)
      const others = pyiceberg.timesMs.reduce((sum, ms) => sum + ms, 0)
      speedup.push(others / ours)
      detail = `${((THEIR_COMMITS / ours) * 1000).toFixed(0)}/s against ${((THEIR_COMMITS / others) * 1000).toFixed(1)}/s`
      growth.push(median(commits.timesMs.slice(-20)) / median(commits.timesMs.slice(5, 25)))
      metadataBytes = await folderBytes(join(lake, 'warehouse/bench/events/metadata'))

      const merged = await mergedCopy(context, lake)
      const many = await runSide<Reads>('reads', [lake, '54321', '50'])
      const one = await runSide<Reads>('reads', [merged, '54321', '50'])
      limit.push(...ratios([median(many.limitMs)], [median(one.limitMs)]))
      lookup.push(...ratios([median(many.lookupMs)], [median(one.lookupMs)]))
      context.note(`commits round ${round + 1}: ${detail}`)
    }
    const finding = (what: string, goal: string, measured: string, passed: boolean, more?: string): Finding => ({
      benchmark: 'commits',
      what,
      goal,
      measured,
      passed,
      ...(more !== undefined && { detail: more }),
    })
    return [
      finding(
        '100-row appends, each its own commit, first 500, against PyIceberg',
        '>= 10x',
        spread(speedup, 1),
        median(speedup) >= 10,
        detail,
      ),
      finding('commit with 1,000 snapshots against one with 10', '<= 1.5x', spread(growth), median(growth) <= 1.5),
      finding(
        'metadata left by 1,000 appends of 100 rows',
        '<= 20 MB',
        formatBytes(metadataBytes),
        metadataBytes <= METADATA_GOAL_BYTES,
      ),
      finding(
        'manifests of the latest snapshot',
        '<= 100',
        String(commits.manifests),
        commits.manifests <= 100,
        `${commits.snapshots} snapshots`,
      ),
      finding(
        'SELECT … LIMIT 10 on it against the same with manifests merged by hand',
        '<= 1.5x',
        spread(limit),
        median(limit) <= 1.5,
      ),
      finding(
        'a point lookup on it against the same with manifests merged by hand',
        '<= 1.5x',
        spread(lookup),
        median(lookup) <= 1.5,
      ),
    ]
  },
}

async function freshLake(context: BenchmarkContext, name: string): Promise<string> {
  const lake = join(context.workFolder, name)
  await rm(lake, { recursive: true, force: true })
  await measureSuccess(resolve('bin/icebox'), ['init', lake, '--quiet'])
  return lake
}

/** A copy of the lakehouse in which one more append merged all manifests into one. */
async function mergedCopy(context: BenchmarkContext, lake: string): Promise<string> {
  const copy = join(context.workFolder, 'commits-merged-lake')
  await rm(copy, { recursive: true, force: true })
  await cp(lake, copy, { recursive: true })
  const icebox = resolve('bin/icebox')
  await measureSuccess(icebox, ['-C', copy, 'table', 'relocate', '--quiet'])
  const sql = `alter table bench.events set tblproperties ('commit.manifest.min-count-to-merge' = '2', 'commit.manifest.target-size-bytes' = '100000000'); insert into bench.events values (-1, 'last', 0)`
  await measureSuccess(icebox, ['-C', copy, 'sql', '--quiet', sql])
  return copy
}

async function folderBytes(folder: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(folder)) bytes += (await stat(join(folder, name))).size
  return bytes
}
