import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Json, printJson } from '../../base/index.ts'
import { iceboxCommand, inheritedVariables } from '../environment.ts'
import { measureProcess, measureSuccess, type ProcessFigures } from '../measure/measure-process.ts'
import { makeMemoryLimit, type MemoryLimit } from '../measure/memory-limit.ts'
import { commandOf, type RunCommand, type RunSite } from './commands.ts'
import { classifyEnding, lastDocument, type Outcome } from './outcome.ts'
import type { PlannedRun } from './plan.ts'
import type { RunResult } from './run-file.ts'

export interface RunCellOptions extends RunSite {
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Runs one cell once, in a process of its own, and measures it from outside. Nothing is left in the scratch folder. */
export async function runCell(planned: PlannedRun, options: RunCellOptions): Promise<RunResult> {
  const { scratch, signal } = options
  await rm(scratch, { recursive: true, force: true })
  await mkdir(scratch, { recursive: true })
  try {
    const run = await commandOf(planned, options)
    if (run.needsLake) await measureSuccess(iceboxCommand(), ['init', join(scratch, 'lake'), '--quiet'], { signal })
    await using limit = run.isLimited ? await makeMemoryLimit(planned.budgetBytes) : undefined
    const figures = await measureProcess(run.command, run.args, {
      unset: inheritedVariables(process.env),
      timeoutMs: options.timeoutMs,
      signal,
      ...(run.stdinFile === undefined ? {} : { stdinFile: run.stdinFile }),
      ...(run.discardOutput === undefined ? {} : { discardOutput: run.discardOutput }),
      ...(limit === undefined ? {} : { limit }),
    })
    return resultOf(planned, run, figures, options, limit)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

function resultOf(
  planned: PlannedRun,
  run: RunCommand,
  figures: ProcessFigures,
  { data }: RunSite,
  limit: MemoryLimit | undefined,
): RunResult {
  return {
    workload: planned.workload.name,
    system: planned.system,
    budgetBytes: planned.budgetBytes,
    run: planned.run,
    outcome: judgeRun(run, figures),
    rows: data.rows,
    wallMs: Math.round(figures.wallMs),
    cpuMs: figures.cpuMs,
    peakRssBytes: figures.peakRssBytes,
    processes: figures.processes,
    readBytes: figures.io.readBytes,
    writtenBytes: figures.io.writtenBytes,
    spilledBytes: spilledBytes(figures.stdout),
    limit: limit?.kind ?? null,
  }
}

/** How a run ended, and whether what it printed shows that the work was done. */
export function judgeRun(
  run: Pick<RunCommand, 'proof'>,
  figures: Pick<ProcessFigures, 'exitCode' | 'signal' | 'isTimedOut' | 'stdout' | 'stderr' | 'stdoutBytes'>,
): Outcome {
  const outcome = classifyEnding(figures)
  if (outcome.kind !== 'finished') return outcome
  const document = lastDocument(figures.stdout)
  switch (run.proof.kind) {
    case 'rows': {
      const { rows } = run.proof
      return document?.['rows'] === rows ? outcome : wrong('rows', document?.['rows'], rows)
    }
    case 'first value': {
      const found = firstValue(document?.['rows'])
      return found === run.proof.value ? outcome : wrong('rows counted', found, run.proof.value)
    }
    case 'output bytes':
      return figures.stdoutBytes >= run.proof.leastBytes
        ? outcome
        : wrong('bytes of output', figures.stdoutBytes, run.proof.leastBytes)
  }
}

function wrong(what: string, found: Json | undefined, expected: number): Outcome {
  return { kind: 'failed', reason: `${what}: ${printFound(found)} where ${expected} were expected` }
}

function printFound(found: Json | undefined): string {
  return found === undefined ? 'none' : printJson(found)
}

/** The first value of the first row of a `sql --json` document. */
function firstValue(rows: Json | undefined): Json | undefined {
  const row = Array.isArray(rows) ? rows[0] : undefined
  const value = Array.isArray(row) ? row[0] : undefined
  return typeof value === 'string' ? Number(value) : value
}

/** In the document of an import, or in the summary of that of a statement. */
function spilledBytes(stdout: string): number | null {
  const document = lastDocument(stdout)
  const summary = document?.['summary']
  const holder = typeof summary === 'object' && summary !== null && !Array.isArray(summary) ? summary : document
  const bytes = holder?.['spilledBytes']
  return typeof bytes === 'number' ? bytes : null
}
