import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { formatBytes, IceboxError } from '../../base/index.ts'
import { needDiskSpace } from '../../ingest/index.ts'
import { type MachineFacts, machineFacts, repository } from '../environment.ts'
import { fileOf } from '../matrix/commands.ts'
import { requireCounts } from '../matrix/plan.ts'
import { prepareData } from '../matrix/prepare-data.ts'
import type { RunResult } from '../matrix/run-file.ts'
import { runMatrix } from '../matrix/run-matrix.ts'
import { pythonOf } from '../matrix/systems.ts'
import type { Finding } from '../report/findings.ts'
import { type ImportMeasure, judgeBudgets, judgeImports, judgeStability, judgeSurvival } from './judge.ts'
import {
  type ImportScene,
  type ImportTask,
  measureImport,
  measureSurvival,
  measureSustained,
  runImport,
} from './imports.ts'

export const PROMISES = ['P1', 'P2', 'P3', 'P4', 'P5', 'P6'] as const
export type Promised = (typeof PROMISES)[number]

export interface AcceptanceOptions {
  /** Empty for all. */
  readonly promises: readonly Promised[]
  /** Rounds of P2, P4 and P5, and runs of every cell of P1. */
  readonly runs: number
  readonly scale: number
  /** Icebox's budget in P2, P4, P5 and P6. */
  readonly budgetBytes: number
  /** The container of P3. */
  readonly limitBytes: number
  /** Results of `icebox bench memory` for P1; measured here (a subset) without them. */
  readonly matrix: readonly RunResult[] | undefined
  readonly workFolder: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
  readonly now: () => Date
  note(text: string): Promise<void>
}

/** The results of `icebox bench acceptance`, as saved and as `--json` prints them. */
export interface AcceptanceFile {
  readonly format: 1
  readonly kind: 'acceptance'
  readonly date: string
  readonly machine: MachineFacts
  readonly scale: number
  readonly findings: readonly Finding[]
  /** Figures that are not judged, a sentence each. */
  readonly shown: readonly string[]
}

/** The cells of P1 where no run of the whole matrix is given: one of each kind. */
const CHOSEN_WORKLOADS = ['import', 'import-84', 'group-by', 'sort', 'stream-in', 'stream-out']
/** Baseline and Icebox write a table each, P3 a slice of input and its table. */
const SCRATCH_BYTES = 6e9
const SUSTAINED = { warmUp: 10, count: 50 }
const SUSTAINED_INPUT_BYTES = 100e6
const LARGE_INPUT_BYTES = 1.1e9

/** Measures the promises and judges them. Rejects `usage/invalid` in an installed package, which has no baseline. */
export async function runAcceptance(options: AcceptanceOptions): Promise<AcceptanceFile> {
  const clone = repository()
  if (clone === undefined || !existsSync(join(clone.programs, 'baseline.js'))) {
    throw new IceboxError('usage/invalid', {
      message: `the buffered baseline that P2 to P5 are measured against is ${clone === undefined ? 'not in the installed package' : 'not built'}`,
      remedy: 'in a clone of the repository: npm ci && npm run build && bin/icebox bench acceptance',
    })
  }
  requireCounts({ runs: options.runs, peerRuns: 0, scale: options.scale })
  const date = options.now().toISOString()
  const wanted = (promise: Promised) => options.promises.length === 0 || options.promises.includes(promise)
  const scene: ImportScene = {
    scratch: join(options.workFolder, `acceptance-${process.pid}`),
    workFolder: options.workFolder,
    repository: clone,
    timeoutMs: options.timeoutMs,
    signal: options.signal,
  }
  const findings: Finding[] = []
  const shown: string[] = []
  if (wanted('P1')) findings.push(judgeBudgets(options.matrix ?? (await chosenCells(options))))
  if (PROMISES.some((promise) => promise !== 'P1' && wanted(promise))) {
    await needDiskSpace(options.workFolder, SCRATCH_BYTES * options.scale, 'the benchmark')
    const data = await prepareData('lineitem', options)
    const source = fileOf(data)
    if (wanted('P2') || wanted('P4') || wanted('P5')) {
      const rounds = await importRounds(source, data.rows, options, scene, shown)
      const judged = judgeImports(rounds)
      findings.push(
        ...judged.filter((finding) => PROMISES.some((known) => known === finding.benchmark && wanted(known))),
      )
    }
    if (wanted('P3')) {
      const least = LARGE_INPUT_BYTES * options.scale
      findings.push(
        judgeSurvival(await measureSurvival(source, options.limitBytes, least, scene, (text) => options.note(text))),
      )
    }
    if (wanted('P6')) {
      const series = { ...SUSTAINED, inputBytes: SUSTAINED_INPUT_BYTES * options.scale }
      await options.note(
        `P6: ${series.warmUp} + ${series.count} imports of ${formatBytes(series.inputBytes)} in one process`,
      )
      findings.push(...judgeStability(await measureSustained(source, options.budgetBytes, series, scene)))
    }
  }
  const ordered = findings.toSorted((a, b) => a.benchmark.localeCompare(b.benchmark))
  return {
    format: 1,
    kind: 'acceptance',
    date,
    machine: await machineFacts(),
    scale: options.scale,
    findings: ordered,
    shown,
  }
}

async function chosenCells(options: AcceptanceOptions): Promise<readonly RunResult[]> {
  const file = await runMatrix({ ...options, workloads: CHOSEN_WORKLOADS, budgets: [], peerRuns: 0 })
  return file.results
}

async function importRounds(
  source: string,
  rows: number,
  options: AcceptanceOptions,
  scene: ImportScene,
  shown: string[],
): Promise<{ inputBytes: number; icebox: ImportMeasure[]; baseline: ImportMeasure[] }> {
  const { runs, budgetBytes, workFolder } = options
  const icebox: ImportMeasure[] = []
  const baseline: ImportMeasure[] = []
  const task = (side: ImportTask['side']): ImportTask => ({ side, source, rows, budgetBytes })
  for (let round = 1; round <= runs; round++) {
    baseline.push(await measureImport(task('baseline'), scene))
    icebox.push(await measureImport(task('icebox'), scene))
    await options.note(
      `P2, P4, P5 round ${round}: baseline ${measureText(baseline.at(-1))}, icebox ${measureText(icebox.at(-1))}`,
    )
  }
  if (existsSync(pythonOf(workFolder))) {
    const { outcome, figures } = await runImport(task('pyiceberg'), scene)
    shown.push(
      outcome.kind === 'finished'
        ? `PyIceberg table.append of the same file: ${(figures.wallMs / 1000).toFixed(1)} s, ${(figures.cpuMs / 1000).toFixed(1)} s of CPU, peak ${formatBytes(figures.peakRssBytes)}`
        : `PyIceberg table.append of the same file: ${outcome.kind}`,
    )
  } else {
    shown.push(`PyIceberg: no virtual environment in ${workFolder}/venv`)
  }
  return { inputBytes: (await stat(source)).size, icebox, baseline }
}

function measureText(measure: ImportMeasure | undefined): string {
  if (measure === undefined) return '-'
  return `${(measure.wallMs / 1000).toFixed(1)} s, ${(measure.cpuMs / 1000).toFixed(1)} s of CPU, peak ${formatBytes(measure.peakRssBytes)}`
}
