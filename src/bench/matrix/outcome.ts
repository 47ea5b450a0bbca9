import { type Json, parseJson } from '../../base/index.ts'

/** How a run ended. */
export type Outcome =
  | { readonly kind: 'finished' }
  /** Ended by a `memory/*` error: refused before it began, or out of memory while it ran. */
  | {
      readonly kind: 'refused'
      readonly code: string
      readonly message: string
      /** The bytes that the error names: asked, held, free, budget. */
      readonly figures: Readonly<Record<string, number>>
    }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'killed'; readonly reason: string }

export interface ProcessEnding {
  readonly exitCode: number | null
  readonly signal: string | null
  readonly isTimedOut: boolean
  readonly stdout: string
  readonly stderr: string
}

/** The exit code of every `memory/*` error. */
const MEMORY_EXIT_CODE = 3
const MAX_REASON = 400

/** What the end of a process means; a program that has no such codes prints the same JSON to be understood. */
export function classifyEnding(ending: ProcessEnding): Outcome {
  if (ending.isTimedOut) return { kind: 'failed', reason: 'took longer than the time limit' }
  if (ending.exitCode === 0) return { kind: 'finished' }
  if (ending.signal !== null) return { kind: 'killed', reason: `by ${ending.signal}` }
  // A shell in between tells of a signal by 128 and its number.
  if (ending.exitCode === 128 + 9) return { kind: 'killed', reason: 'by SIGKILL' }
  const error = errorOf(ending.stdout) ?? errorOf(ending.stderr)
  if (ending.exitCode === MEMORY_EXIT_CODE) {
    return {
      kind: 'refused',
      code: error?.code ?? /^memory\/[a-z-]+/m.exec(ending.stderr)?.[0] ?? 'memory',
      message: error?.message ?? lastLines(ending.stderr),
      figures: error?.figures ?? {},
    }
  }
  const what = error === undefined ? lastLines(ending.stderr) : `${error.code}: ${error.message}`
  return { kind: 'failed', reason: `exit code ${ending.exitCode}: ${what}`.slice(0, MAX_REASON) }
}

/** The last line of an output as a JSON document; undefined where it is none. */
export function lastDocument(output: string): Readonly<Record<string, Json>> | undefined {
  const line = output.trimEnd().split('\n').at(-1) ?? ''
  if (!line.startsWith('{')) return undefined
  try {
    const document = parseJson(line)
    return isObject(document) ? document : undefined
  } catch {
    // The text of something that is no JSON: there is no document.
    return undefined
  }
}

function errorOf(
  output: string,
): { readonly code: string; readonly message: string; readonly figures: Record<string, number> } | undefined {
  const error = lastDocument(output)?.['error']
  if (!isObject(error) || typeof error['code'] !== 'string' || typeof error['message'] !== 'string') return undefined
  const context = isObject(error['context']) ? Object.entries(error['context']) : []
  const figures = context.flatMap(([name, value]) => (typeof value === 'number' ? [[name, value] as const] : []))
  return { code: error['code'], message: error['message'], figures: Object.fromEntries(figures) }
}

function isObject(value: Json | undefined): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-4).join(' ').slice(-MAX_REASON)
}

/** DuckDB's errors go on with advice. */
export function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}
