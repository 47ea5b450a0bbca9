import { access, constants, statfs } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { dirname } from 'node:path'
import { systemCode } from '../../base/index.ts'
import type { EnvironmentReport } from '../../lakehouse/api.ts'

/** What was found on the machine; judged by {@link file://./findings.ts}. */
export interface DoctorFacts {
  readonly iceboxVersion: string
  readonly nodeVersion: string
  readonly platform: string
  readonly architecture: string
  /** `glibc 2.36`, `musl`, or undefined outside Linux. */
  readonly libc: string | undefined
  readonly cores: number
  readonly machineMemoryBytes: number
  readonly environment: EnvironmentReport
  /** Variables that the launcher sets before Node starts, as they are now. */
  readonly launcher: Readonly<Record<string, string | undefined>>
  readonly budgetBytes: number
  readonly budgetSource: string
  readonly lake: LakeFacts
}

export type LakeFacts =
  | { readonly kind: 'none'; readonly message: string }
  | {
      readonly kind: 'broken'
      readonly directory: string
      readonly code: string
      readonly message: string
      readonly remedy: string | undefined
    }
  | {
      readonly kind: 'open'
      readonly directory: string
      readonly tables: number
      readonly isWritable: boolean
      readonly freeBytes: number
      readonly spill: FolderFacts
    }

export interface FolderFacts {
  readonly path: string
  readonly isMemory: boolean
  readonly isWritable: boolean
  readonly freeBytes: number
}

/** Set by bin/icebox: they must be there before the process starts. */
export const LAUNCHER_VARIABLES = ['MALLOC_ARENA_MAX', 'MALLOC_TRIM_THRESHOLD_', 'MALLOC_MMAP_THRESHOLD_'] as const

/** tmpfs and ramfs by their magic numbers (statfs(2)). */
const MEMORY_FILE_SYSTEMS = [0x01021994, 0x858458f6]

/** What needs no lakehouse. */
export function machineFacts(
  env: Readonly<Record<string, string | undefined>>,
): Pick<
  DoctorFacts,
  'nodeVersion' | 'platform' | 'architecture' | 'libc' | 'cores' | 'machineMemoryBytes' | 'launcher'
> {
  return {
    nodeVersion: process.version,
    platform: process.platform,
    architecture: process.arch,
    libc: libcOf(),
    cores: availableParallelism(),
    machineMemoryBytes: totalmem(),
    launcher: Object.fromEntries(LAUNCHER_VARIABLES.map((name) => [name, env[name]])),
  }
}

/** Node's report names the glibc that runs; on Linux without one it is musl. */
function libcOf(): string | undefined {
  if (process.platform !== 'linux') return undefined
  const report: unknown = process.report.getReport()
  const header: unknown =
    typeof report === 'object' && report !== null && 'header' in report ? report.header : undefined
  const version: unknown =
    typeof header === 'object' && header !== null && 'glibcVersionRuntime' in header
      ? header.glibcVersionRuntime
      : undefined
  return typeof version === 'string' ? `glibc ${version}` : 'musl'
}

/** A folder that may not be there yet: then its nearest parent is looked at. */
export async function folderFacts(path: string): Promise<FolderFacts> {
  const existing = await nearestFolder(path)
  const info = await statfs(existing)
  return {
    path,
    isMemory: MEMORY_FILE_SYSTEMS.includes(info.type),
    isWritable: await isWritable(existing),
    freeBytes: info.bavail * info.bsize,
  }
}

async function nearestFolder(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    try {
      await access(at)
      return at
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' || dirname(at) === at) throw error
    }
  }
}

async function isWritable(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK)
    return true
  } catch (error) {
    if (['EACCES', 'EROFS', 'EPERM'].includes(systemCode(error) ?? '')) return false
    throw error
  }
}
