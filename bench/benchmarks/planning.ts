import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { measureSuccess, median, spread } from '../../src/bench/index.ts'
import { python } from '../lib/data.ts'
import type { Benchmark } from '../lib/benchmark.ts'
import { runPythonSide, runSide } from '../lib/sides.ts'

const GOAL = 0.1
const RUNS = 20

interface OurPlan {
  readonly files: number
  readonly timesMs: readonly number[]
  readonly manifestsTotal: number
  readonly manifestsRead: number
  readonly day: number
  readonly id: number
}

/** A point lookup on 10,000 data files in 100 manifests, warm, against PyIceberg's plan_files of the same filter. */
export const planningBenchmark: Benchmark = {
  name: 'planning',
  about: 'planning a point lookup on 10,000 files in 100 manifests, against PyIceberg',
  async run(context) {
    const interpreter = await python(context.workFolder)
    const lake = join(context.workFolder, 'planning-lake')
    if (!existsSync(lake)) await measureSuccess(resolve('bin/icebox'), ['init', lake, '--quiet'])
    const ratios: number[] = []
    let ours: OurPlan | undefined
    let theirMs = Number.NaN
    for (let round = 0; round < context.rounds; round++) {
      ours = await runSide<OurPlan>('plan-files', [lake, String(RUNS)])
      const theirs = await runPythonSide<{ files: number; timesMs: number[] }>(interpreter, 'plan_files', [
        join(lake, 'catalog.sqlite'),
        'bench.many_files',
        String(ours.day),
        String(ours.id),
        String(RUNS),
      ])
      if (ours.files !== 1 || theirs.files !== 1)
        throw new Error(`planned ${ours.files} and ${theirs.files} files, not 1`)
      theirMs = median(theirs.timesMs)
      ratios.push(median(ours.timesMs) / theirMs)
    }
    return [
      {
        benchmark: 'planning',
        what: 'planning a point lookup on 10,000 files in 100 manifests, warm, against PyIceberg',
        goal: `<= ${GOAL}`,
        measured: spread(ratios, 4),
        passed: median(ratios) <= GOAL,
        detail: `${median(ours?.timesMs ?? []).toFixed(2)} ms against ${theirMs.toFixed(1)} ms`,
      },
      {
        benchmark: 'planning',
        what: 'manifests read for it',
        goal: '1 of 100: only those that can match',
        measured: `${ours?.manifestsRead} of ${ours?.manifestsTotal}`,
        passed: ours?.manifestsRead === 1 && ours.manifestsTotal === 100,
      },
    ]
  },
}
