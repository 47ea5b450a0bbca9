import { messageOf } from '../base/index.ts'
import type { Configuration } from '../config/index.ts'
import { probeEngine } from '../engine/index.ts'
import { resolveAutoBudget } from '../memory/index.ts'
import type { EnvironmentReport } from './api.ts'

/** The budget in bytes that a configuration comes to: `auto` is resolved from the container or the machine. */
export function resolveBudget(configuration: Configuration): number {
  const maxUsage = configuration.values['performance.memory.max_usage']
  return maxUsage === 'auto' ? resolveAutoBudget().budgetBytes : maxUsage
}

/** What the rooms below find on this machine, for `icebox doctor`. An engine that cannot be loaded is part of the report. */
export async function inspectEnvironment(): Promise<EnvironmentReport> {
  const auto = resolveAutoBudget()
  const memory = { limitBytes: auto.limitBytes, autoBudgetBytes: auto.budgetBytes, autoSource: auto.source }
  try {
    return { engine: await probeEngine(), memory }
  } catch (error) {
    return { engine: { problem: messageOf(error) }, memory }
  }
}
