import type { TableIdentifier } from '../../catalog/index.ts'
import type { IngestServices } from '../plan/services.ts'

export interface ImportStep {
  readonly phase: 'inspect' | 'stage' | 'write' | 'commit'
  readonly rows: number | undefined
  readonly bytesRead: number | undefined
  readonly bytesTotal: number | undefined
  readonly fraction: number | undefined
}

export interface ExecuteOptions {
  readonly table: TableIdentifier
  readonly services: IngestServices
  /** Properties of a table that is made. */
  readonly properties?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  readonly onProgress?: (step: ImportStep) => void
}
