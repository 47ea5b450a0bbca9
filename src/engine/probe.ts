import type { AllocatorControl } from '../memory/index.ts'
import { allocatorControl, openAllocator } from './allocator.ts'
import { loadBinding } from './binding.ts'

/** What can be said of the engine without starting it: for `icebox doctor`. */
export interface EngineProbe {
  /** DuckDB's version: `v1.5.5`. */
  readonly version: string
  /** True where the engine's allocator can be read and purged. */
  readonly isAllocatorReached: boolean
  /** How its free pages get back to the operating system. */
  readonly allocator: AllocatorControl
  /**
   * True when the process came through the launcher. Otherwise glibc's knobs are set when the engine first needs its
   * allocator (arenas made before that stay), and V8's young generation keeps its size of up to 16 MiB a space.
   */
  readonly isLaunched: boolean
}

/** Loads the native library. Rejects `engine/unavailable`. */
export async function probeEngine(): Promise<EngineProbe> {
  const binding = await loadBinding()
  const allocator = allocatorControl()
  const isAllocatorReached =
    allocator === 'purge' &&
    (await openAllocator().then(
      () => true,
      () => false,
    ))
  return {
    version: binding.library_version(),
    isAllocatorReached,
    allocator,
    isLaunched: process.env['ICEBOX_LAUNCHER'] === '1',
  }
}
