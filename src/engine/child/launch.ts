import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { IceboxError, packagedScript } from '../../base/index.ts'
import type { EnginePlan } from '../../memory/index.ts'

const run = promisify(execFile)

/** How the engine's process is started. */
export interface LaunchOptions {
  /** The script that the process runs: it calls `serveEngine`. Default: `engine-child.js` of this package. */
  readonly entry?: string
  /** CPUs that it keeps to, as `taskset -c` takes them: `0,2-3`. Without `taskset` it is refused. */
  readonly cpus?: string
  /** Added to the priority, 0 to 19: the larger, the more the process gives way. */
  readonly niceness?: number
}

export interface Launched {
  readonly process: ChildProcess
  readonly pid: number
  readonly socket: Socket
  /** What it last wrote to standard error. */
  complaints(): string
}

/** V8 holds what the protocol needs and no more; glibc and libuv are as bin/icebox sets them. */
const NODE_FLAGS = ['--max-old-space-size=96', '--max-semi-space-size=1', '--v8-pool-size=1']
const ENVIRONMENT = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '16777216',
  MALLOC_MMAP_THRESHOLD_: '4194304',
  UV_THREADPOOL_SIZE: '6',
}
/** Without it a data limit counts address space that jemalloc keeps for later, and joins inside the limit fail. */
const JEMALLOC = 'retain:false'
const JEMALLOC_WITHOUT_PURGE = 'retain:false,dirty_decay_ms:0,muzzy_decay_ms:0,narenas:1'
const MOST_COMPLAINTS = 4_000

/** Starts the process. Rejects `engine/unavailable`, `environment/unfit`. */
export async function launch(options: LaunchOptions, plan: EnginePlan): Promise<Launched> {
  const entry = options.entry ?? findEntry()
  const command = [process.execPath, ...NODE_FLAGS, entry]
  if (options.niceness !== undefined && options.niceness !== 0) command.unshift('nice', '-n', String(options.niceness))
  if (options.cpus !== undefined) {
    if (!isOnPath('taskset')) {
      throw new IceboxError('environment/unfit', {
        message: `the engine's process cannot be kept to CPUs ${options.cpus}: there is no taskset here`,
        remedy: 'set performance.cpu.affinity to none, or install util-linux',
        context: { cpus: options.cpus },
      })
    }
    command.unshift('taskset', '-c', options.cpus)
  }
  const [program = process.execPath, ...args] = command
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ...ENVIRONMENT,
      DUCKDB_JE_MALLOC_CONF: plan.purgeAboveBytes === undefined ? JEMALLOC_WITHOUT_PURGE : JEMALLOC,
    },
  })
  const failed = new Promise<never>((_, reject) =>
    child.once('error', (error) => reject(unavailable(error.message, error))),
  )
  failed.catch(() => undefined)
  if (child.pid === undefined) return failed
  const socket = child.stdio[3]
  if (!(socket instanceof Socket)) throw unavailable('there is no socket to it')
  let complaints = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-MOST_COMPLAINTS)
  })
  // An open engine does not keep a process alive that has nothing else to do.
  child.unref()
  if (child.stderr instanceof Socket) child.stderr.unref()
  socket.unref()
  return { process: child, pid: child.pid, socket, complaints: () => complaints }
}

/**
 * Limits the process's data (heap, mappings that can be written) to what it has now and `moreBytes`: an allocation beyond
 * fails, DuckDB says that it is out of memory, and the process lives. Answers with the limit, or undefined where there is
 * no `prlimit`.
 */
export async function limitData(pid: number, moreBytes: number): Promise<number | undefined> {
  if (!isOnPath('prlimit')) return undefined
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const dataBytes = Number(/^VmData:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024
  if (!Number.isFinite(dataBytes)) return undefined
  const limitBytes = dataBytes + moreBytes
  await setDataLimit(pid, limitBytes)
  return limitBytes
}

/** The same with a limit that is known; where {@link limitData} found a `prlimit`. */
export async function setDataLimit(pid: number, limitBytes: number): Promise<void> {
  await run('prlimit', [`--pid=${pid}`, `--data=${limitBytes}`])
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))
}

function findEntry(): string {
  const path = packagedScript('engine-child.js')
  if (path === undefined) throw unavailable('its script engine-child.js is not in this installation')
  return path
}

export function unavailable(why: string, cause?: unknown): IceboxError {
  return new IceboxError('engine/unavailable', {
    message: `the engine's process cannot be started: ${why}`,
    remedy: 'install icebox-lakehouse again, or run the engine in this process',
    ...(cause === undefined ? {} : { cause }),
  })
}
