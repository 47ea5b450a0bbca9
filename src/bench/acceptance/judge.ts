import { formatBytes } from '../../base/index.ts'
import { keepsBudget, summarizeCells } from '../matrix/cells.ts'
import type { Outcome } from '../matrix/outcome.ts'
import type { RunResult } from '../matrix/run-file.ts'
import type { Finding } from '../report/findings.ts'
import { coefficientOfVariation, drift, median, ratios, spread } from '../statistics.ts'

/** P1: no run of the matrix above its budget, none killed, none with another error than `memory/*`. */
export function judgeBudgets(results: readonly RunResult[]): Finding {
  const own = results.filter((result) => result.system === 'icebox')
  const cells = summarizeCells(own)
  const broken = cells.filter((cell) => !keepsBudget(cell))
  const kept = own.filter((run) => run.peakRssBytes <= run.budgetBytes).length
  const refused = own.filter((run) => run.outcome.kind === 'refused').length
  return {
    benchmark: 'P1',
    what: 'peak memory of the process tree against the budget',
    goal: '<= the budget in every run; finished or refused, never killed',
    measured: `${kept} of ${own.length} runs within`,
    // A promise about nothing is not kept.
    passed: own.length > 0 && broken.length === 0,
    detail: `${cells.length} cells, ${refused} runs refused${broken.length === 0 ? '' : `; broken: ${broken.map((cell) => `${cell.workload} at ${formatBytes(cell.budgetBytes)} (${cell.worst.kind}, ${formatBytes(cell.peakRssBytes)})`).join(', ')}`}`,
  }
}

/** One import seen from outside. */
export interface ImportMeasure {
  readonly rows: number
  readonly wallMs: number
  readonly cpuMs: number
  readonly peakRssBytes: number
  /** Read and written, as asked of the kernel. */
  readonly movedBytes: number
}

/** Rounds of both sides on the same input; the sides of a round follow each other. */
export interface ImportRounds {
  readonly inputBytes: number
  readonly icebox: readonly ImportMeasure[]
  readonly baseline: readonly ImportMeasure[]
}

/** P2, P4 and P5: ratios of Icebox to the baseline, round by round; the median is judged, of memory the worst. */
export function judgeImports({ inputBytes, icebox, baseline }: ImportRounds): readonly Finding[] {
  const of = (pick: (measure: ImportMeasure) => number) => ratios(icebox.map(pick), baseline.map(pick))
  const isEnough = (values: readonly number[], least: number) => median(values) >= least
  const memory = of((measure) => measure.peakRssBytes)
  const speed = of((measure) => measure.rows / measure.wallMs)
  const cpu = of((measure) => measure.rows / measure.cpuMs)
  const moving = of((measure) => measure.movedBytes / measure.wallMs)
  const moved = of((measure) => measure.movedBytes / measure.rows)
  const isLarge = inputBytes > LARGE_INPUT_BYTES
  const seconds = (measures: readonly ImportMeasure[]) =>
    `${(median(measures.map((measure) => measure.wallMs)) / 1000).toFixed(1)} s`
  const peak = (measures: readonly ImportMeasure[]) =>
    formatBytes(median(measures.map((measure) => measure.peakRssBytes)))
  const cpuText = (measures: readonly ImportMeasure[]) =>
    `${(median(measures.map((measure) => measure.cpuMs)) / 1000).toFixed(1)} s`
  return [
    {
      benchmark: 'P2',
      what: `peak memory against the buffered baseline, input of ${formatBytes(inputBytes)}`,
      goal: '<= 0.20 on more than 1 GB',
      measured: spread(memory, 3),
      passed: Math.max(...memory) <= 0.2 && isLarge,
      detail: `${peak(icebox)} against ${peak(baseline)}${isLarge ? '' : '; the input is too small to pass'}`,
    },
    {
      benchmark: 'P4',
      what: 'rows/s against the baseline',
      goal: '>= 3x',
      measured: spread(speed),
      passed: isEnough(speed, 3),
      detail: `${seconds(icebox)} against ${seconds(baseline)}`,
    },
    {
      benchmark: 'P5',
      what: 'rows per CPU-second against the baseline',
      goal: '>= 1.5x',
      measured: spread(cpu),
      passed: isEnough(cpu, 1.5),
      detail: `${cpuText(icebox)} of CPU against ${cpuText(baseline)}`,
    },
    {
      benchmark: 'P5',
      what: 'bytes moved per second against the baseline',
      goal: '>= 1.5x',
      measured: spread(moving),
      passed: isEnough(moving, 1.5),
    },
    {
      benchmark: 'P5',
      what: 'bytes moved per row against the baseline',
      goal: '<= 1.0x',
      measured: spread(moved),
      passed: median(moved) <= 1,
      detail: `${bytesPerRow(icebox)} against ${bytesPerRow(baseline)} a row`,
    },
  ]
}

const LARGE_INPUT_BYTES = 1e9

function bytesPerRow(measures: readonly ImportMeasure[]): string {
  return formatBytes(Math.round(median(measures.map((measure) => measure.movedBytes / measure.rows))))
}

export interface SurvivalMeasure {
  readonly limitBytes: number
  /** The kind of limit. */
  readonly limit: string
  /** The largest input that the baseline survived; 0 when it survived none. */
  readonly survivedBytes: number
  /** The smallest that it did not survive, and how it ended. */
  readonly fellAtBytes: number
  readonly fell: Outcome
  /** What Icebox got in the same limit. */
  readonly inputBytes: number
  readonly outcome: Outcome
}

/** P3: ten times what the baseline survives under the same limit of the operating system, and more than 1 GB. */
export function judgeSurvival(measure: SurvivalMeasure): Finding {
  const { survivedBytes, inputBytes, outcome } = measure
  const isLarge = inputBytes > LARGE_INPUT_BYTES
  return {
    benchmark: 'P3',
    what: `input that is imported within ${formatBytes(measure.limitBytes)} (${measure.limit})`,
    goal: '>= 10x what the baseline survives, and more than 1 GB',
    measured: `${formatBytes(inputBytes)} ${outcome.kind}`,
    passed: outcome.kind === 'finished' && survivedBytes > 0 && inputBytes >= 10 * survivedBytes && isLarge,
    detail: `baseline survives ${formatBytes(survivedBytes)}, ${measure.fell.kind} at ${formatBytes(measure.fellAtBytes)}${isLarge ? '' : '; the input is too small to pass'}`,
  }
}

/** The series that P6 asks for: fewer say too little. */
const SUSTAINED_IMPORTS = 50

/** P6: peaks of imports one after another in one process, those of the warm-up left out. */
export function judgeStability(peaks: readonly number[]): readonly Finding[] {
  const variation = coefficientOfVariation(peaks)
  const growth = drift(peaks)
  const isEnough = peaks.length >= SUSTAINED_IMPORTS
  const detail = `${peaks.length} imports${isEnough ? '' : ', too few to pass'}, peaks ${formatBytes(Math.min(...peaks))} to ${formatBytes(Math.max(...peaks))}`
  return [
    {
      benchmark: 'P6',
      what: 'coefficient of variation of the peaks of 50 imports in one process',
      goal: '< 5%',
      measured: percent(variation),
      passed: isEnough && variation < 0.05,
      detail,
    },
    {
      benchmark: 'P6',
      what: 'drift: median of the last ten over that of the first ten',
      goal: '<= 3%',
      measured: percent(growth),
      passed: isEnough && growth <= 0.03,
    },
  ]
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`
}
