import type { Governor, MemoryBill } from '../memory/index.ts'
import type { Meter, OperationFigures } from '../query/index.ts'

/** Starts to measure an operation: time, CPU of the process, and its memory bill. */
export function startMeter(governor: Governor, operation: string): Meter {
  const bill = governor.bill(operation)
  const startedMs = performance.now()
  const cpuAtStart = process.cpuUsage()
  let stopped: OperationFigures | undefined

  const figures = (): OperationFigures => {
    if (stopped !== undefined) return stopped
    const cpu = process.cpuUsage(cpuAtStart)
    const now: MemoryBill = bill.bill()
    return {
      elapsedMs: Math.round((performance.now() - startedMs) * 10) / 10,
      cpuMs: Math.round((cpu.user + cpu.system) / 1000),
      budgetBytes: now.budgetBytes,
      peakRssBytes: now.peakRssBytes,
      spilledBytes: now.spilledBytes,
      bill: now,
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
