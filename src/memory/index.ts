export { type CopyPlan, type CopyPlanInput, planCopy, rowGroupSize } from './copy-plan.ts'
export {
  type AllocatorControl,
  type EnginePlan,
  type EnginePlanInput,
  LEAST_ENGINE_BYTES,
  planEngine,
} from './engine-plan.ts'
export { Governor, type Reservation, type ReserveOptions } from './governor.ts'
export { ownMemory, type ProcessMemory, readProcessMemory, resetPeak } from './process-memory.ts'
