import { existsSync } from 'node:fs'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { measureSuccess, median, ratios, spread } from '../../src/bench/index.ts'
import { tpch } from '../lib/data.ts'
import type { Benchmark, BenchmarkContext } from '../lib/benchmark.ts'
import { runSide } from '../lib/sides.ts'

const GOAL = 1.05
const MEMORY = '4GB'

interface TpchRun {
  readonly timesMs: readonly number[]
  readonly rows: readonly number[]
}

const total = (run: TpchRun) => run.timesMs.reduce((sum, ms) => sum + ms, 0)

/** TPC-H SF 1, total time of the 22 queries in a cold process, against read_parquet on the files that Icebox wrote. */
export const tpchBenchmark: Benchmark = {
  name: 'tpch',
  about: '22 TPC-H queries at SF 1, against raw read_parquet on the same files',
  async run(context) {
    const { lake, files } = await prepare(context)
    const queries = resolve('bench/tpch/queries.sql')
    const ours: TpchRun[] = []
    const raw: TpchRun[] = []
    for (let round = 0; round <= context.rounds; round++) {
      const first = round % 2 === 0 ? 'raw' : 'icebox'
      const args = [lake, files, queries, String(cpus().length), '4000000000', first]
      const { raw: a, icebox: b } = await runSide<{ readonly raw: TpchRun; readonly icebox: TpchRun }>('tpch', args)
      context.note(`tpch round ${round}: raw ${total(a).toFixed(0)} ms, icebox ${total(b).toFixed(0)} ms`)
      if (String(a.rows) !== String(b.rows))
        throw new Error(`answers differ in rows: ${String(a.rows)} against ${String(b.rows)}`)
      if (round === 0) continue // the first round warms the file cache
      raw.push(a)
      ours.push(b)
    }
    const ratio = ratios(ours.map(total), raw.map(total))
    const worst =
      ours[0]?.timesMs.map(
        (_, query) =>
          median(ours.map((run) => run.timesMs[query] ?? 0)) - median(raw.map((run) => run.timesMs[query] ?? 0)),
      ) ?? []
    return [
      {
        benchmark: 'tpch',
        what: 'TPC-H SF 1, 22 queries, total time against raw read_parquet',
        goal: `<= ${GOAL}`,
        measured: spread(ratio, 3),
        passed: median(ratio) <= GOAL,
        detail: `${median(ours.map(total)).toFixed(0)} ms against ${median(raw.map(total)).toFixed(0)} ms; median difference a query ${median(worst).toFixed(1)} ms`,
      },
    ]
  },
}

/** A lakehouse with the eight tables, made once, and a file that lists each table's data files for the raw side. */
async function prepare(context: BenchmarkContext): Promise<{ lake: string; files: string }> {
  const lake = join(context.workFolder, 'tpch-lake')
  const files = join(context.workFolder, 'tpch-files.json')
  if (existsSync(files)) return { lake, files }
  const source = await tpch(context.workFolder, 1, 'parquet')
  await rm(lake, { recursive: true, force: true })
  const icebox = resolve('bin/icebox')
  await measureSuccess(icebox, ['init', lake, '--quiet', '--memory', MEMORY])
  const tables: Record<string, string[]> = {}
  for (const name of (await readdir(source)).filter((name) => name.endsWith('.parquet'))) {
    const table = basename(name, '.parquet')
    await measureSuccess(icebox, ['-C', lake, 'import', `tpch.${table}`, join(source, name), '--quiet'])
    const data = join(lake, 'warehouse/tpch', table, 'data')
    tables[table] = (await readdir(data)).filter((file) => file.endsWith('.parquet')).map((file) => join(data, file))
  }
  await writeFile(files, JSON.stringify(tables))
  return { lake, files }
}
