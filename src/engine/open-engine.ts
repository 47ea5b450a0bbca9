import type { Governor } from '../memory/index.ts'
import type { LaunchOptions } from './child/launch.ts'
import { openOwnEngine, type OwnEngineOptions } from './own-engine.ts'
import type { Engine } from './port.ts'

export interface EngineOptions extends OwnEngineOptions {
  readonly governor: Governor
  /**
   * `own`: in this process. `child`: in one of its own, which has a hard limit of memory where the system can set one, can
   * die without taking this one along, and is started again (docs/decisions/0014-engine-process.md). Default `own`.
   */
  readonly process?: 'own' | 'child'
  readonly child?: LaunchOptions
}

/**
 * Starts the engine. Nothing native is loaded before this call, and with `child` nothing in this process ever.
 * Rejects `engine/unavailable`, `storage/spill-on-memory`, `storage/denied`.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  if (options.process !== 'child') return openOwnEngine(options)
  const { ChildEngine } = await import('./child/child-engine.ts')
  return ChildEngine.open(options)
}
