import { isIceboxError } from '../../base/index.ts'
import type { Gate } from '../../engine/index.ts'

/** Does what takes memory beside others that the gate lets in; where that was short, once more without them. */
export async function besideOthers<Result>(gate: Gate, act: () => Promise<Result>): Promise<Result> {
  await gate.enter()
  try {
    return await act()
  } catch (error) {
    if (!isIceboxError(error, 'memory/')) throw error
  } finally {
    gate.leave()
  }
  return await gate.alone(act)
}
