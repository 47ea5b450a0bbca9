export type {
  Meter,
  OperationFigures,
  PlanningNeeds,
  QueryServices,
  StatementOptions,
  StatementResult,
  StatementSummary,
  TableScanReport,
} from './port.ts'
export { QueryConnection, QueryRunner } from './run/runner.ts'
