import { join } from 'node:path'
import { formatBytes, formatCount, formatDuration } from '../../base/index.ts'
import { needDiskSpace } from '../../ingest/index.ts'
import { machineFacts } from '../environment.ts'
import { DATA_SETS, type DataSetName } from './data-sets.ts'
import { firstLine } from './outcome.ts'
import { type MatrixRequest, planMatrix } from './plan.ts'
import { existingData, prepareData, type PreparedData } from './prepare-data.ts'
import { runCell } from './run-cell.ts'
import type { MatrixRunFile, RunResult } from './run-file.ts'
import { installedSystems } from './systems.ts'

export interface MatrixOptions extends MatrixRequest {
  readonly workFolder: string
  /** Of one run; a longer one is ended and counts as failed. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  readonly now: () => Date
  note(text: string): Promise<void>
}

/** Runs the matrix. Rejects `usage/invalid`, `storage/full` before it begins, `bench/failed` when data cannot be made. */
export async function runMatrix(options: MatrixOptions): Promise<MatrixRunFile> {
  const systems = installedSystems(options.workFolder)
  const plan = planMatrix(options, systems)
  const date = options.now().toISOString()
  const names = [...new Set(plan.runs.map((run) => run.workload.data))]
  const missing = names.filter((name) => existingData(name, options) === undefined)
  const dataBytes = missing.reduce((sum, name) => sum + DATA_SETS[name].sizeBytes * options.scale, 0)
  await needDiskSpace(options.workFolder, dataBytes + plan.scratchBytes, 'the benchmark')
  const data = new Map<DataSetName, PreparedData>()
  const results: RunResult[] = []
  for (const planned of plan.runs) {
    const { data: name } = planned.workload
    const prepared = data.get(name) ?? (await prepareData(name, options))
    data.set(name, prepared)
    const result = await runCell(planned, {
      data: prepared,
      scratch: join(options.workFolder, `cell-${process.pid}`),
      workFolder: options.workFolder,
      timeoutMs: options.timeoutMs,
      signal: options.signal,
    })
    results.push(result)
    await options.note(`${results.length}/${plan.runs.length} ${runText(result)}`)
  }
  return {
    format: 1,
    kind: 'memory',
    date,
    machine: await machineFacts(),
    scale: options.scale,
    absent: options.peerRuns === 0 ? [] : systems.absent,
    results,
  }
}

/** `import at 256 MB by icebox: finished in 7.1s, 1,690,000 rows/s, peak 198 MB`. */
function runText(result: RunResult): string {
  const { outcome } = result
  const what = `${result.workload} at ${formatBytes(result.budgetBytes)} by ${result.system}`
  const memory = `peak ${formatBytes(result.peakRssBytes)}`
  switch (outcome.kind) {
    case 'finished':
      return `${what}: finished in ${formatDuration(result.wallMs)}, ${formatCount(Math.round((result.rows / result.wallMs) * 1000))} rows/s, ${memory}`
    case 'refused':
      return `${what}: refused after ${formatDuration(result.wallMs)}, ${memory}: ${firstLine(outcome.message)}`
    case 'failed':
    case 'killed':
      return `${what}: ${outcome.kind} after ${formatDuration(result.wallMs)}, ${memory}: ${firstLine(outcome.reason)}`
  }
}
