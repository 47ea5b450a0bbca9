import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { measureSuccess, median, spread } from '../../src/bench/index.ts'
import type { Benchmark } from '../lib/benchmark.ts'
import { runSide } from '../lib/sides.ts'

const GOAL = 3
const FILES = 10
const RUNS = 100

interface Times {
  readonly files: number
  readonly oursMs: readonly number[]
  readonly rawMs: readonly number[]
}

/** A small SELECT on a table of 10 files, warm, against read_parquet of the same files in the same process. */
export const smallSelectBenchmark: Benchmark = {
  name: 'small-select',
  about: 'a small SELECT on a table of 10 files, warm, against raw read_parquet',
  async run(context) {
    const lake = join(context.workFolder, 'small-lake')
    const icebox = resolve('bin/icebox')
    await rm(lake, { recursive: true, force: true })
    await measureSuccess(icebox, ['init', lake, '--quiet'])
    const create = 'create schema bench; create table bench.events (id bigint, name varchar, amount double);'
    const inserts = Array.from(
      { length: FILES },
      (_, file) =>
        `insert into bench.events select i, 'event ' || i, i / 7 from range(${file * 1000}, ${file * 1000 + 1000}) t(i);`,
    )
    await measureSuccess(icebox, ['-C', lake, 'sql', '--quiet', create + inserts.join('')])
    const medians: number[] = []
    let last: Times | undefined
    for (let round = 0; round < context.rounds; round++) {
      last = await runSide<Times>('small-select', [lake, join(lake, 'warehouse/bench/events/data'), String(RUNS)])
      if (last.files !== FILES) throw new Error(`the table has ${last.files} files, not ${FILES}`)
      medians.push(median(last.oursMs) / median(last.rawMs))
    }
    return [
      {
        benchmark: 'small-select',
        what: 'a small SELECT on 10 files, warm, against raw read_parquet',
        goal: `<= ${GOAL}x`,
        measured: spread(medians),
        passed: median(medians) <= GOAL,
        detail: `${median(last?.oursMs ?? []).toFixed(2)} ms against ${median(last?.rawMs ?? []).toFixed(2)} ms`,
      },
    ]
  },
}
