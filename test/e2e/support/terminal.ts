import { execFileSync, spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { ICEBOX } from './cli.ts'

export type Step = { readonly expect: string } | { readonly send: string } | { readonly signal: 'SIGINT' | 'SIGTERM' }

export interface Played {
  readonly code: number | null
  readonly transcript: string
  /** The pattern that did not come. */
  readonly failed: string | null
}

/** True where python3 can make a pseudo terminal (nothing but its standard library is used). */
export function hasPython(): boolean {
  return spawnSync('python3', ['-c', 'import pty']).status === 0
}

/** Runs `icebox` on a terminal of its own: waits for what it prints, types, and so on. Patterns are Python's. */
export function onTerminal(
  args: readonly string[],
  steps: readonly Step[],
  options: { readonly cwd: string; readonly columns?: number; readonly env?: Readonly<Record<string, string>> },
): Played {
  const script = {
    command: [ICEBOX, ...args],
    cwd: options.cwd,
    env: { TERM: 'xterm-256color', ICEBOX_HOME: '', NO_COLOR: '1', ...options.env },
    columns: options.columns ?? 100,
    steps,
  }
  const answer: unknown = JSON.parse(
    execFileSync('python3', [resolve(import.meta.dirname, 'terminal.py')], {
      input: JSON.stringify(script),
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    }),
  )
  if (!isPlayed(answer)) throw new Error('the terminal gave no answer')
  return answer
}

function isPlayed(value: unknown): value is Played {
  return typeof value === 'object' && value !== null && 'transcript' in value && 'code' in value && 'failed' in value
}
