import { messageOf } from '../base/index.ts'
import type { Configuration } from '../config/index.ts'
import { allocatorControl, probeEngine } from '../engine/index.ts'
import { expectedBaseBytes, leastBudgetBytes, type PressureSettings, resolveAutoBudget } from '../memory/index.ts'
import type { EnvironmentReport } from './api.ts'

/** The budget in bytes that a configuration comes to: `auto` is resolved from the container or the machine. */
export function resolveBudget(configuration: Configuration): number {
  const maxUsage = configuration.values['performance.memory.max_usage']
  return maxUsage === 'auto' ? resolveAutoBudget().budgetBytes : maxUsage
}

/** How memory is watched and pooled, and what is done when it gets short. */
export function memoryWatch({ values }: Configuration): {
  readonly monitoringIntervalMs: number | undefined
  readonly pressure: PressureSettings
  readonly poolSizeBytes: number
  readonly defragThreshold: number
} {
  return {
    monitoringIntervalMs: values['performance.memory.monitoring.enabled']
      ? values['performance.memory.monitoring.interval']
      : undefined,
    poolSizeBytes: values['performance.memory.pool_size'],
    defragThreshold: values['performance.memory.defrag_threshold'],
    pressure: {
      pausesSources: values['performance.streaming.backpressure.enabled'],
      backpressureThreshold: values['performance.streaming.backpressure.threshold'],
      gcThreshold: values['performance.memory.gc_threshold'],
      alertThreshold: values['performance.memory.monitoring.alert_threshold'],
    },
  }
}

/** What the rooms below find on this machine, for `icebox doctor`. An engine that cannot be loaded is part of the report. */
export async function inspectEnvironment(): Promise<EnvironmentReport> {
  const auto = resolveAutoBudget()
  const memory = {
    limitBytes: auto.limitBytes,
    autoBudgetBytes: auto.budgetBytes,
    autoSource: auto.source,
    leastBudgetBytes: leastBudgetBytes({
      budgetBytes: 0,
      baseBytes: expectedBaseBytes(),
      cores: 1,
      allocator: allocatorControl(),
    }),
  }
  try {
    return { engine: await probeEngine(), memory }
  } catch (error) {
    return { engine: { problem: messageOf(error) }, memory }
  }
}
