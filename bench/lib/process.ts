import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { messageOf } from '../../src/base/index.ts'

/** What a whole process took, seen from outside. */
export interface ProcessFigures {
  readonly wallMs: number
  readonly cpuMs: number
  /** The kernel's high-water mark of resident memory (VmHWM), polled every 10 ms until the end. */
  readonly peakRssBytes: number
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

const PAGE_TICKS_MS = 10

function readPeakRss(pid: number): number {
  try {
    const match = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return match === null ? 0 : Number(match[1]) * 1024
  } catch (error) {
    if (messageOf(error).includes('ENOENT') || messageOf(error).includes('ESRCH')) return 0
    throw error
  }
}

/** User and system time in ms; /proc/<pid>/stat counts in ticks of 10 ms. */
function readCpu(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) * PAGE_TICKS_MS
  } catch (error) {
    if (messageOf(error).includes('ENOENT') || messageOf(error).includes('ESRCH')) return 0
    throw error
  }
}

export interface MeasureOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a command to its end and measures it. Rejects when it cannot be started; a failing exit code is in the figures. */
export function measureProcess(
  command: string,
  args: readonly string[],
  options: MeasureOptions = {},
): Promise<ProcessFigures> {
  return new Promise((resolve, reject) => {
    const start = process.hrtime.bigint()
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let peakRssBytes = 0
    let cpuMs = 0
    const sample = () => {
      if (child.pid === undefined) return
      peakRssBytes = Math.max(peakRssBytes, readPeakRss(child.pid))
      cpuMs = Math.max(cpuMs, readCpu(child.pid))
    }
    const timer = setInterval(sample, 10)
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.on('error', (error) => {
      clearInterval(timer)
      reject(error)
    })
    child.on('close', (exitCode) => {
      clearInterval(timer)
      const wallMs = Number(process.hrtime.bigint() - start) / 1e6
      const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString('utf8')
      resolve({ wallMs, cpuMs, peakRssBytes, exitCode, stdout: text(stdout), stderr: text(stderr) })
    })
  })
}

/** {@link measureProcess} that rejects unless the command ended well. */
export async function measureSuccess(
  command: string,
  args: readonly string[],
  options: MeasureOptions = {},
): Promise<ProcessFigures> {
  const figures = await measureProcess(command, args, options)
  if (figures.exitCode !== 0) {
    throw new Error(
      `${command} ${args.join(' ')} ended with ${figures.exitCode}\n${figures.stdout.slice(-2000)}\n${figures.stderr.slice(-2000)}`,
    )
  }
  return figures
}
