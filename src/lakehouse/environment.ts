import { isIceboxError } from '../base/index.ts'
import { probeEngine } from '../engine/index.ts'
import { resolveAutoBudget } from '../memory/index.ts'
import type { EnvironmentReport } from './api.ts'

/** What the rooms below know of the machine, without opening a lakehouse: for `icebox doctor`. */
export async function inspectEnvironment(): Promise<EnvironmentReport> {
  const { limitBytes, budgetBytes, source } = resolveAutoBudget()
  return { engine: await engineReport(), memory: { limitBytes, autoBudgetBytes: budgetBytes, autoSource: source } }
}

async function engineReport(): Promise<EnvironmentReport['engine']> {
  try {
    return await probeEngine()
  } catch (error) {
    if (isIceboxError(error)) return { problem: error.message }
    throw error
  }
}
