export type {
  Meter,
  OperationFigures,
  QueryServices,
  StatementOptions,
  StatementResult,
  StatementSummary,
  TableScanReport,
} from './port.ts'
export { QueryConnection, QueryRunner } from './run/runner.ts'
