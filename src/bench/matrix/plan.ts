import { formatBytes, IceboxError, nearestNames, parseSize } from '../../base/index.ts'
import type { InstalledSystems, System } from './systems.ts'
import { takes } from './systems.ts'
import { type Workload, WORKLOADS } from './workloads.ts'

/** What was asked for. */
export interface MatrixRequest {
  /** Names; empty for all. */
  readonly workloads: readonly string[]
  /** Sizes; empty for 256MB, 512MB, 1GB and 2GB. */
  readonly budgets: readonly string[]
  readonly runs: number
  /** Runs of the others beside Icebox; 0 leaves them out. */
  readonly peerRuns: number
  /** Share of the rows: 1 is the full size. */
  readonly scale: number
}

/** One run of one cell. */
export interface PlannedRun {
  readonly workload: Workload
  readonly system: System
  readonly budgetBytes: number
  /** From 1. */
  readonly run: number
}

export interface MatrixPlan {
  readonly runs: readonly PlannedRun[]
  /** Free bytes that lakehouses, staged rows and spill of the largest cell may take. */
  readonly scratchBytes: number
}

const BUDGETS = [256e6, 512e6, 1e9, 2e9]
/** At scale 1: a sort of 2 GB that spilled 2.8, staged and final rows of an import beside it. */
const SCRATCH_BYTES = 8e9

/**
 * The runs in order: rounds of all budgets and systems of a workload, so that a slow minute of the machine falls on all of
 * them. Rejects `usage/invalid` for names and numbers that cannot be.
 */
export function planMatrix(request: MatrixRequest, systems: InstalledSystems): MatrixPlan {
  requireCounts(request)
  const workloads = request.workloads.length === 0 ? WORKLOADS : request.workloads.map(workloadNamed)
  const budgets = request.budgets.length === 0 ? BUDGETS : request.budgets.map(budgetOf)
  const runs: PlannedRun[] = []
  for (const workload of workloads) {
    for (let run = 1; run <= Math.max(request.runs, request.peerRuns); run++) {
      for (const budgetBytes of budgets) {
        for (const system of systems.installed) {
          const limit = system === 'icebox' ? request.runs : request.peerRuns
          if (run <= limit && takes(system, workload)) runs.push({ workload, system, budgetBytes, run })
        }
      }
    }
  }
  return { runs, scratchBytes: SCRATCH_BYTES * request.scale }
}

function workloadNamed(name: string): Workload {
  const found = WORKLOADS.find((workload) => workload.name === name)
  if (found !== undefined) return found
  const names = WORKLOADS.map((workload) => workload.name)
  const near = nearestNames(name, names)
  throw new IceboxError('usage/invalid', {
    message: `no workload '${name}'`,
    remedy: near.length > 0 ? `did you mean ${near.join(' or ')}?` : `the workloads are ${names.join(', ')}`,
    context: { workload: name },
  })
}

/** The least budget that makes sense to ask for: below it nothing starts. */
const LEAST_BUDGET = 16e6

function budgetOf(text: string): number {
  const bytes = parseSize(text)
  if (bytes >= LEAST_BUDGET) return bytes
  throw new IceboxError('usage/invalid', {
    message: `a budget of ${formatBytes(bytes)} ('${text}') is not measured`,
    remedy: `name one of ${formatBytes(LEAST_BUDGET)} or more, such as 256MB`,
    context: { budget: text },
  })
}

const MAX_RUNS = 1000

/** Rejects `usage/invalid` for numbers that cannot be. */
export function requireCounts({ runs, peerRuns, scale }: Pick<MatrixRequest, 'runs' | 'peerRuns' | 'scale'>): void {
  const isCount = (value: number) => Number.isInteger(value) && value <= MAX_RUNS
  if (!isCount(runs) || runs < 1) throw notACount('--runs', runs, `1 to ${MAX_RUNS}`)
  if (!isCount(peerRuns) || peerRuns < 0) throw notACount('--peer-runs', peerRuns, `0 to ${MAX_RUNS}`)
  if (!(scale > 0 && scale <= 10)) throw notACount('--scale', scale, 'above 0, at most 10 (1 is the full size)')
}

function notACount(option: string, value: number, allowed: string): IceboxError {
  return new IceboxError('usage/invalid', {
    message: `${option} ${value} cannot be`,
    remedy: `give ${allowed}`,
    context: { option, value },
  })
}
