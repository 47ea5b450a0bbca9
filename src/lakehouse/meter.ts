import { type Governor, type MemoryBill, recommend } from '../memory/index.ts'
import type { Meter, OperationFigures } from '../query/index.ts'

/** Starts to measure an operation: time, CPU of the process, and its memory bill; with a profile, over its time. */
export function startMeter(
  shared: { readonly governor: Governor; readonly leastBudgetBytes: number },
  operation: string,
  profile: boolean,
): Meter {
  const bill = shared.governor.bill(operation, { profile })
  const startedMs = performance.now()
  const cpuAtStart = process.cpuUsage()
  let stopped: OperationFigures | undefined

  const figures = (): OperationFigures => {
    if (stopped !== undefined) return stopped
    const cpu = process.cpuUsage(cpuAtStart)
    const now: MemoryBill = bill.bill()
    const elapsedMs = Math.round((performance.now() - startedMs) * 10) / 10
    return {
      elapsedMs,
      cpuMs: Math.round((cpu.user + cpu.system) / 1000),
      budgetBytes: now.budgetBytes,
      peakRssBytes: now.peakRssBytes,
      spilledBytes: now.spilledBytes,
      bill: now,
      ...(profile && {
        recommendations: recommend({ operation, elapsedMs, bill: now, leastBudgetBytes: shared.leastBudgetBytes }),
      }),
    }
  }
  return {
    figures,
    stop() {
      stopped ??= figures()
      bill[Symbol.dispose]()
    },
  }
}
