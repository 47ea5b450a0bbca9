import { existsSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { median, ratios, spread } from '../../src/bench/index.ts'
import type { Benchmark } from '../lib/benchmark.ts'
import { runSide } from '../lib/sides.ts'

const GOAL = 0.7
const ROWS = 2_000_000
const RUNS = 3

interface Times {
  readonly rows: number
  readonly arrowBytes: number
  readonly vectorMs: readonly number[]
  readonly arrowMs: readonly number[]
}

/** Integers, a date, a decimal, a double, a short text and one that does not fit inline, a few of them null. */
const FACT = `SELECT i AS id, (i * 7919 % 100003)::INTEGER AS k, DATE '2020-01-01' + (i % 2000)::INTEGER AS d,
  (i % 1000000 / 100)::DECIMAL(12,2) AS amount, i / 7 AS q, 'item ' || i % 5000 AS name,
  CASE WHEN i % 50 = 0 THEN NULL ELSE 'note of row ' || i || ', as people write it' END AS note
  FROM range(${ROWS}) t(i)`

/** 2M rows of 7 columns out as Arrow batches, against fetching the column vectors and not touching them. */
export const streamOutBenchmark: Benchmark = {
  name: 'stream-out',
  about: 'Arrow batches of 2M x 7 out, in process, against fetching column vectors untouched',
  async run(context) {
    const file = join(context.workFolder, 'fact-2m.parquet')
    if (!existsSync(file)) {
      const instance = await DuckDBInstance.create(':memory:')
      const connection = await instance.connect()
      await connection.run(`COPY (${FACT}) TO '${file}.partial' (FORMAT parquet)`)
      connection.disconnectSync()
      instance.closeSync()
      await rename(`${file}.partial`, file)
    }
    const rates: number[] = []
    let last: Times | undefined
    for (let round = 0; round < context.rounds; round++) {
      last = await runSide<Times>('stream-out', [file, String(RUNS)])
      if (last.rows !== ROWS) throw new Error(`${last.rows} rows came out, not ${ROWS}`)
      rates.push(median(ratios(last.vectorMs, last.arrowMs)))
    }
    const millions = (ms: readonly number[]) => (ROWS / 1000 / median(ms)).toFixed(2)
    return [
      {
        benchmark: 'stream-out',
        what: 'Arrow batches of 2M x 7 out, in process: rows/s against column vectors untouched',
        goal: `>= ${GOAL}`,
        measured: spread(rates),
        passed: median(rates) >= GOAL,
        detail: `${millions(last?.arrowMs ?? [])}M rows/s against ${millions(last?.vectorMs ?? [])}M; ${((last?.arrowBytes ?? 0) / 1e6).toFixed(0)} MB of Arrow`,
      },
    ]
  },
}
