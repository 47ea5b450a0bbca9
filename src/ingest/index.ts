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
export { BUCKET_FAMILY } from './write/bucket-function.ts'
export { type WriteRequest, type WriteResult, writeDataFiles } from './write/data-files.ts'
export { type JournalEntry, WriteJournal } from './write/journal.ts'
export type { WriteStrategy } from './write/strategy.ts'
