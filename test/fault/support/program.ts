import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { expect } from 'vitest'
import { type Watched, watched } from './watched.ts'

const LIBRARY = resolve(import.meta.dirname, '../../../dist/lakehouse.js')
/** What bin/icebox sets. */
const LAUNCHED = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '16777216',
  MALLOC_MMAP_THRESHOLD_: '4194304',
}

/** Runs a program of this folder on the library and a lakehouse, as bin/icebox starts Node, and expects it to end well. */
export async function runProgram(name: string, lakePath: string, ...args: readonly string[]): Promise<Watched> {
  const all = ['--max-semi-space-size=4', resolve(import.meta.dirname, name), LIBRARY, lakePath, ...args]
  const ran = await watched(
    spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...LAUNCHED } }),
  )
  expect([ran.code, ran.signal], ran.err).toEqual([0, null])
  return ran
}
