export {
  type ExecuteOptions,
  executeImport,
  type ImportOutcome,
  type ImportStep,
} from './execute/execute-import.ts'
export { recoverWrites, type RecoveryReport } from './execute/recover.ts'
export type { CsvOptions } from './inspect/csv.ts'
export type { PlannedColumn } from './plan/columns.ts'
export { describePlan, type ImportPlan } from './plan/import-plan.ts'
export { type ImportRequest, planImport } from './plan/plan-import.ts'
export type { IngestServices, IngestSettings } from './plan/services.ts'
export type { SourceFormat } from './source/format.ts'
export { type Clock, MONOTONIC_CLOCK } from './stream/clock.ts'
export type { StreamRecovery } from './stream/recover-streams.ts'
export { type StreamHandle, StreamHub } from './stream/stream-hub.ts'
export type { AppendRequest, AppendResult, SourcesPort, StreamParts } from './stream/table-stream.ts'
export { type WriteRequest, type WriteResult, writeDataFiles } from './write/data-files.ts'
export { type JournalEntry, WriteJournal } from './write/journal.ts'
export type { WriteStrategy } from './write/strategy.ts'
