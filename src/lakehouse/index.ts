export type {
  ArrowBatch,
  ArrowOptions,
  ArrowStream,
  ColumnarBatch,
  ColumnDescription,
  CommandLakehouse,
  EnvironmentReport,
  ImportOptions,
  ImportPlan,
  ImportProgress,
  ImportSummary,
  OperationSummary,
  QueryOptions,
  RelocateSummary,
  ResultColumn,
  RunSqlOptions,
  SqlParameter,
  SqlValue,
  StatementResult,
  TableDescription,
  TableListing,
} from './api.ts'
export type { Appender, AppendedRow } from './appender.ts'
export { inspectEnvironment, resolveBudget } from './environment.ts'
export { findLake } from './folder.ts'
export { IceboxError } from '../base/index.ts'
export { Lakehouse } from './lakehouse.ts'
export type { AppenderOptions, AppendOptions, OpenOptions } from './options.ts'
