import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { expect } from 'vitest'
import { procStatus } from './lake.ts'

export interface Watched {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
  /** VmHWM as it was last seen from outside. */
  readonly peakBytes: number
  readonly bytesOut: number
}

const LOOK_EVERY_MS = 2

/** Looks at a process's high-water mark until it ends; keeps about `mostKept` bytes of what it prints. */
export async function watched(child: ChildProcess, mostKept = Number.POSITIVE_INFINITY): Promise<Watched> {
  const out: Buffer[] = []
  const err: Buffer[] = []
  let bytesOut = 0
  child.stdout?.on('data', (chunk: Buffer) => {
    if (bytesOut < mostKept) out.push(chunk)
    bytesOut += chunk.byteLength
  })
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk))
  const closed = once(child, 'close')
  let peakBytes = 0
  while (child.exitCode === null && child.signalCode === null) {
    peakBytes = Math.max(peakBytes, (await procStatus(child.pid ?? 0, 'VmHWM')) ?? 0)
    await setTimeout(LOOK_EVERY_MS)
  }
  await closed
  return {
    code: child.exitCode,
    signal: child.signalCode,
    out: Buffer.concat(out).toString('utf8'),
    err: Buffer.concat(err).toString('utf8'),
    peakBytes,
    bytesOut,
  }
}

/** It ended by itself, did something, and was never above its budget. */
export function within(ran: Watched, budgetBytes: number): void {
  expect(ran.signal, ran.err).toBe(null)
  expect(ran.peakBytes).toBeGreaterThan(40e6)
  expect(ran.peakBytes, `${ran.peakBytes} bytes`).toBeLessThanOrEqual(budgetBytes)
}
