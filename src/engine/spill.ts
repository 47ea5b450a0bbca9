import { mkdir, readdir, rm, stat, statfs } from 'node:fs/promises'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { IceboxError, makeFolders, readProcStat, systemCode } from '../base/index.ts'

/** Magic numbers of file systems that live in memory (statfs(2)): tmpfs and ramfs. */
const MEMORY_FILE_SYSTEMS = new Set([0x0102_1994, 0x8584_58f6])

/**
 * A spill folder of an engine of this process: `<directory>/<pid>-<start time>-<random>`, so that another run can tell that it
 * is stale, and engines of two worker threads do not meet.
 */
export interface SpillFolder extends AsyncDisposable {
  readonly path: string
  /** Bytes of files in it now. Never rejects. */
  usedBytes(): Promise<number>
}

/**
 * Makes this process's folder below `directory` and removes those of processes that are gone.
 * Rejects `storage/spill-on-memory` where the folder lies on tmpfs, `storage/denied`, `storage/full`.
 */
export async function openSpillFolder(directory: string): Promise<SpillFolder> {
  try {
    await makeFolders(directory)
  } catch (error) {
    throw spillError(directory, error)
  }
  await refuseMemory(directory)
  await removeStale(directory)
  const path = join(directory, `${process.pid}-${startTime(process.pid) ?? 'x'}-${randomBytes(8).toString('hex')}`)
  try {
    await mkdir(path)
  } catch (error) {
    throw spillError(path, error)
  }
  return {
    path,
    usedBytes: () => sizeOf(path),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

async function refuseMemory(directory: string): Promise<void> {
  const { type } = await statfs(directory)
  if (!MEMORY_FILE_SYSTEMS.has(type >>> 0)) return
  throw new IceboxError('storage/spill-on-memory', {
    message: `the spill folder ${directory} lies on a file system that is memory (tmpfs): spilling there would use the memory it is meant to save`,
    remedy: 'set performance.memory.spill_directory to a folder on a disk',
    context: { path: directory },
  })
}

/** For a process that ends without closing its engine, even while that is being opened: its folders go with it. */
export function removeOwnSpill(directory: string): void {
  if (!existsSync(directory)) return
  for (const name of readdirSync(directory)) {
    if (name.startsWith(`${process.pid}-`)) rmSync(join(directory, name), { recursive: true, force: true })
  }
}

/** Removes folders whose process is gone, or whose number now belongs to another process. */
export async function removeStale(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const match = /^(\d+)-(\w+)-[\da-f]+$/.exec(name)
    if (match === null) continue
    const alive = startTime(Number(match[1]))
    if (alive === undefined || alive !== match[2]) await rm(join(directory, name), { recursive: true, force: true })
  }
}

/** Start time of a process in clock ticks since boot, field 22 of `/proc/<pid>/stat`; where there is no procfs, 'x' while it lives. */
function startTime(pid: number): string | undefined {
  const field = readProcStat(`/proc/${pid}/stat`)
  if (field !== undefined || process.platform === 'linux') return field?.(22)
  try {
    process.kill(pid, 0)
    return 'x'
  } catch (error) {
    return systemCode(error) === 'EPERM' ? 'x' : undefined
  }
}

/**
 * Not synchronous: where the disk is busy a look into a folder that DuckDB makes and removes files in waits for the journal,
 * and nobody keeps the engine's memory near its limit meanwhile.
 */
async function sizeOf(path: string): Promise<number> {
  // Somebody may have removed the folder: then the statement that spills next says so, not who counts.
  const names = await readdir(path).catch(() => [])
  let total = 0
  for (const name of names) {
    // A file may go while it is looked at.
    const found = await stat(join(path, name)).catch(() => undefined)
    total += (found?.blocks ?? 0) * 512
  }
  return total
}

function spillError(path: string, cause: unknown): IceboxError {
  const code = systemCode(cause)
  const isFull = code === 'ENOSPC' || code === 'EDQUOT'
  return new IceboxError(isFull ? 'storage/full' : 'storage/denied', {
    message: `the spill folder ${path} cannot be made: ${isFull ? 'no space left on the device' : (code ?? String(cause))}`,
    remedy: `${isFull ? 'free space there, or ' : ''}set performance.memory.spill_directory to a folder that can be written`,
    context: { path },
    cause,
  })
}
