import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { measureSuccess, median, ratios, spread } from '../../src/bench/index.ts'
import type { Benchmark } from '../lib/benchmark.ts'

/** `icebox sql "select 1"` from start to exit, against a bare Node script that loads the binding and does the same. */
export const startupBenchmark: Benchmark = {
  name: 'startup',
  about: 'icebox sql "select 1" from start to exit',
  async run(context) {
    const icebox = resolve('bin/icebox')
    const lake = join(context.workFolder, 'startup-lake')
    if (!existsSync(lake)) await measureSuccess(icebox, ['init', lake, '--quiet'])
    const raw: number[] = []
    const ours: number[] = []
    const rounds = context.rounds * 4
    for (let round = 0; round <= rounds; round++) {
      const a = await measureSuccess(process.execPath, [resolve('dist/bench/raw-select.js')])
      const b = await measureSuccess(icebox, ['-C', lake, 'sql', 'select 1'])
      if (round === 0) continue // the first round warms the file cache
      raw.push(a.wallMs)
      ours.push(b.wallMs)
    }
    const ratio = ratios(ours, raw)
    return [
      {
        benchmark: 'startup',
        what: '`icebox sql "select 1"` against a bare Node script',
        goal: '<= 1.5x',
        measured: spread(ratio),
        passed: median(ratio) <= 1.5,
        detail: `${median(ours).toFixed(0)} ms against ${median(raw).toFixed(0)} ms`,
      },
    ]
  },
}
