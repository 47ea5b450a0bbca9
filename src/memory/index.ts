export { type AutoBudget, type AutoBudgetSources, resolveAutoBudget } from './auto-budget.ts'
export { BillMeter, type MemoryBill } from './bill.ts'
export {
  alignCsvBuffer,
  type CopyPlan,
  type CopyPlanInput,
  estimateRowBytes,
  planCopy,
  rowGroupSize,
} from './copy-plan.ts'
export {
  type AllocatorControl,
  type EnginePlan,
  type EnginePlanInput,
  expectedBaseBytes,
  planEngine,
} from './engine-plan.ts'
export { Governor, type GovernorOptions, type Reservation, type ReserveOptions } from './governor.ts'
export type { BufferAllocator, Lease } from './lease.ts'
export { ownMemory, type ProcessMemory } from './process-memory.ts'
export { decidePurge, type PurgeDecision } from './purge-rule.ts'
