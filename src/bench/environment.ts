import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism, cpus, homedir, totalmem } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ownPackage } from '../base/index.ts'
import { inspectEnvironment } from '../lakehouse/index.ts'

/** Where measurements were made, and with what. */
export interface MachineFacts {
  readonly cores: number
  readonly cpu: string
  readonly memoryBytes: number
  readonly platform: string
  readonly node: string
  readonly icebox: string
  /** `v1.5.5`; why not where it could not be loaded. */
  readonly duckdb: string
  /** Of the repository that the package stands in; ends with `+` where files were changed since. Undefined in an installed package. */
  readonly commit: string | undefined
}

export async function machineFacts(): Promise<MachineFacts> {
  const { version, root } = ownPackage()
  const { engine } = await inspectEnvironment()
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    icebox: version,
    duckdb: 'version' in engine ? engine.version : engine.problem,
    commit: existsSync(join(root, '.git')) ? await commitOf(root) : undefined,
  }
}

async function commitOf(root: string): Promise<string | undefined> {
  const run = promisify(execFile)
  try {
    const { stdout: commit } = await run('git', ['-C', root, 'rev-parse', '--short=12', 'HEAD'])
    const { stdout: changes } = await run('git', ['-C', root, 'status', '--porcelain', '--untracked-files=no'])
    return `${commit.trim()}${changes.trim() === '' ? '' : '+'}`
  } catch {
    // No git on this machine, or not its repository: the run is filed without a commit.
    return undefined
  }
}

/** What only a clone of the repository has: reference programs (built) and the baseline. */
export interface Repository {
  /** The folder of built reference programs. */
  readonly programs: string
  /** The folder of their sources, which holds the Python ones. */
  readonly sources: string
}

/** Undefined in an installed package. */
export function repository(): Repository | undefined {
  const { root } = ownPackage()
  const sources = join(root, 'bench/sides')
  return existsSync(sources) ? { programs: join(root, 'dist/bench'), sources } : undefined
}

/** `.bench` in a clone of the repository, else a folder in the user's cache. */
export function defaultWorkFolder(env: Readonly<Record<string, string | undefined>>): string {
  if (repository() !== undefined) return join(ownPackage().root, '.bench')
  const cache = env['XDG_CACHE_HOME'] ?? ''
  return join(cache === '' ? join(homedir(), '.cache') : cache, 'icebox-bench')
}

/** The command as people run it: with its launcher. */
export function iceboxCommand(): string {
  return join(ownPackage().root, 'bin/icebox')
}

const LAUNCHER_VARIABLES = [
  'MALLOC_ARENA_MAX',
  'MALLOC_TRIM_THRESHOLD_',
  'MALLOC_MMAP_THRESHOLD_',
  'UV_THREADPOOL_SIZE',
]

/** What docs/reference/library.md tells programs that run for long to start with; `icebox` starts with it, too. */
export const LONG_LIVED_SETTINGS = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '16777216',
  MALLOC_MMAP_THRESHOLD_: '4194304',
}

/**
 * Variables that a measured program must not inherit, to be unset: the configuration of Icebox, and what its launcher set
 * for this process (the launcher sets it again for `icebox`; others start as their users start them).
 */
export function inheritedVariables(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const own = Object.keys(env).filter((name) => name.startsWith('ICEBOX_'))
  return env['ICEBOX_LAUNCHER'] === undefined ? own : [...own, ...LAUNCHER_VARIABLES]
}
