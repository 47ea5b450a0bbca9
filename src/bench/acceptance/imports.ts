import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { IceboxError, ownPackage } from '../../base/index.ts'
import { iceboxCommand, inheritedVariables, LONG_LIVED_SETTINGS } from '../environment.ts'
import { lastDocument, type Outcome } from '../matrix/outcome.ts'
import { judgeRun } from '../matrix/run-cell.ts'
import { pythonOf } from '../matrix/systems.ts'
import { makeMemoryLimit, type MemoryLimit } from '../measure/memory-limit.ts'
import { measureProcess, measureSuccess, type ProcessFigures } from '../measure/measure-process.ts'
import type { ImportMeasure, SurvivalMeasure } from './judge.ts'
import { sliceFile } from './sliced-file.ts'

/** Where imports of the acceptance run, and what they take. */
export interface ImportScene {
  /** Removed before and after each run. */
  readonly scratch: string
  readonly workFolder: string
  /** The folder of the built baseline and the sources of the Python sides. */
  readonly repository: { readonly programs: string; readonly sources: string }
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

type Side = 'icebox' | 'baseline' | 'pyiceberg'

export interface ImportTask {
  readonly side: Side
  readonly source: string
  readonly rows: number
  /** Icebox's budget; the others have none. */
  readonly budgetBytes: number
  readonly limit?: MemoryLimit
}

/** One import into a lakehouse of its own. */
export async function runImport(
  task: ImportTask,
  scene: ImportScene,
): Promise<{ readonly outcome: Outcome; readonly figures: ProcessFigures }> {
  const { scratch, signal } = scene
  const lake = join(scratch, 'lake')
  await rm(scratch, { recursive: true, force: true })
  await mkdir(scratch, { recursive: true })
  try {
    if (task.side !== 'pyiceberg') await measureSuccess(iceboxCommand(), ['init', lake, '--quiet'], { signal })
    const { command, args } = commandOf(task, lake, scene)
    const figures = await measureProcess(command, args, {
      unset: inheritedVariables(process.env),
      timeoutMs: scene.timeoutMs,
      signal,
      ...(task.limit === undefined ? {} : { limit: task.limit }),
    })
    return { outcome: judgeRun({ proof: { kind: 'rows', rows: task.rows } }, figures), figures }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

function commandOf(task: ImportTask, lake: string, scene: ImportScene): { command: string; args: readonly string[] } {
  switch (task.side) {
    case 'icebox':
      return {
        command: iceboxCommand(),
        args: ['-C', lake, '--memory', `${task.budgetBytes}B`, '--json', 'import', 'bench.imported', task.source],
      }
    case 'baseline':
      return { command: process.execPath, args: [join(scene.repository.programs, 'baseline.js'), task.source, lake] }
    case 'pyiceberg':
      return {
        command: pythonOf(scene.workFolder),
        args: [join(scene.repository.sources, 'pyiceberg_import.py'), 'append', task.source, lake],
      }
  }
}

/** An import that must finish. Rejects `bench/failed` when it does not. */
export async function measureImport(task: ImportTask, scene: ImportScene): Promise<ImportMeasure> {
  const { outcome, figures } = await runImport(task, scene)
  if (outcome.kind !== 'finished') {
    throw new IceboxError('bench/failed', {
      message: `the import by ${task.side} was ${outcome.kind}: ${outcome.kind === 'refused' ? outcome.message : outcome.reason}`,
      context: { side: task.side, source: task.source },
    })
  }
  return {
    rows: task.rows,
    wallMs: figures.wallMs,
    cpuMs: figures.cpuMs,
    peakRssBytes: figures.peakRssBytes,
    movedBytes: figures.io.readBytes + figures.io.writtenBytes,
  }
}

const FIRST_BYTES = 8e6
/** Doubling ends here: a baseline that survives this much under a small limit does not buffer. */
const MOST_BYTES = 8e9
/** Icebox inside a container gives its libraries and page tables a fifth, as `max_usage: auto` does. */
const BUDGET_SHARE = 0.8

/** The largest input that the baseline survives within a limit, found by doubling, and ten times as much for Icebox. */
export async function measureSurvival(
  source: string,
  limitBytes: number,
  leastInputBytes: number,
  scene: ImportScene,
  note: (text: string) => Promise<void>,
): Promise<SurvivalMeasure> {
  await using limit = await makeMemoryLimit(limitBytes)
  const file = join(scene.workFolder, `slice-${process.pid}.csv`)
  await mkdir(scene.workFolder, { recursive: true })
  const budgetBytes = Math.floor(limitBytes * BUDGET_SHARE)
  const attempt = async (side: 'icebox' | 'baseline', bytes: number) => {
    const rows = await sliceFile(source, bytes, file)
    const { outcome } = await runImport({ side, source: file, rows, budgetBytes, limit }, scene)
    await note(
      `P3: ${side} with ${Math.round(bytes / 1e6)} MB in ${limitBytes / 1e6} MB (${limit.kind}): ${outcome.kind}`,
    )
    return outcome
  }
  try {
    let survivedBytes = 0
    let bytes = FIRST_BYTES
    let fell = await attempt('baseline', bytes)
    while (fell.kind === 'finished' && bytes < MOST_BYTES) {
      survivedBytes = bytes
      bytes *= 2
      fell = await attempt('baseline', bytes)
    }
    const inputBytes = Math.max(Math.ceil(survivedBytes * 10), leastInputBytes)
    const outcome = await attempt('icebox', inputBytes)
    return { limitBytes, limit: limit.kind, survivedBytes, fellAtBytes: bytes, fell, inputBytes, outcome }
  } finally {
    await rm(file, { force: true })
  }
}

/** Peaks of `count` imports in one process, after a warm-up. */
export async function measureSustained(
  source: string,
  budgetBytes: number,
  series: { readonly warmUp: number; readonly count: number; readonly inputBytes: number },
  scene: ImportScene,
): Promise<readonly number[]> {
  const { scratch, signal } = scene
  await rm(scratch, { recursive: true, force: true })
  await mkdir(scratch, { recursive: true })
  try {
    const file = join(scratch, 'slice.csv')
    const lake = join(scratch, 'lake')
    const rows = await sliceFile(source, series.inputBytes, file)
    await measureSuccess(iceboxCommand(), ['init', lake, '--quiet'], { signal })
    const program = join(ownPackage().root, 'dist/bench-sustained.js')
    const args = [program, lake, file, `${budgetBytes}B`, String(series.warmUp), String(series.count)]
    const unset = inheritedVariables(process.env)
    const { stdout } = await measureSuccess(process.execPath, ['--max-semi-space-size=4', ...args], {
      unset,
      env: LONG_LIVED_SETTINGS,
      signal,
    })
    const document = lastDocument(stdout)
    const peaks = document?.['peaks']
    if (document?.['rows'] !== rows || !Array.isArray(peaks)) {
      throw new IceboxError('bench/failed', { message: `the sustained imports printed ${stdout.slice(-500)}` })
    }
    return peaks.flatMap((peak) => (typeof peak === 'number' ? [peak] : []))
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}
