import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allocatorControl, type Engine, openEngine } from '../../../src/engine/index.ts'
import { engineChildEntry } from '../../support/engine-child.ts'
import { type BufferAllocator, type EnginePlan, Governor } from '../../../src/memory/index.ts'

const MiB = 1024 * 1024

export interface EngineBench extends AsyncDisposable {
  readonly engine: Engine
  readonly governor: Governor
  /** A temporary folder, removed at the end; the spill folder is below it. */
  readonly folder: string
  readonly spillDirectory: string
}

/** An engine in a temporary folder. */
export async function startEngine(
  options: {
    readonly limitMiB?: number
    readonly threads?: number
    readonly maxSpillBytes?: number
    readonly allowedDirectories?: (folder: string) => readonly string[]
    readonly maxSessions?: number
    readonly process?: 'own' | 'child'
    readonly buffers?: BufferAllocator
  } = {},
): Promise<EngineBench> {
  const folder = await mkdtemp(join(tmpdir(), 'icebox-engine-'))
  const spillDirectory = join(folder, 'spill')
  const governor = Governor.create({ budgetBytes: 1024 * MiB })
  const memoryLimitBytes = (options.limitMiB ?? 256) * MiB
  const plan: EnginePlan = {
    memoryLimitBytes,
    threads: options.threads ?? 2,
    copyThreads: 2,
    purgeAboveBytes: allocatorControl() === 'purge' ? memoryLimitBytes : undefined,
  }
  const allowed = options.allowedDirectories?.(folder)
  const engine = await openEngine({
    plan,
    governor,
    spillDirectory,
    maxSpillBytes: options.maxSpillBytes ?? 1e9,
    ...(options.process === 'child' ? { process: 'child', child: { entry: await engineChildEntry() } } : {}),
    ...(allowed === undefined ? {} : { allowedDirectories: allowed }),
    ...(options.buffers === undefined ? {} : { buffers: options.buffers }),
    ...(options.maxSessions === undefined ? {} : { maxSessions: options.maxSessions }),
  })
  return {
    engine,
    governor,
    folder,
    spillDirectory,
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
