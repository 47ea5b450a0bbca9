import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from '../environment.ts'
import type { Workload } from './workloads.ts'

/** Who does the work of a cell. */
export const SYSTEMS = ['icebox', 'raw DuckDB', 'PyIceberg append', 'PyIceberg streamed'] as const
export type System = (typeof SYSTEMS)[number]

/** Whether a system can do a workload at all. */
export function takes(system: System, { work }: Workload): boolean {
  switch (system) {
    case 'icebox':
      return true
    case 'raw DuckDB':
      return work.kind !== 'concurrent' && !(work.kind === 'import' && work.from === 'pipe')
    case 'PyIceberg append':
    case 'PyIceberg streamed':
      // Of partitioned tables its writer of streams refuses; reading is not its trade.
      return work.kind === 'import' && work.from === 'file' && work.partitionBy === undefined
  }
}

export interface InstalledSystems {
  readonly installed: readonly System[]
  /** Why another is not here, a sentence each. */
  readonly absent: readonly string[]
}

/** DuckDB's Node client is a development dependency of the repository, PyIceberg lives in the work folder. */
export function installedSystems(workFolder: string): InstalledSystems {
  const installed: System[] = ['icebox']
  const absent: string[] = []
  const clone = repository()
  if (clone === undefined) {
    absent.push('raw DuckDB and PyIceberg are shown in a clone of the repository only')
    return { installed, absent }
  }
  if (existsSync(rawProgram(clone.programs))) installed.push('raw DuckDB')
  else absent.push('raw DuckDB: not built; npm run build makes it')
  if (existsSync(pythonOf(workFolder))) installed.push('PyIceberg append', 'PyIceberg streamed')
  else absent.push(`PyIceberg: no virtual environment in ${workFolder}/venv; npm run bench -- planning makes it`)
  return { installed, absent }
}

export function rawProgram(programs: string): string {
  return join(programs, 'raw-workload.js')
}

export function pythonOf(workFolder: string): string {
  return join(workFolder, 'venv/bin/python')
}
