// npm run bench [-- --rounds N] [NAME...]: runs the benchmarks, prints goal and measured value, fails when one is missed.
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { budgetBenchmark } from './benchmarks/budget.ts'
import { commitsBenchmark } from './benchmarks/commits.ts'
import { importBenchmark } from './benchmarks/import.ts'
import { planningBenchmark } from './benchmarks/planning.ts'
import { poolBenchmark } from './benchmarks/pool.ts'
import { smallSelectBenchmark } from './benchmarks/small-select.ts'
import { startupBenchmark } from './benchmarks/startup.ts'
import { streamOutBenchmark } from './benchmarks/stream-out.ts'
import { tpchBenchmark } from './benchmarks/tpch.ts'
import { type Finding, printFindings } from '../src/bench/index.ts'

const BENCHMARKS = [
  importBenchmark,
  budgetBenchmark,
  tpchBenchmark,
  smallSelectBenchmark,
  streamOutBenchmark,
  planningBenchmark,
  poolBenchmark,
  commitsBenchmark,
  startupBenchmark,
]

const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '5' } },
  allowPositionals: true,
})
const rounds = Number(values.rounds)
const unknown = positionals.filter((name) => BENCHMARKS.every((benchmark) => benchmark.name !== name))
if (!Number.isInteger(rounds) || rounds < 1 || unknown.length > 0) {
  const names = BENCHMARKS.map((benchmark) => `  ${benchmark.name}: ${benchmark.about}`).join('\n')
  console.error(`usage: npm run bench -- [--rounds N] [NAME...]\n${names}`)
  process.exit(2)
}

const workFolder = resolve('.bench')
await mkdir(workFolder, { recursive: true })
const findings: Finding[] = []
for (const benchmark of BENCHMARKS) {
  if (positionals.length > 0 && !positionals.includes(benchmark.name)) continue
  findings.push(...(await benchmark.run({ rounds, workFolder, note: (text) => console.error(text) })))
}
const machine = `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}, ${rounds} rounds`
await writeFile(
  resolve(workFolder, 'findings.json'),
  JSON.stringify({ machine, date: new Date().toISOString(), findings }, undefined, 2),
)
console.log(`${machine}\n\n${printFindings(findings)}`)
process.exitCode = findings.every((finding) => finding.passed) ? 0 : 1
