import { median } from '../statistics.ts'
import type { Outcome } from './outcome.ts'
import type { RunResult } from './run-file.ts'
import type { System } from './systems.ts'

/** The runs of one cell taken together. */
export interface CellSummary {
  readonly workload: string
  readonly system: System
  readonly budgetBytes: number
  readonly runs: number
  readonly finished: number
  /** Median over the finished runs; undefined where none finished. */
  readonly rowsPerSecond: number | undefined
  /** Largest of all runs, finished or not. */
  readonly peakRssBytes: number
  readonly spilledBytes: number | undefined
  /** Runs above the budget. */
  readonly above: number
  /** The outcome of the worst run: killed, failed, refused, finished in this order. */
  readonly worst: Outcome
}

const BADNESS: Readonly<Record<Outcome['kind'], number>> = { finished: 0, refused: 1, failed: 2, killed: 3 }

/** Cells in the order in which they first appear. */
export function summarizeCells(results: readonly RunResult[]): readonly CellSummary[] {
  const cells = new Map<string, RunResult[]>()
  for (const result of results) {
    const key = JSON.stringify([result.workload, result.system, result.budgetBytes])
    const runs = cells.get(key)
    if (runs === undefined) cells.set(key, [result])
    else runs.push(result)
  }
  return [...cells.values()].flatMap((runs) => {
    const first = runs[0]
    return first === undefined ? [] : [summarize(first, runs)]
  })
}

function summarize(first: RunResult, runs: readonly RunResult[]): CellSummary {
  const finished = runs.filter((run) => run.outcome.kind === 'finished')
  const spills = runs.flatMap((run) => run.spilledBytes ?? [])
  return {
    workload: first.workload,
    system: first.system,
    budgetBytes: first.budgetBytes,
    runs: runs.length,
    finished: finished.length,
    rowsPerSecond: finished.length === 0 ? undefined : median(finished.map((run) => run.rows / (run.wallMs / 1000))),
    peakRssBytes: Math.max(...runs.map((run) => run.peakRssBytes)),
    spilledBytes: spills.length === 0 ? undefined : Math.max(...spills),
    above: runs.filter((run) => run.peakRssBytes > run.budgetBytes).length,
    worst: runs.map((run) => run.outcome).reduce((a, b) => (BADNESS[b.kind] > BADNESS[a.kind] ? b : a)),
  }
}

/** Whether a cell of Icebox keeps promise P1: never above the budget, never killed, never another error than `memory/*`. */
export function keepsBudget(cell: CellSummary): boolean {
  return cell.above === 0 && (cell.worst.kind === 'finished' || cell.worst.kind === 'refused')
}
