import { type ChildProcess, spawn } from 'node:child_process'
import { IceboxError, systemCode, throwIfCancelled } from '../../base/index.ts'
import { pipeOf } from './file-pipe.ts'
import type { MemoryLimit } from './memory-limit.ts'
import { ProcessTree, type TreeFigures } from './process-tree.ts'

/** What a command took with all processes that it started, seen from outside. */
export interface ProcessFigures extends TreeFigures {
  readonly wallMs: number
  readonly exitCode: number | null
  /** The signal that ended it. */
  readonly signal: NodeJS.Signals | null
  /** It was ended here, since it took longer than `timeoutMs`. */
  readonly isTimedOut: boolean
  /** Bytes that came out of standard output, kept or not. */
  readonly stdoutBytes: number
  readonly stdout: string
  readonly stderr: string
}

export interface MeasureOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Variables that the command does not inherit. */
  readonly unset?: readonly string[]
  /** A file that `cat` writes to standard input, as in a shell; its own work is not measured. */
  readonly stdinFile?: string
  /** Standard output is read, counted and dropped: for results that nobody wants to keep. */
  readonly discardOutput?: boolean
  readonly timeoutMs?: number
  readonly limit?: MemoryLimit
  readonly signal?: AbortSignal
}

/** High-water marks do not shrink, so only what is taken in the last interval before the end can be missed. */
const POLL_MS = 10
const SAMPLE_MS = 250
/** Of each output; what comes before the last so many bytes is dropped. */
const MAX_KEPT_BYTES = 64_000_000

/**
 * Runs a command to its end and measures it. A failing exit code is in the figures; rejects `bench/failed` when it cannot
 * be started, `cancelled` when the signal fires (it and its children are killed then).
 */
export async function measureProcess(
  command: string,
  args: readonly string[],
  options: MeasureOptions = {},
): Promise<ProcessFigures> {
  const { signal, limit } = options
  throwIfCancelled(signal)
  const actual = limit?.wrap(command, args) ?? { command, args }
  await using pipe = options.stdinFile === undefined ? undefined : await pipeOf(options.stdinFile)
  const startedMs = performance.now()
  const child = spawn(actual.command, [...actual.args], {
    cwd: options.cwd,
    env: { ...environmentWithout(options.unset ?? []), ...options.env },
    stdio: [pipe?.fd ?? 'ignore', 'pipe', 'pipe'],
    // A group of its own, so that its children can be ended with it.
    detached: true,
  })
  const ended = endOf(child, command)
  const { pid } = child
  if (pid === undefined) return await ended.then(unstarted, unstarted)
  const tree = new ProcessTree(pid)
  const poll = setInterval(() => tree.poll(), POLL_MS)
  const sample = setInterval(() => tree.sample(), SAMPLE_MS)
  const out = keep(child.stdout, options.discardOutput === true ? 0 : MAX_KEPT_BYTES)
  const err = keep(child.stderr, MAX_KEPT_BYTES)
  await pipe?.close()
  let isTimedOut = false
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          isTimedOut = true
          killGroup(pid)
        }, options.timeoutMs)
  const onAbort = () => killGroup(pid)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const { exitCode, signal: endedBy } = await ended
    const wallMs = performance.now() - startedMs
    throwIfCancelled(signal)
    return {
      ...tree.figures(),
      wallMs,
      exitCode,
      signal: endedBy,
      isTimedOut,
      stdoutBytes: out.bytes(),
      stdout: out.text(),
      stderr: err.text(),
    }
  } finally {
    clearInterval(poll)
    clearInterval(sample)
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

/** {@link measureProcess} that rejects `bench/failed` unless the command ended well. */
export async function measureSuccess(
  command: string,
  args: readonly string[],
  options: MeasureOptions = {},
): Promise<ProcessFigures> {
  const figures = await measureProcess(command, args, options)
  if (figures.exitCode !== 0) {
    throw new IceboxError('bench/failed', {
      message: `${command} ${args.join(' ')} ended with ${figures.exitCode ?? figures.signal}\n${figures.stdout.slice(-2000)}\n${figures.stderr.slice(-2000)}`,
      context: { command, exitCode: figures.exitCode, signal: figures.signal },
    })
  }
  return figures
}

function environmentWithout(unset: readonly string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !unset.includes(name)))
}

interface ProcessEnd {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
}

function endOf(child: ChildProcess, command: string): Promise<ProcessEnd> {
  return new Promise((resolve, reject) => {
    child.on('error', (error) =>
      reject(
        new IceboxError('bench/failed', {
          message: `${command} cannot be started: ${error.message}`,
          context: { command },
          cause: error,
        }),
      ),
    )
    child.on('close', (exitCode, signal) => resolve({ exitCode, signal }))
  })
}

/** A process without an id fails with the reason that its `error` event gives. */
function unstarted(reason: unknown): never {
  throw reason
}

/** Keeps the end of an output. */
function keep(stream: NodeJS.ReadableStream | null, maxBytes: number): { bytes(): number; text(): string } {
  const chunks: Buffer[] = []
  let keptBytes = 0
  let allBytes = 0
  stream?.on('data', (chunk: Buffer) => {
    allBytes += chunk.length
    if (maxBytes === 0) return
    chunks.push(chunk)
    keptBytes += chunk.length
    while (keptBytes > maxBytes && chunks.length > 1) keptBytes -= chunks.shift()?.length ?? 0
  })
  return { bytes: () => allBytes, text: () => Buffer.concat(chunks).toString('utf8') }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error
  }
}
