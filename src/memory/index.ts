export { type AutoBudget, type AutoBudgetSources, resolveAutoBudget } from './auto-budget.ts'
export { BillMeter, type BillOptions, type MemoryBill } from './bill.ts'
export { requireBudgetFits } from './container-limit.ts'
export {
  alignCsvBuffer,
  type CopyPlan,
  type CopyPlanInput,
  csvBufferOfQuery,
  estimateRowBytes,
  planCopy,
  rowGroupSize,
  VECTOR_ROWS,
} from './copy-plan.ts'
export {
  type AllocatorControl,
  type EnginePlan,
  type EnginePlanInput,
  expectedBaseBytes,
  leastBudgetBytes,
  planEngine,
} from './engine-plan.ts'
export { Governor, type GovernorOptions } from './governor.ts'
export type { BufferAllocator, Lease } from './lease.ts'
export type { PoolClock } from './pool/clock.ts'
export type { Leak } from './pool/leaks.ts'
export type { SlabMemory } from './pool/slab-memory.ts'
export { type SlabBudget, SlabPool, type SlabPoolOptions } from './pool/slab-pool.ts'
export type { PoolStatistics } from './pool/statistics.ts'
export { collectAndSweep, collectGarbage, heapBytes } from './pressure/garbage.ts'
export type { Brake, PressureEvent, PressureListener } from './pressure/ladder.ts'
export type { OperationOptions, RunningOperation } from './pressure/operations.ts'
export type { Reliever } from './pressure/relievers.ts'
export type { PressureSettings, Rung } from './pressure/rungs.ts'
export type { SourceGate } from './pressure/sources.ts'
export {
  type HoldingKind,
  type HoldingOperator,
  heldBytes,
  type MemoryPlan,
  memoryPlanText,
  planImportMemory,
  passesOfSort,
  planStatement,
} from './memory-plan.ts'
export { advised, type Advice } from './pressure/advice.ts'
export { ownMemory, parseStatus, type ProcessMemory } from './process-memory.ts'
export { type MemoryProfile, type Recommendation, recommend } from './profile/recommend.ts'
export type { MemoryTimeline, TimelinePoint } from './profile/timeline.ts'
export type { BudgetNode } from './tree/budget-tree.ts'
export type { Reservation, ReserveOptions } from './tree/reservation.ts'
export type { Priority } from './tree/wait-line.ts'
export { decidePurge, type PurgeDecision } from './purge-rule.ts'
