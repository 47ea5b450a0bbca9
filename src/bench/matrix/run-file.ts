import { IceboxError, type Json, messageOf, parseJson, printJson } from '../../base/index.ts'
import type { MachineFacts } from '../environment.ts'
import type { Outcome } from './outcome.ts'
import { type System, SYSTEMS } from './systems.ts'

/** One run of a cell, as measured. */
export interface RunResult {
  readonly workload: string
  readonly system: System
  readonly budgetBytes: number
  readonly run: number
  readonly outcome: Outcome
  /** Rows that the workload moves or reads. */
  readonly rows: number
  /** Of the whole process, start to exit. */
  readonly wallMs: number
  readonly cpuMs: number
  readonly peakRssBytes: number
  readonly processes: number
  /** Bytes asked of the kernel: `rchar` and `wchar` of /proc/<pid>/io. */
  readonly readBytes: number
  readonly writtenBytes: number
  /** What the system itself says it spilled; null where it does not say. */
  readonly spilledBytes: number | null
  /** What held it: the kind of limit around the process, or null. */
  readonly limit: string | null
}

/** The results of `icebox bench memory`, as saved and as `--json` prints them. */
export interface MatrixRunFile {
  readonly format: 1
  readonly kind: 'memory'
  /** ISO 8601, start of the run. */
  readonly date: string
  readonly machine: MachineFacts
  readonly scale: number
  /** Systems that were not there, a sentence each. */
  readonly absent: readonly string[]
  readonly results: readonly RunResult[]
}

/** Reads a saved run. Rejects `usage/invalid` when the text is not one. */
export function parseRunFile(text: string, path: string): MatrixRunFile {
  let document: Json
  try {
    document = parseJson(text)
  } catch (error) {
    throw notARunFile(path, messageOf(error))
  }
  const file = objectOf(document, path, 'the document')
  if (file['format'] !== 1 || file['kind'] !== 'memory')
    throw notARunFile(path, "'format' 1 and 'kind' memory are missing")
  const results = file['results']
  if (!Array.isArray(results)) throw notARunFile(path, "'results' is no list")
  const machine = objectOf(file['machine'], path, "'machine'")
  return {
    format: 1,
    kind: 'memory',
    date: textOf(file, 'date', path),
    machine: {
      cores: numberOf(machine, 'cores', path),
      cpu: textOf(machine, 'cpu', path),
      memoryBytes: numberOf(machine, 'memoryBytes', path),
      platform: textOf(machine, 'platform', path),
      node: textOf(machine, 'node', path),
      icebox: textOf(machine, 'icebox', path),
      duckdb: textOf(machine, 'duckdb', path),
      commit: typeof machine['commit'] === 'string' ? machine['commit'] : undefined,
    },
    scale: numberOf(file, 'scale', path),
    absent: Array.isArray(file['absent']) ? file['absent'].map(String) : [],
    results: results.map((value) => resultOf(objectOf(value, path, 'a result'), path)),
  }
}

type JsonObject = Readonly<Record<string, Json>>

function resultOf(result: JsonObject, path: string): RunResult {
  const system = SYSTEMS.find((known) => known === result['system'])
  if (system === undefined) throw notARunFile(path, `system ${printJson(result['system'] ?? null)} is unknown`)
  const number = (name: string) => numberOf(result, name, path)
  return {
    workload: textOf(result, 'workload', path),
    system,
    budgetBytes: number('budgetBytes'),
    run: number('run'),
    outcome: outcomeOf(objectOf(result['outcome'], path, "'outcome'"), path),
    rows: number('rows'),
    wallMs: number('wallMs'),
    cpuMs: number('cpuMs'),
    peakRssBytes: number('peakRssBytes'),
    processes: number('processes'),
    readBytes: number('readBytes'),
    writtenBytes: number('writtenBytes'),
    spilledBytes: typeof result['spilledBytes'] === 'number' ? result['spilledBytes'] : null,
    limit: typeof result['limit'] === 'string' ? result['limit'] : null,
  }
}

function outcomeOf(outcome: JsonObject, path: string): Outcome {
  switch (outcome['kind']) {
    case 'finished':
      return { kind: 'finished' }
    case 'refused': {
      const figures = Object.entries(objectOf(outcome['figures'], path, "'figures'"))
      return {
        kind: 'refused',
        code: textOf(outcome, 'code', path),
        message: textOf(outcome, 'message', path),
        figures: Object.fromEntries(
          figures.flatMap(([name, value]) => (typeof value === 'number' ? [[name, value]] : [])),
        ),
      }
    }
    case 'failed':
      return { kind: 'failed', reason: textOf(outcome, 'reason', path) }
    case 'killed':
      return { kind: 'killed', reason: textOf(outcome, 'reason', path) }
    default:
      throw notARunFile(path, `outcome ${printJson(outcome['kind'] ?? null)} is unknown`)
  }
}

function objectOf(value: Json | undefined, path: string, what: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw notARunFile(path, `${what} is no object`)
}

function textOf(object: JsonObject, name: string, path: string): string {
  const value = object[name]
  if (typeof value === 'string') return value
  throw notARunFile(path, `'${name}' is no text`)
}

function numberOf(object: JsonObject, name: string, path: string): number {
  const value = object[name]
  if (typeof value === 'number') return value
  throw notARunFile(path, `'${name}' is no number`)
}

function notARunFile(path: string, why: string): IceboxError {
  return new IceboxError('usage/invalid', {
    message: `${path} is not a run of icebox bench memory: ${why}`,
    remedy: 'name a file that icebox bench memory --output wrote',
    context: { path },
  })
}
