import { openAllocator } from './allocator.ts'
import { loadBinding } from './binding.ts'

/** What can be said of the engine without starting it: for `icebox doctor`. */
export interface EngineProbe {
  /** DuckDB's version: `v1.5.5`. */
  readonly version: string
  /** True where the engine's allocator can be read and purged. */
  readonly isAllocatorReached: boolean
}

/** Loads the native library. Rejects `engine/unavailable`. */
export async function probeEngine(): Promise<EngineProbe> {
  const binding = await loadBinding()
  return { version: binding.library_version(), isAllocatorReached: (await openAllocator()) !== undefined }
}
